//! Servers to send to, and the binary that sends.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A server that answers `/predict` with what a function makes of the index of the request.
pub(crate) struct FakeServer {
    pub(crate) url: String,
    n_requests: Arc<AtomicUsize>,
}

impl FakeServer {
    /// Starts it; `/ready` answers 200.
    pub(crate) async fn spawn<F, A>(answer: F) -> Self
    where
        F: Fn(usize) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        let n_requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&n_requests);
        let predict = move || answer(count.fetch_add(1, Ordering::Relaxed));
        let router =
            Router::new().route("/predict", post(predict)).route("/ready", get(async || "ready"));
        Self { url: serve(router).await, n_requests }
    }

    /// How many requests it has had.
    pub(crate) fn n_requests(&self) -> usize {
        self.n_requests.load(Ordering::Relaxed)
    }
}

/// Serves on a free port; gives the URL of `/predict`.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}/predict")
}

/// The answer of a version.
pub(crate) fn prediction(version: u64, value: f64) -> Response {
    let body =
        json!({"prediction": value, "model": "diamonds", "version": version, "request_id": "r"});
    (StatusCode::OK, body.to_string()).into_response()
}

/// A problem with its code.
pub(crate) fn problem(status: StatusCode, code: &str) -> Response {
    (status, json!({"code": code, "detail": "not shown"}).to_string()).into_response()
}

/// What a run of the binary gave.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Runs it to its end with a JSON summary.
    pub(crate) async fn to_json(url: &str, flags: &[&str]) -> Self {
        let mut command = command();
        command.args(["--url", url, "--output=json"]).args(flags);
        Self::of(command).await
    }

    pub(crate) async fn of(mut command: Command) -> Self {
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        output.expect("no panic").expect("it runs").into()
    }

    /// The summary.
    pub(crate) fn summary(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The binary in an environment without settings.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canopy-loadtest"));
    command.env_clear();
    command
}

/// A run that goes on until it is told to stop, ended with this value.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start(url: &str, flags: &[&str]) -> Self {
        let mut child = command()
            .args(["--url", url, "--output=json", "--duration=0s", "--report-interval=20ms"])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        Self { child, stderr }
    }

    /// Reads reported intervals until one has requests that began after now.
    pub(crate) fn wait_for_requests(&mut self) {
        // The first such line may be older than the call.
        for _ in 0..3 {
            loop {
                let mut line = String::new();
                assert_ne!(self.stderr.read_line(&mut line).expect("UTF-8"), 0, "it has ended");
                if !line.contains(" 0 requests") {
                    break;
                }
            }
        }
    }

    /// Sends a signal and waits for the summary.
    pub(crate) fn stop(mut self, signal: &str) -> Run {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().expect("a pipe");
        std::io::Read::read_to_string(&mut pipe, &mut stdout).expect("UTF-8");
        let code = self.child.wait().expect("it ends").code();
        Run { code, stdout, stderr: String::new() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
