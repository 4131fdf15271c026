//! How much is sent and when, counted and never timed from above.

use std::time::Duration;

use serde_json::json;

use crate::helpers::{FakeServer, Run, prediction};

#[tokio::test(flavor = "multi_thread")]
async fn sends_as_many_requests_as_rate_and_duration_say_and_passes() {
    let server = FakeServer::spawn(async |_| prediction(3, 5.5)).await;
    let run = Run::to_json(&server.url, &["--rate=150", "--duration=1s"]).await;
    let summary = run.summary();
    assert_eq!(run.code, Some(0), "{summary}");
    assert_eq!(summary["requests"], 150);
    assert_eq!(summary["sent"], 150);
    assert_eq!(summary["succeeded"], 150);
    assert_eq!((&summary["failed"], &summary["failed_by_kind"]), (&json!(0), &json!({})));
    assert_eq!(summary["versions"][0]["version"], 3);
    assert_eq!(summary["versions"][0]["answers"], 150);
    assert_eq!((&summary["passed"], &summary["broken"]), (&json!(true), &json!([])));
    assert_eq!(server.n_requests(), 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_rate_sends_as_fast_as_the_connections_allow() {
    let server = FakeServer::spawn(async |_| prediction(1, 5.5)).await;
    let flags = ["--rate=0", "--duration=300ms", "--connections=2"];
    let run = Run::to_json(&server.url, &flags).await;
    let summary = run.summary();
    assert_eq!(run.code, Some(0), "{summary}");
    assert!(server.n_requests() > 2, "each connection sends more than once: {summary}");
    assert_eq!(summary["succeeded"], server.n_requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_up_is_sent_and_not_counted() {
    let server = FakeServer::spawn(async |_| prediction(1, 5.5)).await;
    let flags = ["--rate=100", "--duration=500ms", "--warm-up=300ms"];
    let summary = Run::to_json(&server.url, &flags).await.summary();
    assert_eq!(summary["requests"], 50);
    assert_eq!(summary["warm_up"], json!({"requests": 30, "failed": 0}));
    assert_eq!(server.n_requests(), 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_shows_in_the_latency_of_every_request_that_was_due_meanwhile() {
    let server = FakeServer::spawn(async |i| {
        if i == 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        prediction(1, 5.5)
    })
    .await;
    let flags = ["--rate=100", "--duration=1s", "--connections=1"];
    let summary = Run::to_json(&server.url, &flags).await.summary();
    assert_eq!(summary["succeeded"], 100);
    // 50 were due while the first was unanswered; the first tenth of all waited 400 ms and more.
    assert!(summary["late"].as_u64() >= Some(40), "{summary}");
    assert!(summary["latency_ms"]["p90"].as_f64() >= Some(300.0), "{summary}");
    assert!(summary["longest_gap"]["length_seconds"].as_f64() >= Some(0.5), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fails_where_the_99th_percentile_is_above_its_threshold() {
    let server = FakeServer::spawn(async |_| {
        tokio::time::sleep(Duration::from_millis(20)).await;
        prediction(1, 5.5)
    })
    .await;
    let flags = ["--rate=50", "--duration=200ms", "--max-p99=10ms"];
    let run = Run::to_json(&server.url, &flags).await;
    let broken = run.summary()["broken"].clone();
    assert_eq!(run.code, Some(1), "{broken}");
    assert!(broken[0].as_str().is_some_and(|text| text.contains("--max-p99 is 10ms")), "{broken}");
}
