//! What counts as a failure, and of which kind.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::helpers::{FakeServer, Run, prediction, problem};

/// Every tenth request is refused.
async fn unreliable() -> FakeServer {
    FakeServer::spawn(async |i| match i % 10 {
        9 => problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        _ => prediction(1, 5.5),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_refused_requests_by_status_and_fails() {
    let server = unreliable().await;
    let run = Run::to_json(&server.url, &["--rate=100", "--duration=1s"]).await;
    let summary = run.summary();
    assert_eq!(run.code, Some(1));
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&json!(90), &json!(10)));
    assert_eq!(summary["failed_by_kind"], json!({"status_503": 10}));
    assert_eq!(summary["first_failures"][0]["message"], "503 Service Unavailable: overloaded");
    assert_eq!(summary["broken"], json!(["10 failed, --max-failures is 0"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_failures_as_are_allowed_pass() {
    let server = unreliable().await;
    let flags = ["--rate=100", "--duration=500ms", "--max-failures=5"];
    let run = Run::to_json(&server.url, &flags).await;
    assert_eq!(run.code, Some(0), "{}", run.stdout);
}

#[test]
fn counts_what_a_dying_server_leaves_unanswered_and_ends() {
    static DIES: Notify = Notify::const_new();
    let server_runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = server_runtime.block_on(FakeServer::spawn(async |i| {
        if i >= 20 {
            DIES.notify_one();
            std::future::pending::<()>().await;
        }
        prediction(1, 5.5)
    }));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let run = runtime.block_on(async {
        let flags = ["--rate=100", "--duration=1s"];
        let run = Run::to_json(&server.url, &flags);
        let dies = async {
            DIES.notified().await;
            // Listener and connections go with it.
            server_runtime.shutdown_background();
        };
        tokio::join!(run, dies).0
    });
    let summary = run.summary();
    assert_eq!(run.code, Some(1));
    assert_eq!((&summary["requests"], &summary["succeeded"]), (&json!(100), &json!(20)));
    let failed = |kind: &str| summary["failed_by_kind"][kind].as_u64().unwrap_or(0);
    assert!(failed("closed") >= 1, "{summary}");
    assert!(failed("connect") >= 1, "{summary}");
    assert_eq!(failed("closed") + failed("connect"), 80, "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_costs_no_more_than_the_bound_of_requests_in_flight() {
    let server = FakeServer::spawn(async |_| std::future::pending().await).await;
    let flags =
        ["--rate=200", "--duration=1s", "--connections=2", "--max-in-flight=5", "--timeout=300ms"];
    let run = Run::to_json(&server.url, &flags).await;
    let summary = run.summary();
    assert_eq!(run.code, Some(1));
    assert_eq!((&summary["requests"], &summary["succeeded"]), (&json!(200), &json!(0)));
    let failed = |kind: &str| summary["failed_by_kind"][kind].as_u64().unwrap_or(0);
    assert_eq!(failed("timeout") + failed("overload"), 200, "{summary}");
    assert!(failed("timeout") >= 2 && failed("overload") >= 100, "{summary}");
    assert_eq!(summary["sent"], failed("timeout"));
    assert_eq!(summary["dropped"], failed("overload"));
    assert!(server.n_requests() as u64 <= failed("timeout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_contradicts_itself_is_a_failure() {
    let server = FakeServer::spawn(async |i| match i {
        7 => prediction(1, 6.5),
        _ => prediction(1, 5.5),
    })
    .await;
    let flags = ["--rate=100", "--duration=300ms", "--connections=1"];
    let run = Run::to_json(&server.url, &flags).await;
    let summary = run.summary();
    assert_eq!(run.code, Some(1));
    assert_eq!(summary["failed_by_kind"], json!({"inconsistent": 1}));
    let message = &summary["first_failures"][0]["message"];
    assert_eq!(message, "version 1 answered 6.5, and before 5.5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_without_a_prediction_is_a_failure() {
    let server = FakeServer::spawn(async |_| problem(StatusCode::OK, "none")).await;
    let summary = Run::to_json(&server.url, &["--rate=50", "--duration=200ms"]).await.summary();
    assert_eq!(summary["failed_by_kind"], json!({"unreadable": 10}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_closed_while_idle_is_made_anew_and_no_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/predict", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        // One answer for each connection, with no word of its end.
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"{\"a\":1}") {
                stream.read_buf(&mut request).await.expect("a request");
            }
            let body = r#"{"prediction":5.5,"model":"m","version":1}"#;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.expect("written");
            // Long enough for the connection to count as idle, and over before the next request is due.
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    });
    let flags =
        ["--rate=5", "--duration=1s", "--connections=1", "--data={\"a\":1}", "--wait-ready=0s"];
    let summary = Run::to_json(&url, &flags).await.summary();
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&json!(5), &json!(0)), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_without_a_rate_is_not_asked_as_fast_as_possible() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/predict", free.local_addr().expect("an address"));
    drop(free);
    let flags = ["--rate=0", "--duration=500ms", "--connections=2", "--wait-ready=0s"];
    let run = tokio::time::timeout(Duration::from_secs(60), Run::to_json(&url, &flags)).await;
    let summary = run.expect("it ends").summary();
    // A rest of 50 ms after each failure: at most 11 for each connection.
    let refused = summary["failed_by_kind"]["connect"].as_u64();
    assert!((Some(1)..=Some(22)).contains(&refused), "{summary}");
}
