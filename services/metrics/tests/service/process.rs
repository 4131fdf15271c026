//! How the process starts, refuses to start, and stops.

use std::net::TcpListener;
use std::sync::Arc;

use crate::helpers::{Service, command, eventually, folder};

fn nobody() -> Vec<String> {
    vec!["http://127.0.0.1:1".to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_exits_with_0() {
    let flags = ["--allow-anonymous", "--drain-delay=1s"];
    let mut service = Service::start_with(&nobody(), "./nowhere", Arc::new(folder()), &flags).await;
    service.signal("-TERM");
    eventually("/ready turns 503", async || {
        (service.get("/ready").await.status() == 503).then_some(())
    })
    .await;
    assert_eq!(service.get("/api/state").await.status(), 200, "it answers while it drains");
    assert_eq!(service.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let flags = ["--allow-anonymous", "--drain-delay=1h"];
    let mut service = Service::start_with(&nobody(), "./nowhere", Arc::new(folder()), &flags).await;
    service.signal("-INT");
    eventually("it drains", async || (service.get("/ready").await.status() == 503).then_some(()))
        .await;
    service.signal("-INT");
    assert_eq!(service.wait().code(), Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_is_of_one_service() {
    let service = Service::start(&nobody(), "./nowhere").await;
    let data = service.data.path().to_str().unwrap();
    let flags = ["--targets=http://a:1", "--allow-anonymous", "--data", data];
    let output = command().args(flags).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && stderr.contains("another canopy-metrics"), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_runs_no_script_but_its_own() {
    let service = Service::start(&nobody(), "./nowhere").await;
    let page = service.get("/").await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn says_what_to_do_when_it_cannot_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = folder();
    let file = data.path().join("a-file");
    std::fs::write(&file, "").expect("written");
    let (data, file) = (data.path().to_str().unwrap(), file.to_str().unwrap());
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--data", data], 1, "--allow-anonymous"),
        (
            &["--data", data, "--allow-anonymous", "--listen", &address],
            1,
            "choose another with --listen",
        ),
        (&["--data", file, "--allow-anonymous"], 1, "give another one with --data"),
        (&["--data", data, "--api-keys-file=/nowhere/keys"], 1, "/nowhere/keys"),
        (&["--targets=inference:8000"], 2, "write it as http://host:8000"),
    ];
    for (flags, code, message) in cases {
        let output = command().arg("--targets=http://a:1").args(flags).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {stderr}");
        assert!(stderr.contains(message), "{flags:?}: {stderr}");
    }
}
