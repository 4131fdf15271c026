//! What the service holds, and which routes it answers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
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
use service_kit::shed::TimeLimit;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Millis};
use crate::config::Config;
use crate::metrics::IntakeSeries;
use crate::routes::{actuals, dashboard, events, state, stream};
use crate::selection::States;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::{error, series};

/// Every route but those of the page's files, as the label `route` has it.
const ROUTES: [&str; 7] =
    ["/health", "/ready", "/metrics", "/api/state", "/api/stream", "/actuals", "/events"];

/// How long a body may take to come and to be stored.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Bodies that are read at once, in those of the largest size.
const N_LARGE_BODIES: usize = 2;

/// What the service holds.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) started: Millis,
    pub(crate) exporter: Exporter,
    pub(crate) readiness: Readiness,
    /// Refused requests.
    pub(crate) rejections: Rejections,
    /// What came in.
    pub(crate) series: IntakeSeries,
    /// What bodies that are being read and stored may take together.
    pub(crate) body_budget: BodyBudget,
    /// What is remembered.
    pub(crate) store: Store,
    /// What is known now; whoever follows it gets the newest.
    pub(crate) snapshots: watch::Sender<Arc<Snapshot>>,
    /// The documents that were made of it.
    pub(crate) states: States,
    /// Places for those who follow it.
    pub(crate) streams: Arc<Semaphore>,
    /// Cancelled when the service is to stop: what would never end by itself ends then.
    pub(crate) closing: CancellationToken,
}

impl App {
    /// Opens what the settings name.
    ///
    /// # Errors
    ///
    /// Where the database cannot be used.
    pub(crate) fn new(mut config: Config) -> anyhow::Result<Self> {
        keep_first(&mut config.drift.windows);
        keep_first(&mut config.source.model);
        let exporter = Exporter::new();
        let started = clock::now();
        let snapshots = watch::Sender::new(Arc::new(Snapshot::empty(started)));
        let snapshot = snapshots.subscribe();
        exporter.write_with(move |text| text.push_str(&series::render(&snapshot.borrow())));
        Ok(Self {
            body_budget: BodyBudget::new(
                max_body(&config).saturating_mul(N_LARGE_BODIES),
                &exporter,
            ),
            series: IntakeSeries::new(&exporter),
            store: Store::open(&config.store.data)?,
            started,
            rejections: Rejections::new(&exporter, error::codes()),
            readiness: Readiness::new(),
            exporter,
            snapshots,
            states: States::default(),
            streams: Arc::new(Semaphore::new(stream::MAX_STREAMS)),
            closing: CancellationToken::new(),
            config,
        })
    }
}

impl App {
    /// The largest body, in bytes.
    pub(crate) fn max_body(&self) -> usize {
        max_body(&self.config)
    }
}

/// What is named twice, as 1h and 60m, is there once: a series has no two values.
fn keep_first<T: PartialEq>(values: &mut Vec<T>) {
    let given = std::mem::take(values);
    for value in given {
        if !values.contains(&value) {
            values.push(value);
        }
    }
}

fn max_body(config: &Config) -> usize {
    usize::try_from(config.requests.max_body.as_u64()).unwrap_or(usize::MAX)
}

/// A handle on the app that handlers take.
pub(crate) type AppState = Arc<App>;

/// The routes, and whose key each needs.
pub(crate) fn routes(
    app: &AppState,
    callers: Arc<Authenticator>,
    senders: Arc<Authenticator>,
) -> impl serve::Routes {
    let routes: Vec<_> = ROUTES.into_iter().chain(dashboard::paths()).collect();
    let edge = Edge::new(HttpSeries::new(&app.exporter, &routes), app.rejections.clone());
    let guard = Guard::new(callers);
    let in_time = TimeLimit::new(TIME_LIMIT);
    Router::new()
        .route("/actuals", post(actuals::take))
        .layer((guard.layer(), in_time.layer()))
        .merge(
            Router::new()
                .route("/events", post(events::take))
                .layer((Guard::new(senders).layer(), in_time.layer())),
        )
        .merge(
            Router::new()
                .route("/api/state", get(state::state))
                .route("/api/stream", get(stream::stream))
                .layer(guard.layer()),
        )
        .merge(dashboard::router())
        .with_state(Arc::clone(app))
        .merge(health::router(Health::new(app.readiness.clone(), app.exporter.clone())))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(edge.layer())
}
