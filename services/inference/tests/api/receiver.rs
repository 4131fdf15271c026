//! A stand-in for the metrics service: takes events over TCP as it does, and remembers them.
//!
//! The service itself is tested in `services/metrics`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Takes events until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    taken: Arc<Taken>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Taken {
    /// What it answers with; 0 for never.
    status: AtomicU16,
    /// Bodies that were answered with 2xx, and the keys they came with.
    bodies: Mutex<Vec<(String, Option<String>)>>,
    /// Bodies that were refused.
    n_refused: AtomicU16,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), 202).await
    }

    /// Listens where one listened before.
    pub(crate) async fn at(address: SocketAddr, status: u16) -> Self {
        let listener = TcpListener::bind(address).await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let taken = Arc::new(Taken { status: status.into(), ..Taken::default() });
        let router = Router::new().route("/events", post(take)).with_state(Arc::clone(&taken));
        let serve = async { axum::serve(listener, router).await.expect("it serves") };
        Self { address, taken, task: tokio::spawn(serve) }
    }

    pub(crate) fn flag(&self) -> String {
        format!("--metrics-url=http://{}", self.address)
    }

    pub(crate) fn answer_with(&self, status: u16) {
        self.taken.status.store(status, Ordering::Relaxed);
    }

    pub(crate) fn n_refused(&self) -> u16 {
        self.taken.n_refused.load(Ordering::Relaxed)
    }

    /// Everything that was taken, as it came.
    pub(crate) fn text(&self) -> String {
        self.bodies().iter().map(|(body, _)| body.as_str()).collect()
    }

    pub(crate) fn keys(&self) -> Vec<Option<String>> {
        self.bodies().into_iter().map(|(_, key)| key).collect()
    }

    pub(crate) fn batches(&self) -> Vec<Value> {
        let bodies = self.bodies();
        bodies.iter().map(|(body, _)| serde_json::from_str(body).expect("JSON")).collect()
    }

    /// All events of all batches.
    pub(crate) fn events(&self) -> Vec<Value> {
        let events = |batch: Value| batch["events"].as_array().expect("events").clone();
        self.batches().into_iter().flat_map(events).collect()
    }

    fn bodies(&self) -> Vec<(String, Option<String>)> {
        self.taken.bodies.lock().expect("no panic").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn take(State(taken): State<Arc<Taken>>, headers: HeaderMap, body: String) -> StatusCode {
    let status = taken.status.load(Ordering::Relaxed);
    if status == 0 {
        std::future::pending::<()>().await;
    }
    let status = StatusCode::from_u16(status).expect("a status");
    if status.is_success() {
        let key = headers.get("x-api-key").map(|key| key.to_str().expect("text").to_owned());
        taken.bodies.lock().expect("no panic").push((body, key));
    } else {
        taken.n_refused.fetch_add(1, Ordering::Relaxed);
    }
    status
}
