//! Settings from flags and variables, the key, and what is printed for people.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::json;

use crate::helpers::{FakeServer, Run, command, prediction, problem, serve};

const KEY: &str = "a-key-that-must-not-be-printed";

#[tokio::test(flavor = "multi_thread")]
async fn sends_the_key_and_never_prints_it() {
    // A server that repeats the key.
    let refuse = async |headers: HeaderMap| {
        problem(StatusCode::UNAUTHORIZED, headers["x-api-key"].to_str().expect("ASCII"))
    };
    let url = serve(Router::new().route("/predict", post(refuse))).await;
    for output in ["text", "json"] {
        let mut command = command();
        command.env("CANOPY_LOADTEST_API_KEY", KEY).env("CANOPY_LOADTEST_URL", &url).args([
            "--rate=20",
            "--duration=100ms",
            "--wait-ready=0s",
            "--output",
            output,
        ]);
        let run = Run::of(command).await;
        assert_eq!(run.code, Some(1));
        assert!(run.stdout.contains("401 Unauthorized: [key]"), "{}", run.stdout);
        assert!(!run.stdout.contains(KEY) && !run.stderr.contains(KEY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_nothing_before_the_server_is_ready() {
    let n_polls = Arc::new(AtomicUsize::new(0));
    let (polls, polled) = (Arc::clone(&n_polls), Arc::clone(&n_polls));
    let ready = async move || match polls.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let predict = async move || match polled.load(Ordering::Relaxed) {
        3 => prediction(1, 5.5),
        _ => problem(StatusCode::SERVICE_UNAVAILABLE, "no_model"),
    };
    let url = serve(Router::new().route("/ready", get(ready)).route("/predict", post(predict)));
    let summary = Run::to_json(&url.await, &["--rate=50", "--duration=100ms"]).await.summary();
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&json!(5), &json!(0)), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_people_what_became_of_the_requests() {
    let server = FakeServer::spawn(async |i| match i {
        3 => problem(StatusCode::TOO_MANY_REQUESTS, "rate_limited\u{1b}[2J"),
        _ => prediction(7, 5.5),
    })
    .await;
    let mut command = command();
    command.args(["--url", &server.url, "--rate=100", "--duration=300ms"]);
    let run = Run::of(command).await;
    for part in [
        "Sent         30 (",
        "Succeeded    29",
        "Failed       1: status_429 1",
        r"429 Too Many Requests: rate_limited\u{1b}[2J",
        "Versions     diamonds 7: 29 answers",
        "FAILED       1 failed, --max-failures is 0",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    assert!(!run.stdout.contains('\u{1b}'));
}

#[tokio::test]
async fn a_setting_that_makes_no_sense_ends_with_2_and_says_what_to_do() {
    let cases = [
        ("--url=https://localhost/predict", "kubectl port-forward"),
        ("--data=not json", "--data is not JSON"),
        ("--api-key-file=/nowhere/key", "/nowhere/key"),
        ("--rate=fast", "--rate <N>"),
    ];
    for (flag, message) in cases {
        let mut command = command();
        command.arg(flag);
        let run = Run::of(command).await;
        assert_eq!(run.code, Some(2), "{flag}: {}", run.stderr);
        assert!(run.stderr.contains(message), "{flag}: {}", run.stderr);
    }
}
