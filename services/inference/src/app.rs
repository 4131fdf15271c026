//! What the server holds, and which routes it answers.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use bytesize::ByteSize;
use service_kit::auth::Authenticator;
use service_kit::budget::BodyBudget;
use service_kit::edge::Edge;
use service_kit::guard::Guard;
use service_kit::health::{self, Health, Readiness};
use service_kit::http_series::HttpSeries;
use service_kit::metrics::Exporter;
use service_kit::problem::Problem;
use service_kit::rejection::Rejections;
use service_kit::shed::{Shed, TimeLimit};
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

use crate::active_model::ActiveModel;
use crate::config::Config;
use crate::error;
use crate::metrics::Series;
use crate::routes::{docs, model, openapi, predict};

/// Every route, as the label `route` has it.
const ROUTES: [&str; 10] = [
    "/",
    "/health",
    "/ready",
    "/metrics",
    "/predict",
    "/model",
    "/openapi.json",
    "/docs",
    "/docs/docs.css",
    "/docs/docs.js",
];

/// What the server holds.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    /// The version that answers; none before the first is verified.
    pub(crate) active_model: ArcSwapOption<ActiveModel>,
    pub(crate) readiness: Readiness,
    pub(crate) exporter: Exporter,
    pub(crate) series: Series,
    /// What bodies that are being read and answered may take together.
    pub(crate) body_budget: BodyBudget,
    /// Turns at computing large requests: as many as there are cores, so that small ones find one free.
    pub(crate) batch_turns: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(config: Config) -> Self {
        let exporter = Exporter::new();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            series: Series::new(&exporter, &config.source.model),
            body_budget: BodyBudget::new(bytes(config.requests.max_body_memory), &exporter),
            active_model: ArcSwapOption::empty(),
            readiness: Readiness::new(),
            exporter,
            batch_turns: Arc::new(Semaphore::new(cores)),
            config,
        }
    }
}

/// A size of the settings, as this machine counts bytes.
pub(crate) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

/// A handle on the app that handlers take.
pub(crate) type AppState = Arc<App>;

/// The routes.
pub(crate) fn router(app: &AppState, authenticator: Arc<Authenticator>) -> Router {
    let requests = &app.config.requests;
    let edge = Edge::new(
        HttpSeries::new(&app.exporter, &ROUTES),
        Rejections::new(&app.exporter, error::codes()),
    );
    let guard = Guard::new(authenticator);

    // A key first; then, for predictions, a place and a time limit.
    let behind_key = Router::new()
        .route("/predict", post(predict::predict))
        .layer(TimeLimit::new(requests.request_timeout).layer())
        .layer(Shed::new(requests.max_in_flight, &app.exporter).layer())
        .route("/model", get(model::model))
        .layer(guard.layer())
        // `predict` reads bodies itself, up to --max-body.
        .layer(DefaultBodyLimit::disable());

    let mut routes = Router::new()
        .merge(behind_key)
        .route("/", get(docs::here))
        .route("/openapi.json", get(openapi::openapi))
        .route("/docs", get(docs::page))
        .route("/docs/docs.css", get(docs::style))
        .route("/docs/docs.js", get(docs::script))
        .with_state(Arc::clone(app))
        .merge(health::router(Health::new(app.readiness.clone(), app.exporter.clone())))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed());
    if requests.compression {
        routes = routes.layer(CompressionLayer::new());
    }
    routes.layer(edge.layer())
}
