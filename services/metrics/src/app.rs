//! What the service holds, and which routes it answers.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use service_kit::auth::Authenticator;
use service_kit::edge::Edge;
use service_kit::guard::Guard;
use service_kit::health::{self, Health, Readiness};
use service_kit::http_series::HttpSeries;
use service_kit::metrics::Exporter;
use service_kit::problem::Problem;
use service_kit::rejection::Rejections;
use service_kit::serve;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::{self, Millis};
use crate::config::Config;
use crate::routes::{dashboard, state, stream};
use crate::selection::States;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::{error, series};

/// Every route but those of the page's files, as the label `route` has it.
const ROUTES: [&str; 5] = ["/health", "/ready", "/metrics", "/api/state", "/api/stream"];

/// What the service holds.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) started: Millis,
    pub(crate) exporter: Exporter,
    pub(crate) readiness: Readiness,
    /// Refused requests.
    pub(crate) rejections: Rejections,
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
    pub(crate) fn new(config: Config) -> anyhow::Result<Self> {
        let exporter = Exporter::new();
        let started = clock::now();
        let snapshots = watch::Sender::new(Arc::new(Snapshot::empty(started)));
        let snapshot = snapshots.subscribe();
        exporter.write_with(move |text| text.push_str(&series::render(&snapshot.borrow())));
        Ok(Self {
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

/// A handle on the app that handlers take.
pub(crate) type AppState = Arc<App>;

/// The routes, and whose key each needs.
pub(crate) fn routes(app: &AppState, callers: Arc<Authenticator>) -> impl serve::Routes {
    let routes: Vec<_> = ROUTES.into_iter().chain(dashboard::paths()).collect();
    let edge = Edge::new(HttpSeries::new(&app.exporter, &routes), app.rejections.clone());
    let guard = Guard::new(callers);
    Router::new()
        .route("/api/state", get(state::state))
        .route("/api/stream", get(stream::stream))
        .layer(guard.layer())
        .merge(dashboard::router())
        .with_state(Arc::clone(app))
        .merge(health::router(Health::new(app.readiness.clone(), app.exporter.clone())))
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(edge.layer())
}
