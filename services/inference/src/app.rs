//! What the server holds, and which routes it answers.

use std::sync::Arc;

use anyhow::{Context, bail};
use axum::Router;
use axum::http::Method;
use axum::routing::{get, post, post_service};
use bytesize::ByteSize;
use service_kit::PerConnection;
use service_kit::auth::Authenticator;
use service_kit::budget::BodyBudget;
use service_kit::edge::Edge;
use service_kit::guard::Guard;
use service_kit::health::{self, Health, Readiness};
use service_kit::http_series::HttpSeries;
use service_kit::metrics::Exporter;
use service_kit::problem::Problem;
use service_kit::rejection::Rejections;
use service_kit::serve;
use service_kit::shed::{Shed, TimeLimit};
use service_kit::shortcut::Shortcut;
use tokio::sync::Semaphore;
use tower::Layer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use crate::challenger_series;
use crate::comparison::Comparison;
use crate::config::Config;
use crate::error;
use crate::ready_board::ReadyBoard;
use crate::recording::Recording;
use crate::registry_look::RegistrySource;
use crate::routes::predict::{self, Predict};
use crate::routes::{docs, model, models, openapi};
use crate::served_model::{Models, ServedModel};

/// Every route, as the label `route` has it.
const ROUTES: [&str; 14] = [
    "/",
    "/health",
    "/ready",
    "/metrics",
    "/predict",
    "/model",
    "/openapi.json",
    "/models",
    "/models/{model}",
    "/models/{model}/predict",
    "/models/{model}/openapi.json",
    "/docs",
    "/docs/docs.css",
    "/docs/docs.js",
];

/// What the server holds.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Arc<Config>,
    /// What it answers for.
    pub(crate) models: Models,
    pub(crate) readiness: Readiness,
    pub(crate) exporter: Exporter,
    /// What is recorded of answers, and sent to the metrics service.
    pub(crate) recording: Recording,
    /// Where versions come from.
    pub(crate) source: Arc<RegistrySource>,
    /// Whoever has it loads a version: one at a time over all models.
    pub(crate) load_turn: Arc<Semaphore>,
    /// Where challengers are compared; none where there is never one.
    pub(crate) comparison: Option<Comparison>,
    /// What bodies that are being read and answered may take together.
    pub(crate) body_budget: BodyBudget,
    /// Refused requests, and streams that broke off.
    pub(crate) rejections: Rejections,
    /// Turns at computing large requests: as many as there are cores, so that small ones find one free.
    pub(crate) batch_turns: Arc<Semaphore>,
}

impl App {
    /// Makes what the settings ask for.
    ///
    /// # Errors
    ///
    /// Where a model or a private feature is named twice, a key cannot be used, or the system gives no thread.
    pub(crate) fn new(config: Config) -> anyhow::Result<Self> {
        let names = &config.source.model;
        if let Some((_, twice)) =
            names.iter().enumerate().find(|(idx, name)| names[..*idx].contains(name))
        {
            bail!("the model `{twice}` is named twice; give each --model once");
        }
        let exporter = Exporter::with_buckets(&challenger_series::BUCKETS);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let readiness = Readiness::new();
        let board = Arc::new(ReadyBoard::new(readiness.clone(), names));
        let recording = Recording::new(&config.events, &exporter)?;
        let served = |name| Arc::new(ServedModel::new(name, &config, &recording, &board));
        let comparison = config.challenger.challenger.mode().map(|_| Comparison::start());
        Ok(Self {
            models: Models::new(names.iter().map(served).collect()),
            body_budget: BodyBudget::new(bytes(config.requests.max_body_memory), &exporter),
            rejections: Rejections::new(&exporter, error::codes()),
            source: Arc::new(RegistrySource::new(&config.source)?),
            load_turn: Arc::new(Semaphore::new(1)),
            comparison: comparison.transpose().context("starting the comparison thread")?,
            batch_turns: Arc::new(Semaphore::new(cores)),
            readiness,
            exporter,
            recording,
            config: Arc::new(config),
        })
    }
}

/// A size of the settings, as this machine counts bytes.
pub(crate) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

/// A handle on the app that handlers take.
pub(crate) type AppState = Arc<App>;

/// The routes; predictions for the default model go past the router.
pub(crate) fn routes(app: &AppState, authenticator: Arc<Authenticator>) -> impl serve::Routes {
    let requests = &app.config.requests;
    let edge = Edge::new(HttpSeries::new(&app.exporter, &ROUTES), app.rejections.clone());
    let guard = Guard::new(authenticator);
    // A key first; then, for predictions, a place and a time limit.
    let to_predict = (
        guard.layer(),
        Shed::new(requests.max_in_flight, &app.exporter).layer(),
        TimeLimit::new(requests.request_timeout).layer(),
    );
    let predict = Predict(PerConnection::new(Arc::clone(app)));

    let mut router = Router::new()
        .route("/predict", post_service(predict.clone()))
        .route("/models/{model}/predict", post(predict::predict_named))
        .layer(to_predict.clone())
        .merge(
            Router::new()
                .route("/model", get(model::model))
                .route("/models", get(models::models))
                .route("/models/{model}", get(model::model_named))
                .layer(guard.layer()),
        )
        .route("/", get(docs::here))
        .route("/openapi.json", get(openapi::openapi))
        .route("/models/{model}/openapi.json", get(openapi::openapi_named))
        .route("/docs", get(docs::page))
        .route("/docs/docs.css", get(docs::style))
        .route("/docs/docs.js", get(docs::script))
        .with_state(Arc::clone(app))
        .merge(health::router(Health::new(app.readiness.clone(), app.exporter.clone())))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed());
    if requests.compression {
        // A stream's lines would wait in the compressor, the last of them for ever.
        let all_but_streams = DefaultPredicate::new().and(NotForContentType::const_new("text/csv"));
        router = router.layer(CompressionLayer::new().compress_when(all_but_streams));
    }
    let straight = edge.at("/predict").layer().layer(to_predict.layer(predict));
    Shortcut {
        router: router.layer(edge.layer()),
        method: Method::POST,
        path: "/predict",
        // Answers are compressed behind the router.
        service: (!requests.compression).then_some(straight),
    }
}
