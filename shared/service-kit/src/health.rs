//! `/health`, `/ready` and `/metrics`: built once, here, for every server.
//!
//! Who sets the readiness: the service when it can answer, [`crate::serve`] when it stops.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Map, Value, json};

use crate::metrics::Exporter;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// Says whether the server should be sent requests; clones share the state.
///
/// Once draining it stays so, whatever is loaded meanwhile.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<ArcSwap<Standing>>);

#[derive(Debug)]
struct Standing {
    phase: Phase,
    fields: Map<String, Value>,
    /// Written when the state is set, so that a probe costs a copy of a pointer.
    body: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    NotReady,
    Ready,
    Draining,
}

impl Readiness {
    /// Starts not ready, with the reason `starting`.
    #[must_use]
    pub fn new() -> Self {
        let standing = Standing::new(Phase::NotReady, "starting", Map::new());
        Self(Arc::new(ArcSwap::from_pointee(standing)))
    }

    /// Takes the server out of rotation; the fields are those of [`Self::not_ready_with`] or `ready`.
    pub fn not_ready(&self, reason: &str) {
        self.set(Phase::NotReady, reason, None);
    }

    /// Takes the server out of rotation, with an object of fields such as `{"model_loaded":false}`.
    pub fn not_ready_with(&self, reason: &str, fields: Value) {
        self.set(Phase::NotReady, reason, Some(&object(fields)));
    }

    /// Puts the server into rotation, with an object of fields such as `{"version":3}`.
    pub fn ready(&self, fields: Value) {
        self.set(Phase::Ready, "", Some(&object(fields)));
    }

    /// Takes the server out of rotation for good, as the first step of stopping.
    pub fn draining(&self) {
        self.set(Phase::Draining, "draining", None);
    }

    /// Tells whether `/ready` answers 200.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.load().phase == Phase::Ready
    }

    /// Tells whether the server is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.load().phase == Phase::Draining
    }

    fn set(&self, phase: Phase, reason: &str, fields: Option<&Map<String, Value>>) {
        self.0.rcu(|now| {
            if now.phase == Phase::Draining {
                return Arc::clone(now);
            }
            let fields = fields.unwrap_or(&now.fields).clone();
            Arc::new(Standing::new(phase, reason, fields))
        });
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Standing {
    fn new(phase: Phase, reason: &str, fields: Map<String, Value>) -> Self {
        let standing = match phase {
            Phase::Ready => json!({"status": "ready"}),
            Phase::NotReady | Phase::Draining => json!({"status": "not_ready", "reason": reason}),
        };
        let mut body = object(standing);
        for (name, value) in &fields {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Self { phase, fields, body: Value::Object(body).to_string().into() }
    }
}

/// What the three routes need.
#[derive(Debug, Clone)]
pub struct Health {
    readiness: Readiness,
    exporter: Exporter,
    started: Instant,
}

impl Health {
    /// Starts the server's uptime.
    #[must_use]
    pub fn new(readiness: Readiness, exporter: Exporter) -> Self {
        Self { readiness, exporter, started: Instant::now() }
    }
}

/// Makes the routes `GET /health`, `GET /ready` and `GET /metrics`, which need no key.
pub fn router<S: Clone + Send + Sync + 'static>(health: Health) -> Router<S> {
    Router::new()
        .route("/health", get(alive))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn alive(State(health): State<Health>) -> Response {
    let uptime_seconds = health.started.elapsed().as_secs();
    let body = json!({"status": "healthy", "uptime_seconds": uptime_seconds});
    ([(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

async fn ready(State(health): State<Health>) -> Response {
    let standing = health.readiness.0.load();
    let status = match standing.phase {
        Phase::Ready => StatusCode::OK,
        Phase::NotReady | Phase::Draining => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, [(header::CONTENT_TYPE, JSON)], standing.body.clone()).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], health.exporter.render()).into_response()
}

/// Anything but an object has no fields.
fn object(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestServer;

    #[tokio::test]
    async fn ready_says_what_the_service_says() {
        let server = TestServer::spawn(Router::new()).await;
        let ask = async || {
            let response = server.get("/ready").await;
            let status = response.status().as_u16();
            (status, response.json::<Value>().await.unwrap())
        };
        assert_eq!(ask().await, (503, json!({"status": "not_ready", "reason": "starting"})));
        server.readiness.ready(json!({"model_loaded": true, "version": 3, "status": "mine"}));
        let fields = json!({"status": "ready", "model_loaded": true, "version": 3});
        assert_eq!(ask().await, (200, fields));
        server.readiness.not_ready("no version fits");
        let (status, body) = ask().await;
        assert_eq!((status, &body["reason"]), (503, &json!("no version fits")));
        assert_eq!(body["version"], 3);
    }

    #[test]
    fn draining_is_for_good() {
        let readiness = Readiness::new();
        readiness.draining();
        readiness.ready(json!({}));
        readiness.not_ready("another reason");
        assert!(readiness.is_draining() && !readiness.is_ready());
    }

    #[tokio::test]
    async fn health_and_metrics_need_nothing_else() {
        let server = TestServer::spawn(Router::new()).await;
        let body: Value = server.get("/health").await.json().await.unwrap();
        assert_eq!(body["status"], "healthy");
        assert!(body["uptime_seconds"].is_u64());
        let response = server.get("/metrics").await;
        assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    }
}
