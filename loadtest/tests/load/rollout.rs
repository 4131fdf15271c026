//! The real inference server: a version is promoted under load, and the run is ended by a signal.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::Parser;
use registry::CHAMPION;
use serde_json::json;
use testkit::{TempRegistry, draft};

use crate::helpers::{FakeServer, Run, Running, prediction};

const ROW: &str = r#"{"features": {"carat": 0.5, "cut": "Ideal", "grade": 3}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_under_load_shows_two_versions_and_no_failure() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    let second = temp.publish(draft("diamonds", 1000.0)).await;
    let address = inference_server(&temp).await;
    eventually_ready(address, 1).await;

    let url = format!("http://{address}/predict");
    let mut running = Running::start(&url, &["--rate=200", "--data", ROW]);
    let running = tokio::task::spawn_blocking(move || {
        running.wait_for_requests();
        running
    });
    let mut running = running.await.expect("requests");
    let model = "diamonds".parse().expect("a name");
    temp.set_alias(&model, CHAMPION, second).await;
    eventually_ready(address, second).await;
    let run = tokio::task::spawn_blocking(move || {
        running.wait_for_requests();
        running.stop("-TERM")
    });
    let run = run.await.expect("a summary");

    let summary = run.summary();
    assert_eq!(run.code, Some(0), "{summary}");
    assert_eq!((&summary["failed"], &summary["stopped"]), (&json!(0), &json!(true)));
    let versions = summary["versions"].as_array().expect("a list");
    let numbers: Vec<_> = versions.iter().map(|seen| seen["version"].as_u64()).collect();
    assert_eq!(numbers, [Some(1), Some(2)]);
    let answers: Option<u64> = versions.iter().map(|seen| seen["answers"].as_u64()).sum();
    assert_eq!(answers, summary["succeeded"].as_u64());
    assert!(versions[0]["first_seconds"].as_f64() < versions[1]["first_seconds"].as_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_run_with_its_summary_and_the_exit_code_of_its_thresholds() {
    let server = FakeServer::spawn(async |i| prediction(1, if i == 3 { 6.5 } else { 5.5 })).await;
    let mut running = Running::start(&server.url, &["--rate=100"]);
    let run = tokio::task::spawn_blocking(move || {
        running.wait_for_requests();
        running.stop("-INT")
    });
    let run = run.await.expect("a summary");
    assert_eq!(run.code, Some(1));
    let summary = run.summary();
    assert_eq!(summary["requests"], server.n_requests(), "nothing is lost");
    assert_eq!(summary["failed_by_kind"], json!({"inconsistent": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_ready_in_time_is_a_failed_run() {
    let temp = TempRegistry::new();
    let address = inference_server(&temp).await;
    let url = format!("http://{address}/predict");
    let run = Run::to_json(&url, &["--wait-ready=300ms"]).await;
    let summary = run.summary();
    assert_eq!((run.code, &summary["requests"]), (Some(1), &json!(0)));
    let broken = summary["broken"].to_string();
    assert!(broken.contains("/ready was not 200 within 300ms"), "{broken}");
    assert!(broken.contains("503"), "{broken}");
}

/// Starts the inference server over a registry.
async fn inference_server(temp: &TempRegistry) -> SocketAddr {
    let registry = format!("--registry={}", temp.location());
    let config = inference::Config::parse_from([
        "canopy-inference",
        "--model=diamonds",
        "--listen=127.0.0.1:0",
        "--registry-poll-interval=20ms",
        "--allow-anonymous",
        "--rate-limit=0",
        &registry,
    ]);
    let server = inference::Server::bind(config).await.expect("bound");
    let address = server.local_addr().expect("an address");
    tokio::spawn(server.run_until(std::future::pending()));
    address
}

async fn eventually_ready(address: SocketAddr, version: u64) {
    // The limit only ends a test that would wait for ever.
    let end = Instant::now() + Duration::from_secs(30);
    while ready_version(address) != Some(version) {
        assert!(Instant::now() < end, "still waiting for version {version}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn ready_version(address: SocketAddr) -> Option<u64> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let body: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1)?).ok()?;
    body["version"].as_u64()
}
