//! `TestApp`: a server on port 0 over a temporary registry with the fixture model.

use std::time::Duration;

use clap::Parser;
use inference::{Config, Server};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::{TempRegistry, draft};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server.
pub(crate) struct TestApp {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) temp: TempRegistry,
    stop: oneshot::Sender<()>,
    pub(crate) task: JoinHandle<anyhow::Result<()>>,
}

impl TestApp {
    /// Serves version 1 of `diamonds`, which answers 100, 200 or 300, to anybody.
    pub(crate) async fn spawn() -> Self {
        Self::spawn_with(&["--allow-anonymous", "--rate-limit=0"]).await
    }

    /// The same with other flags; ready when it returns.
    pub(crate) async fn spawn_with(flags: &[&str]) -> Self {
        let temp = TempRegistry::new();
        temp.publish(draft("diamonds", 100.0)).await;
        let app = Self::over(temp, flags).await;
        app.eventually_ready(1).await;
        app
    }

    /// Serves whatever is in a registry, ready or not; a flag given replaces the fixed one.
    pub(crate) async fn over(temp: TempRegistry, flags: &[&str]) -> Self {
        let fixed = [
            "canopy-inference",
            "--model=diamonds",
            "--listen=127.0.0.1:0",
            "--registry-poll-interval=20ms",
            "--drain-delay=0s",
        ];
        let registry = format!("--registry={}", temp.location());
        let name = |flag: &str| flag.split('=').next().map(str::to_owned);
        let given = |fixed: &&str| !flags.iter().any(|flag| name(flag) == name(fixed));
        let arguments = fixed.into_iter().filter(given).chain([registry.as_str()]);
        let arguments = arguments.chain(flags.iter().copied());
        let server = Server::bind(Config::parse_from(arguments)).await.expect("bound");
        let url = format!("http://{}", server.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run_until(async {
            // A dropped sender means that the test is over.
            let _ = stopped.await;
        }));
        let client = Client::builder().no_proxy().build().expect("a client");
        Self { url, client, temp, stop, task }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.expect("an answer")
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    /// Posts JSON to /predict: status and body.
    pub(crate) async fn predict(&self, body: &Value) -> (u16, Value) {
        answer(self.post("/predict").json(body)).await
    }

    /// Posts bytes to /predict: status and body.
    pub(crate) async fn predict_bytes(&self, content_type: &str, body: Vec<u8>) -> (u16, Value) {
        answer(self.post("/predict").header("content-type", content_type).body(body)).await
    }

    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").await.text().await.expect("text")
    }

    /// The value of a series; 0 where it is not there.
    pub(crate) async fn series(&self, series: &str) -> f64 {
        let text = self.metrics().await;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// What `GET /models` says of the model at this place.
    pub(crate) async fn state(&self, model_idx: usize) -> Value {
        let body: Value = self.get("/models").await.json().await.expect("JSON");
        body["models"][model_idx].clone()
    }

    /// Waits until the challenger of the first model is in this state.
    pub(crate) async fn eventually_challenger(&self, version: u64, state: &str) {
        eventually(&format!("version {version} is {state}"), async || {
            let challenger = self.state(0).await["challenger"].clone();
            challenger["version"] == version && challenger["state"] == state
        })
        .await;
    }

    pub(crate) async fn eventually_ready(&self, version: u64) {
        let expected = json!({"status": "ready", "model_loaded": true, "model": "diamonds", "version": version});
        eventually(&format!("version {version} is ready"), async || {
            let response = self.get("/ready").await;
            response.status() == 200 && response.json::<Value>().await.expect("JSON") == expected
        })
        .await;
    }

    /// Begins to shut down.
    pub(crate) fn stop(self) -> JoinHandle<anyhow::Result<()>> {
        self.stop.send(()).expect("it is running");
        self.task
    }
}

/// Status and JSON body.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.expect("a JSON body"))
}

/// A row that fits: 100 for its size and 300 for its cut, so 200.
pub(crate) fn row() -> Value {
    json!({"carat": 0.5, "cut": "Ideal", "grade": 3})
}

/// Waits for a condition; the limit only ends a test that would wait for ever.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("still waiting until {what}"));
}
