//! Overload is refused at once, and no request takes longer than its limit.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use reqwest::Body;
use serde_json::json;
use tokio::sync::mpsc;

use crate::helpers::{TestApp, eventually, row};

/// A body that is sent piece by piece.
fn slow_body() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (send, receive) = mpsc::unbounded_channel();
    let pieces = futures::stream::unfold(receive, async |mut receive| {
        let piece: Bytes = receive.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receive))
    });
    (send, Body::wrap_stream(pieces.boxed()))
}

#[tokio::test]
async fn sheds_what_is_more_than_it_may_hold() {
    let app =
        TestApp::spawn_with(&["--allow-anonymous", "--rate-limit=0", "--max-in-flight=1"]).await;
    let (send, body) = slow_body();
    let held = tokio::spawn(
        app.post("/predict").header("content-type", "application/json").body(body).send(),
    );
    eventually("the slow request is in flight", async || {
        app.series("http_requests_in_flight").await == 1.0
    })
    .await;

    let response = app.post("/predict").json(&json!({"features": row()})).send().await;
    let response = response.expect("an answer at once");
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.json::<serde_json::Value>().await.expect("JSON")["code"], "overloaded");
    assert_eq!(app.get("/health").await.status(), 200, "probes are not shed");

    send.send(json!({"features": row()}).to_string().into()).expect("it is read");
    drop(send);
    let held = held.await.expect("no panic").expect("an answer");
    assert_eq!(held.status(), 200, "what was let in is answered");
}

#[tokio::test]
async fn ends_a_request_that_takes_too_long() {
    let app = TestApp::spawn_with(&["--allow-anonymous", "--request-timeout=50ms"]).await;
    let (send, body) = slow_body();
    send.send("{".into()).expect("it is read");
    let request = app.post("/predict").header("content-type", "application/json").body(body);
    let response = request.timeout(Duration::from_secs(30)).send().await.expect("an answer");
    assert_eq!(response.status(), 504);
    assert_eq!(
        response.json::<serde_json::Value>().await.expect("JSON")["code"],
        "request_timeout"
    );
    drop(send);
}

#[tokio::test]
async fn sheds_bodies_that_do_not_fit_into_memory() {
    let app =
        TestApp::spawn_with(&["--allow-anonymous", "--rate-limit=0", "--max-body-memory=1MiB"])
            .await;
    let (send, body) = slow_body();
    send.send(vec![b' '; 900 * 1024].into()).expect("it is read");
    let held = tokio::spawn(
        app.post("/predict").header("content-type", "application/json").body(body).send(),
    );
    eventually("the slow body is held", async || {
        app.series("http_request_body_bytes").await >= 900.0 * 1024.0
    })
    .await;
    let (status, problem) = app.predict_bytes("application/json", vec![b' '; 300 * 1024]).await;
    assert_eq!((status, &problem["code"]), (503, &json!("overloaded")));
    assert_eq!(app.predict(&json!({"features": row()})).await.0, 200, "there is room for this one");
    drop(send);
    assert_eq!(held.await.expect("no panic").expect("an answer").status(), 400);
    eventually("its memory is given back", async || {
        app.series("http_request_body_bytes").await == 0.0
    })
    .await;
}

#[tokio::test]
async fn refuses_bodies_over_the_limit() {
    let app = TestApp::spawn_with(&["--allow-anonymous", "--max-body=1KiB"]).await;
    let (status, problem) = app.predict_bytes("text/csv", vec![b'a'; 1025]).await;
    assert_eq!((status, &problem["code"]), (413, &json!("payload_too_large")));
    assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
}
