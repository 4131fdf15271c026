//! An inference server in a process of its own, to be killed, stopped and started anew.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::Parser;
use inference::{Config, Server};
use reqwest::Client;
use serde_json::{Value, json};
use testkit::TempRegistry;

use crate::helpers::{eventually, free_port, signal};

const ARGUMENTS: &str = "CANOPY_TEST_ARGUMENTS";

/// Runs only as the child process of other tests: the binary of another package cannot be named here.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a child process of the other tests"]
async fn child() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let config = Config::parse_from(["canopy-inference"].into_iter().chain(arguments.split(' ')));
    let server = Server::bind(config).await.expect("bound");
    server.run_until(service_kit::shutdown::signal()).await.expect("runs");
}

/// A running inference server that is ended with this value.
pub(crate) struct Replica {
    child: Child,
    pub(crate) port: u16,
    registry: String,
    client: Client,
}

impl Replica {
    /// Serves `diamonds`; ready when it returns.
    pub(crate) async fn start(temp: &TempRegistry) -> Self {
        Self::start_at(free_port(), temp.location(), "").await
    }

    /// The same at a port that was told before, and sends its events to a service.
    pub(crate) async fn start_reporting(
        port: u16,
        temp: &TempRegistry,
        service: &str,
        key_file: &Path,
    ) -> Self {
        let flags = format!(" --metrics-url={service} --metrics-key-file={}", key_file.display());
        Self::start_at(port, temp.location(), &flags).await
    }

    async fn start_at(port: u16, registry: &str, flags: &str) -> Self {
        let arguments = format!(
            "--model=diamonds --registry={registry} --listen=127.0.0.1:{port} --allow-anonymous \
             --rate-limit=0 --registry-poll-interval=50ms --drain-delay=1h{flags}"
        );
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "replica::child", "--ignored", "--nocapture"])
            .env(ARGUMENTS, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let client = Client::builder().no_proxy().build().expect("a client");
        let replica = Self { child, port, registry: registry.to_owned(), client };
        eventually("the replica is ready", async || {
            let ready = replica.client.get(replica.at("/ready")).send().await.ok()?;
            (ready.status() == 200).then_some(())
        })
        .await;
        replica
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url())
    }

    /// Asks for the predictions of so many equal rows; none where it does not answer.
    pub(crate) async fn predict(&self, n_rows: usize) -> Option<()> {
        self.predict_rows(vec![json!({"carat": 0.5, "cut": "Ideal", "grade": 3}); n_rows]).await
    }

    /// Asks for the predictions of these rows; none where it does not answer.
    pub(crate) async fn predict_rows(&self, rows: Vec<Value>) -> Option<()> {
        let body = json!({"instances": rows});
        let answer = self.client.post(self.at("/predict")).json(&body).send().await.ok()?;
        (answer.status() == 200).then_some(())
    }

    /// Asks for something that is refused.
    pub(crate) async fn predict_badly(&self) {
        let answer = self.client.post(self.at("/predict")).json(&json!({})).send().await;
        assert_eq!(answer.expect("an answer").status().as_u16() / 100, 4);
    }

    /// What it says it has answered.
    pub(crate) async fn n_rows(&self) -> u64 {
        let text = self.client.get(self.at("/metrics")).send().await.expect("an answer");
        let text = text.text().await.expect("text");
        let lines = text.lines().filter(|line| line.starts_with("canopy_predictions_total{"));
        let counts = lines.map(|line| line.rsplit(' ').next().expect("a value"));
        counts.map(|count| count.parse::<u64>().expect("a count")).sum()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it and starts another one in its place.
    pub(crate) async fn start_anew(mut self) -> Self {
        self.kill();
        let (port, registry) = (self.port, self.registry.clone());
        drop(self);
        Self::start_at(port, &registry, "").await
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The entry of a replica in the state document.
pub(crate) fn entry<'a>(state: &'a Value, url: &str) -> &'a Value {
    let replicas = state["fleet"]["replicas"].as_array().expect("replicas");
    replicas.iter().find(|replica| replica["url"] == url).expect("it is in the list")
}
