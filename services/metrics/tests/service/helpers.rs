//! `Service`: the real binary over a temporary folder; a fake replica that says what it is told to.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What the caller's own flags go before.
const QUICK: [&str; 5] = [
    "--scrape-interval=100ms",
    "--scrape-timeout=500ms",
    "--drain-delay=0s",
    "--rate-limit=0",
    "--log=warn",
];

fn is_same(a: &str, b: &str) -> bool {
    a.split('=').next() == b.split('=').next()
}

/// The binary in an environment without settings.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canopy-metrics"));
    command.env_clear();
    command
}

/// A running `canopy-metrics` that is ended with this value.
pub(crate) struct Service {
    child: Child,
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) data: Arc<TempDir>,
}

impl Service {
    /// Watches these targets, open to everybody; ready when it returns.
    pub(crate) async fn start(targets: &[String], registry: &str) -> Self {
        Self::start_with(targets, registry, Arc::new(folder()), &["--allow-anonymous"]).await
    }

    pub(crate) async fn start_with(
        targets: &[String],
        registry: &str,
        data: Arc<TempDir>,
        flags: &[&str],
    ) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let child = command()
            .args(["--listen", &address, "--targets", &targets.join(","), "--registry", registry])
            .args(QUICK.iter().filter(|flag| !flags.iter().any(|given| is_same(given, flag))))
            .arg("--data")
            .arg(data.path())
            .args(flags)
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let client = Client::builder().no_proxy().build().expect("a client");
        let service = Self { child, url: format!("http://{address}"), client, data };
        eventually("the service is ready", async || {
            let ready = service.client.get(service.at("/ready")).send().await.ok()?;
            (ready.status() == 200).then_some(())
        })
        .await;
        service
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client.get(self.at(path)).send().await.expect("an answer")
    }

    /// The state document of the first model and window.
    pub(crate) async fn state(&self) -> Value {
        let answer = self.get("/api/state").await;
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    }

    /// Waits for a state of which something holds.
    pub(crate) async fn eventually(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || Some(self.state().await).filter(&holds)).await
    }

    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").await.text().await.expect("text")
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// Ends it amid whatever it does; gives what it had stored.
    pub(crate) fn kill(mut self) -> Arc<TempDir> {
        self.child.kill().expect("killed");
        self.wait();
        Arc::clone(&self.data)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A replica that says what it is told to: any text at `/metrics`, and that it is ready.
pub(crate) struct Fake {
    pub(crate) url: String,
    pub(crate) text: Arc<Mutex<String>>,
}

impl Fake {
    pub(crate) async fn start(text: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let text = Arc::new(Mutex::new(text.to_owned()));
        let said = Arc::clone(&text);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let said = Arc::clone(&said);
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    while let Ok(1..) = stream.read(&mut head).await {
                        let is_metrics = head.starts_with(b"GET /metrics");
                        let body =
                            if is_metrics { said.lock().unwrap().clone() } else { "{}".into() };
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                });
            }
        });
        Self { url, text }
    }

    pub(crate) fn say(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }
}

/// Waits for something; the limit only ends a test that would wait for ever.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < end, "still waiting until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn signal(name: &str, id: u32) {
    let sent = Command::new("kill").args([name, &id.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The file of keys with one key.
pub(crate) fn keys_file(folder: &TempDir, key: &str) -> PathBuf {
    let path = folder.path().join("keys");
    std::fs::write(&path, format!("tests {}\n", registry::sha256_hex(key.as_bytes())))
        .expect("written");
    path
}
