//! Prediction events: what arrives, what never leaves, and that no answer waits for any of it.

use std::time::Duration;

use registry::{Action, CHALLENGER, Mode, Move, Trial};
use serde_json::{Value, json};
use testkit::{TESTS, TempRegistry, draft};

use crate::helpers::{TestApp, answer, eventually, row};
use crate::receiver::Receiver;

const FLAGS: [&str; 2] = ["--allow-anonymous", "--rate-limit=0"];

async fn spawn(receiver: &Receiver, flags: &[&str]) -> TestApp {
    TestApp::spawn_with(&[&FLAGS[..], &[receiver.flag().as_str()], flags].concat()).await
}

async fn count(app: &TestApp, outcome: &str) -> f64 {
    app.series(&format!(r#"canopy_prediction_events_total{{outcome="{outcome}"}}"#)).await
}

async fn predict_as(app: &TestApp, request_id: &str, body: Value) {
    let request = app.post("/predict").header("x-request-id", request_id).json(&body);
    assert_eq!(answer(request).await.0, 200);
}

async fn eventually_events(receiver: &Receiver, n: usize) {
    eventually(&format!("{n} events came"), async || receiver.events().len() >= n).await;
}

/// The event of a request's row.
fn event(receiver: &Receiver, request_id: &str, row: u64) -> Value {
    let is_it = |event: &Value| event["request_id"] == request_id && event["row"] == row;
    receiver.events().into_iter().find(is_it).unwrap_or_else(|| panic!("{request_id}, row {row}"))
}

#[tokio::test]
async fn what_was_answered_arrives_row_by_row() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &[]).await;
    predict_as(&app, "one", json!({"features": row()})).await;
    let rows = json!([{"cut": "Mythical", "grade": null, "carat": 2.5}, [0.25, "Fair", 9]]);
    predict_as(&app, "two", json!({ "instances": rows })).await;
    let csv = "grade,carat,cut\n,0.5,Ideal\n";
    let request = app.post("/predict").header("x-request-id", "csv").body(csv);
    assert_eq!(answer(request.header("content-type", "text/csv")).await.0, 200);
    assert_eq!(app.predict(&json!({"features": {"carat": 1}})).await.0, 422);
    eventually_events(&receiver, 4).await;

    let values = |request_id, row| event(&receiver, request_id, row)["values"].clone();
    assert_eq!(values("one", 0), json!([0.5, "Ideal", 3]));
    // The server keeps no text of a category that training never saw.
    assert_eq!(values("two", 0), json!([2.5, null, null]));
    assert_eq!(values("two", 1), json!([0.25, "Fair", 9]));
    assert_eq!(values("csv", 0), json!([0.5, "Ideal", null]));
    assert_eq!(event(&receiver, "one", 0)["prediction"], 200.0);
    assert_eq!(event(&receiver, "two", 1)["prediction"], 100.0);
    let time = event(&receiver, "one", 0)["time"].as_str().expect("text").to_owned();
    assert_eq!((time.len(), &time[19..20], &time[23..]), (24, ".", "Z"), "{time}");

    let batch = &receiver.batches()[0];
    assert_eq!(batch["model"], "diamonds");
    assert_eq!(batch["version"], 1);
    assert_eq!(batch["features"], json!(["carat", "cut", "grade"]));
    assert!(batch["replica"].as_str().is_some_and(|name| !name.is_empty()), "{batch}");
    assert!(batch["started_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{batch}");
    assert_eq!(receiver.keys()[0], None);
    eventually("they are counted", async || count(&app, "sent").await == 4.0).await;
    assert_eq!((count(&app, "dropped").await, count(&app, "failed").await), (0.0, 0.0));
}

#[tokio::test]
async fn rows_of_a_stream_are_counted_from_its_first() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &["--event-rate=10000"]).await;
    let n_rows = 9_000; // in more than one chunk
    let line = |row: usize| format!("{},Ideal,{}\n", 0.5, row % 9 + 1);
    let csv: String =
        ["carat,cut,grade\n".to_owned()].into_iter().chain((0..n_rows).map(line)).collect();
    assert!(csv.len() > 64 * 1024);
    let request = app.post("/predict").header("content-type", "text/csv").body(csv);
    let request = request.header("accept", "text/csv").header("x-request-id", "stream");
    let text = request.send().await.expect("an answer").text().await.expect("text");
    assert_eq!(text.lines().count(), n_rows + 1);
    eventually_events(&receiver, n_rows).await;
    let events = receiver.events();
    let mut rows: Vec<_> = events.iter().map(|event| event["row"].as_u64()).collect();
    rows.sort_unstable();
    assert!(rows.into_iter().eq((0..n_rows as u64).map(Some)));
    for event in &events {
        let row = event["row"].as_u64().expect("a row");
        assert_eq!(event["values"], json!([0.5, "Ideal", row % 9 + 1]));
    }
    assert!(
        receiver
            .batches()
            .iter()
            .all(|batch| batch["events"].as_array().expect("events").len() <= 1_000)
    );
}

#[tokio::test]
async fn only_so_many_a_second_are_sent_and_the_rest_is_counted() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &["--event-rate=1"]).await;
    let started = std::time::Instant::now();
    for _ in 0..20 {
        predict_as(&app, "many", json!({"instances": vec![row(); 50]})).await;
    }
    let at_most = started.elapsed().as_secs() + 2;
    eventually("all are accounted for", async || {
        count(&app, "sent").await + count(&app, "dropped").await == 1_000.0
    })
    .await;
    let sent = receiver.events().len() as u64;
    assert!((1..=at_most).contains(&sent), "{sent} of at most {at_most}");
}

#[tokio::test]
async fn a_sample_of_a_large_request_is_spread_over_it() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &["--event-rate=10"]).await;
    predict_as(&app, "large", json!({"instances": vec![row(); 1_000]})).await;
    eventually_events(&receiver, 10).await;
    let rows: Vec<_> = receiver.events().iter().map(|event| event["row"].clone()).collect();
    assert_eq!(json!(rows), json!([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]));
}

#[tokio::test]
async fn without_a_url_or_a_rate_nothing_is_sent() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &["--event-rate=0"]).await;
    predict_as(&app, "one", json!({"features": row()})).await;
    let silent = TestApp::spawn().await;
    predict_as(&silent, "one", json!({"features": row()})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(receiver.events().is_empty());
    assert_eq!(count(&app, "dropped").await + count(&silent, "dropped").await, 0.0);
}

#[tokio::test]
async fn a_metrics_service_that_comes_back_gets_what_waited() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &[]).await;
    predict_as(&app, "before", json!({"features": row()})).await;
    eventually_events(&receiver, 1).await;
    let address = receiver.address;
    drop(receiver);
    predict_as(&app, "meanwhile", json!({"features": row()})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    predict_as(&app, "later", json!({"features": row()})).await;
    let receiver = Receiver::at(address, 503).await;
    eventually("it was asked", async || receiver.n_refused() > 0).await;
    assert_eq!(count(&app, "sent").await, 1.0);
    receiver.answer_with(202);
    eventually_events(&receiver, 2).await;
    event(&receiver, "meanwhile", 0);
    event(&receiver, "later", 0);
    eventually("they are counted", async || count(&app, "sent").await == 3.0).await;
    assert_eq!(count(&app, "failed").await, 0.0);
}

#[tokio::test]
async fn no_answer_waits_for_a_metrics_service_that_never_answers() {
    let receiver = Receiver::at("127.0.0.1:0".parse().expect("an address"), 0).await;
    let app = spawn(&receiver, &["--event-rate=10000"]).await;
    let many = json!({"instances": vec![row(); 6_000]});
    // Ten thousand may wait; what comes after them is dropped, and all is answered.
    eventually("the queue is full", async || {
        predict_as(&app, "many", many.clone()).await;
        let taken = app.series(r#"canopy_predictions_total{model="diamonds",version="1"}"#).await;
        taken - count(&app, "dropped").await == 10_000.0
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let dropped = count(&app, "dropped").await;
    predict_as(&app, "one", json!({"features": row()})).await;
    assert_eq!(count(&app, "dropped").await, dropped + 1.0, "there are tokens, and no room");
    assert_eq!(count(&app, "sent").await, 0.0);
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_sent_again() {
    let receiver = Receiver::start().await;
    receiver.answer_with(422);
    let app = spawn(&receiver, &[]).await;
    predict_as(&app, "wrong", json!({"instances": [row(), row()]})).await;
    eventually("it has failed", async || count(&app, "failed").await == 2.0).await;
    receiver.answer_with(202);
    predict_as(&app, "right", json!({"features": row()})).await;
    eventually_events(&receiver, 1).await;
    assert_eq!((receiver.events().len(), receiver.n_refused()), (1, 1));
}

#[tokio::test]
async fn a_key_that_is_replaced_is_used_without_a_restart() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "old-key\n").expect("written");
    let app = spawn(&receiver, &[&format!("--metrics-key-file={}", file.display())]).await;
    predict_as(&app, "first", json!({"features": row()})).await;
    eventually_events(&receiver, 1).await;
    assert_eq!(receiver.keys(), [Some("old-key".to_owned())]);

    receiver.answer_with(401);
    predict_as(&app, "second", json!({"features": row()})).await;
    eventually("it is refused", async || receiver.n_refused() > 0).await;
    std::fs::write(&file, "new-key").expect("written");
    receiver.answer_with(202);
    eventually_events(&receiver, 2).await;
    event(&receiver, "second", 0);
    assert_eq!(count(&app, "failed").await, 0.0, "no event is lost to it");
    predict_as(&app, "third", json!({"features": row()})).await;
    eventually_events(&receiver, 3).await;
    assert_eq!(receiver.keys().last(), Some(&Some("new-key".to_owned())));
}

#[tokio::test]
async fn private_values_never_leave_in_clear() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "metrics").expect("written");
    let key = format!("--metrics-key-file={}", file.display());
    let app = spawn(&receiver, &[&key, "--private-features=carat,cut=hash"]).await;
    let private = json!({"carat": 0.7391, "cut": "Ideal", "grade": 3});
    predict_as(&app, "one", json!({"features": private})).await;
    predict_as(&app, "two", json!({"instances": [[0.7391, "Mythical", null]]})).await;
    let csv = "grade,carat,cut\n4,0.7391,Ideal\n";
    for (request_id, accept) in [("csv", "application/json"), ("stream", "text/csv")] {
        let request = app.post("/predict").header("x-request-id", request_id).body(csv);
        let request = request.header("content-type", "text/csv").header("accept", accept);
        assert_eq!(request.send().await.expect("an answer").status(), 200);
    }
    eventually_events(&receiver, 4).await;
    let text = receiver.text();
    for value in ["0.7391", "7391", "Ideal", "Mythical"] {
        assert!(!text.contains(value), "{value} in {text}");
    }
    // printf %s Ideal | openssl dgst -sha256 -hmac metrics | cut -c 1-16
    let hash = json!({"hash": "eb35d519ddd16c85"});
    assert_eq!(event(&receiver, "one", 0)["values"], json!([{"private": true}, hash, 3]));
    assert_eq!(event(&receiver, "stream", 0)["values"], json!([{"private": true}, hash, 4]));
    // What is counted in bins is every value.
    let bins = r#"canopy_feature_bin_total{model="diamonds",version="1",feature="carat",bin="0"}"#;
    assert_eq!(app.series(bins).await, 4.0);
}

#[tokio::test]
async fn without_a_key_what_was_to_be_hashed_is_left_out() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &["--private-features=cut=hash"]).await;
    predict_as(&app, "one", json!({"features": row()})).await;
    eventually_events(&receiver, 1).await;
    assert_eq!(event(&receiver, "one", 0)["values"], json!([0.5, {"private": true}, 3]));
}

#[tokio::test]
async fn a_private_name_that_no_version_has_holds_all_events_back() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &["--private-features=cut,caret"]).await;
    predict_as(&app, "one", json!({"features": row()})).await;
    eventually("it is dropped", async || count(&app, "dropped").await == 1.0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(receiver.events().is_empty());
}

#[tokio::test]
async fn each_version_s_answers_are_its_own() {
    let receiver = Receiver::start().await;
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("diamonds", 100.05)).await;
    let model = "diamonds".parse().expect("a valid name");
    let trial = Trial { mode: Some(Mode::Canary), percent: Some(50.0) };
    let wanted = Move { trial, ..Move::new(Action::TrialSet, CHALLENGER, Some(2)) };
    temp.registry.move_alias(&model, &wanted, TESTS).await.expect("the alias is moved");
    let flag = receiver.flag();
    let flags = [&FLAGS[..], &[flag.as_str(), "--event-rate=100"]].concat();
    let app = TestApp::over(temp, &flags).await;
    app.eventually_ready(1).await;
    app.eventually_challenger(2, "canary").await;
    let mut expected = std::collections::BTreeMap::new();
    for n in 0..40 {
        let request = app.post("/predict").header("x-canopy-session", format!("s-{n}"));
        let request = request.header("x-request-id", format!("r-{n}"));
        let (_, body) = answer(request.json(&json!({"features": row()}))).await;
        expected.insert(format!("r-{n}"), body["version"].as_u64().expect("a version"));
    }
    eventually_events(&receiver, 40).await;
    let mut found = std::collections::BTreeMap::new();
    for batch in receiver.batches() {
        for event in batch["events"].as_array().expect("events") {
            let id = event["request_id"].as_str().expect("text").to_owned();
            found.insert(id, batch["version"].as_u64().expect("a version"));
        }
    }
    assert_eq!(found, expected);
    let n_canary = expected.values().filter(|version| **version == 2).count();
    assert!((1..40).contains(&n_canary));
    for (version, n) in [(1, 40 - n_canary), (2, n_canary)] {
        let bins = format!(
            r#"canopy_feature_bin_total{{model="diamonds",version="{version}",feature="cut",bin="1"}}"#
        );
        assert_eq!(app.series(&bins).await, n as f64, "and so are its bins");
    }
}

#[tokio::test]
async fn what_waits_is_sent_before_the_server_ends() {
    let receiver = Receiver::start().await;
    let app = spawn(&receiver, &[]).await;
    predict_as(&app, "last", json!({"features": row()})).await;
    app.stop().await.expect("no panic").expect("a clean end");
    assert_eq!(event(&receiver, "last", 0)["prediction"], 200.0);
}

#[tokio::test]
async fn a_metrics_service_that_is_away_holds_up_no_shutdown() {
    let receiver = Receiver::at("127.0.0.1:0".parse().expect("an address"), 0).await;
    let app = spawn(&receiver, &["--drain-timeout=1s"]).await;
    predict_as(&app, "last", json!({"features": row()})).await;
    let stopped = tokio::time::timeout(Duration::from_secs(20), app.stop()).await;
    stopped.expect("it ends").expect("no panic").expect("a clean end");
}
