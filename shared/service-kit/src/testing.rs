//! What this crate's own tests share: a server on port 0, a log that can be read, waiting for conditions.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    connection_series::ConnectionSeries,
    edge::Edge,
    health::{self, Health, Readiness},
    http_series::HttpSeries,
    metrics::Exporter,
    rejection::Rejections,
    serve::{ServeLimits, Server},
    telemetry,
};

/// The routes that tests use.
pub(crate) const ROUTES: &[&str] = &["/health", "/ready", "/metrics", "/echo", "/rows/{row}"];

/// A whole server: the given routes, the health routes, the edge.
pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    pub(crate) readiness: Readiness,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

impl TestServer {
    pub(crate) async fn spawn(routes: Router) -> Self {
        let limits = ServeLimits { drain_delay: Duration::ZERO, ..ServeLimits::default() };
        Self::spawn_with(routes, &Exporter::new(), limits).await
    }

    pub(crate) async fn spawn_with(
        routes: Router,
        exporter: &Exporter,
        limits: ServeLimits,
    ) -> Self {
        // On the test's own thread, where its log is captured.
        Self::spawn_on(0, routes, exporter, limits).await
    }

    pub(crate) async fn spawn_on(
        n_threads: usize,
        routes: Router,
        exporter: &Exporter,
        limits: ServeLimits,
    ) -> Self {
        let readiness = Readiness::new();
        let edge =
            Edge::new(HttpSeries::new(exporter, ROUTES), Rejections::new(exporter, ["test_code"]));
        let router = routes
            .merge(health::router(Health::new(readiness.clone(), exporter.clone())))
            .layer(edge.layer());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server =
            Server { listener, routes: router, readiness: readiness.clone(), limits, n_threads };
        let (stop, stopped) = oneshot::channel::<()>();
        let series = ConnectionSeries::new(exporter);
        let task = tokio::spawn(server.run_counted_until(series, async move {
            // A dropped sender means that the test is over.
            let _ = stopped.await;
        }));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, client, readiness, stop: Some(stop), task }
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// Asks the server to stop, and does not wait for it.
    pub(crate) fn stop(&mut self) {
        self.stop.take();
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(self) -> io::Result<()> {
        self.task.await.unwrap()
    }
}

/// The log of one test.
#[derive(Clone, Default)]
pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Captures what this thread logs, down to `debug`, until the guard is dropped.
    pub(crate) fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let captured = Self::default();
        let subscriber = telemetry::json(EnvFilter::new("debug"), captured.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        (captured, guard)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines of one target.
    pub(crate) fn lines(&self, target: &str) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["target"] == target).collect()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Waits for a condition, for as long as the machine needs but not for ever.
pub(crate) async fn eventually(mut condition: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("the condition never held");
}
