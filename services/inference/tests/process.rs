//! The real binary: what it logs, how it refuses to start, how it stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use registry::CHAMPION;
use serde_json::{Value, json};
use testkit::{TempRegistry, draft};

const KEY: &str = "a-key-that-must-not-be-logged";

/// A running `canopy-inference` that is ended with this value.
struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    port: u16,
    temp: TempRegistry,
}

impl Process {
    /// Starts it with one key, and waits until it is ready.
    async fn start(flags: &[&str]) -> Self {
        Self::start_with(flags, &[]).await
    }

    async fn start_with(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let temp = TempRegistry::new();
        temp.publish(draft("diamonds", 100.0)).await;
        let port = free_port();
        let mut child = command()
            .args(["--model", "diamonds", "--registry", temp.location()])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(flags)
            .env("CANOPY_API_KEYS", format!("tests:{KEY}"))
            // As a ConfigMap may have them: an empty variable is no setting.
            .envs([
                ("CANOPY_API_KEYS_FILE", ""),
                ("CANOPY_RATE_LIMIT", ""),
                ("CANOPY_COMPRESSION", ""),
            ])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let process = Self { child, stdout, port, temp };
        process.eventually(|| process.status("GET /ready") == Some(200), "it is ready");
        process
    }

    /// The status of one request over a connection of its own; none where nobody listens.
    fn status(&self, request: &str) -> Option<u16> {
        self.ask(&format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
    }

    /// The whole answer to one request, empty where nobody listens.
    fn answer(&self, request: &str) -> String {
        let request = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        self.exchange(&request).unwrap_or_default()
    }

    fn predict(&self) -> Option<u16> {
        let body = json!({"features": {"carat": 0.5, "cut": "Ideal", "grade": 3}}).to_string();
        self.ask(&format!(
            "POST /predict?secret=query HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: {KEY}\r\n\
             x-request-id: r-1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    fn ask(&self, request: &str) -> Option<u16> {
        self.exchange(request)?.split(' ').nth(1)?.parse().ok()
    }

    fn exchange(&self, request: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    /// What it has logged, once it has ended.
    fn log(&mut self) -> Vec<Value> {
        let lines = self.stdout.by_ref().lines().map(|line| line.expect("UTF-8"));
        lines.map(|line| serde_json::from_str(&line).expect("each line is JSON")).collect()
    }

    fn eventually(&self, holds: impl Fn() -> bool, what: &str) {
        // The limit only ends a test that would wait for ever.
        let end = Instant::now() + Duration::from_secs(30);
        while !holds() {
            assert!(Instant::now() < end, "still waiting until {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary in an environment without settings.
fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_canopy-inference"));
    command.env_clear();
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn logs_one_json_line_for_each_request_and_never_a_key() {
    let mut process = Process::start(&["--drain-delay=0s"]).await;
    assert_eq!(process.predict(), Some(200));
    assert_eq!(process.status("GET /nowhere"), Some(404));
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0));

    let log = process.log();
    let access: Vec<_> = log.iter().filter(|line| line["target"] == "access").collect();
    assert_eq!(access.len(), 2, "probes are logged at debug: {access:#?}");
    let line = access[0];
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["http.method"], "POST");
    assert_eq!(line["http.route"], "/predict");
    assert_eq!(line["http.path"], "/predict");
    assert_eq!(line["http.status"], 200);
    assert_eq!(line["request_id"], "r-1");
    assert_eq!(line["client.key"], "tests");
    assert_eq!(line["n_rows"], 1);
    assert!(line["duration_ms"].is_number());
    assert_eq!(access[1]["error.code"], "not_found");
    let text = format!("{log:?}");
    assert!(!text.contains(KEY) && !text.contains("secret=query"));
    assert!(text.contains("model version loaded, verified and active"));
}

/// A draft whose feature `cut` has another name.
fn renamed() -> registry::Draft {
    let mut draft = draft("diamonds", 200.0);
    let mut signature = serde_json::to_value(&draft.signature).expect("JSON");
    signature["features"][1]["name"] = json!("shape");
    draft.signature = serde_json::from_value(signature).expect("a signature");
    draft.baseline.features[1].name = "shape".to_owned();
    for row in &mut draft.golden.instances {
        let cut = row.remove("cut").expect("each has it");
        row.insert("shape".to_owned(), cut);
    }
    draft
}

#[tokio::test]
async fn a_version_without_a_private_feature_is_warned_of_once() {
    let flags = [
        "--drain-delay=0s",
        "--registry-poll-interval=10ms",
        "--metrics-url=http://127.0.0.1:1",
        "--private-features=carat,cut",
    ];
    let mut process = Process::start(&flags).await;
    let model = "diamonds".parse().expect("a name");
    assert_eq!(process.temp.publish(renamed()).await, 2);
    // There and back, and there again.
    for version in [2, 1, 2] {
        process.temp.set_alias(&model, CHAMPION, version).await;
        let answers = format!(r#""version":{version}"#);
        process.eventually(|| process.answer("GET /ready").contains(&answers), "it answers");
    }
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0));
    let log = process.log();
    let about = |line: &&Value| format!("{line}").contains("--private-features");
    let warnings: Vec<_> = log.iter().filter(about).collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    let warning = warnings[0];
    assert_eq!((&warning["level"], &warning["names"]), (&json!("WARN"), &json!("cut")));
    assert_eq!(warning["model.name"], "diamonds");
    assert_eq!(warning["model.version"], 2);
    let message = warning["message"].as_str().expect("text");
    assert!(message.contains("add the new name"), "{message}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_comparison_thread_is_the_least_urgent() {
    let process = Process::start(&["--drain-delay=0s"]).await;
    let tasks = format!("/proc/{}/task", process.child.id());
    let niceness = || {
        std::fs::read_dir(&tasks).expect("it runs").find_map(|task| {
            let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            // proc_pid_stat(5): the name in brackets is the second field, the niceness the nineteenth.
            let rest = stat.split_once("(canopy-compare) ")?.1;
            rest.split(' ').nth(16)?.parse::<i32>().ok()
        })
    };
    process.eventually(|| niceness() == Some(19), "its niceness is 19");
}

#[tokio::test]
async fn sigterm_drains_and_exits_with_0() {
    let mut process = Process::start(&["--drain-delay=1s"]).await;
    process.signal("-TERM");
    process.eventually(|| process.status("GET /ready") == Some(503), "/ready turns 503");
    assert_eq!(process.predict(), Some(200), "requests are answered while it drains");
    assert_eq!(process.wait().code(), Some(0));
}

/// The collector is a stand-in that looks for names in the bytes it gets; what they mean is tested in `service_kit`.
#[tokio::test]
async fn spans_go_to_the_collector_that_the_environment_names() {
    let collector = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", collector.local_addr().expect("an address"));
    let received = std::thread::spawn(move || {
        let (mut stream, _) = collector.accept().expect("a connection");
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&bytes).contains("POST /predict") {
            let n_bytes = stream.read(&mut chunk).expect("readable");
            assert!(n_bytes > 0, "it ended: {}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&chunk[..n_bytes]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("answered");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let mut process = Process::start_with(&["--drain-delay=0s"], &variables).await;
    assert_eq!(process.predict(), Some(200));
    process.signal("-TERM");
    assert_eq!(process.wait().code(), Some(0), "what waits is sent at the end");
    let received = received.join().expect("spans came");
    assert!(received.starts_with("POST /v1/traces "), "{received}");
    assert!(received.contains("canopy-inference"), "{received}");
}

#[tokio::test]
async fn sigint_exits_with_0_though_the_registry_hangs() {
    let mut process = Process::start(&["--drain-delay=0s", "--registry-poll-interval=10ms"]).await;
    // A read of a pipe that nobody writes to never ends, as on a mount that is gone.
    let alias = format!("{}/diamonds/aliases/champion.json", process.temp.location());
    std::fs::remove_file(&alias).expect("removed");
    assert!(Command::new("mkfifo").arg(&alias).status().expect("mkfifo runs").success());
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(process.predict(), Some(200), "it goes on answering");
    process.signal("-INT");
    assert_eq!(process.wait().code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let mut process = Process::start(&["--drain-delay=1h"]).await;
    process.signal("-INT");
    process.eventually(|| process.status("GET /ready") == Some(503), "it drains");
    process.signal("-INT");
    assert_eq!(process.wait().code(), Some(130));
}

#[test]
fn says_what_to_do_when_it_cannot_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--model=m"], 1, "--allow-anonymous"),
        (
            &["--model=m", "--allow-anonymous", "--listen", &address],
            1,
            "choose another with --listen",
        ),
        (&["--model=m", "--api-keys-file=/nowhere/keys"], 1, "/nowhere/keys"),
        (&[], 2, "--model <NAME>"),
    ];
    for (flags, code, message) in cases {
        let output = command().args(flags).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {stderr}");
        assert!(stderr.contains(message), "{flags:?}: {stderr}");
    }
}
