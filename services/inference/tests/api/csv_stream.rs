//! CSV in, CSV out: answered while it comes, whatever its length, and never silently short.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use registry::CHAMPION;
use reqwest::{Body, RequestBuilder, Response};
use serde_json::{Value, json};
use testkit::{TempRegistry, draft};
use tokio::sync::mpsc;

use crate::helpers::{TestApp, eventually, row};

const HEADER: &str = "carat,cut,grade\n";
/// Rows whose answers differ, and take all digits: a base of 100.1.
const ROWS: [&str; 3] = ["0.5,Fair,3\n", "1.5,Fair,\n", "1.5,\"Ideal\",9\n"];
/// More than the server reads before it answers.
const N_FIRST: usize = 9_000;

/// A server whose answers take all digits.
async fn spawn(flags: &[&str]) -> TestApp {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.1)).await;
    let flags = [&["--allow-anonymous", "--rate-limit=0"], flags].concat();
    let app = TestApp::over(temp, &flags).await;
    app.eventually_ready(1).await;
    app
}

fn stream(app: &TestApp, body: impl Into<Body>) -> RequestBuilder {
    let request = app.post("/predict").header("content-type", "text/csv");
    request.header("accept", "text/csv").body(body)
}

fn rows(n: usize) -> String {
    ROWS.iter().cycle().take(n).copied().collect()
}

/// What JSON answers for the three rows, as it is written there.
async fn json_answers(app: &TestApp) -> [String; 3] {
    let body = format!("{HEADER}{}", ROWS.concat());
    let request = app.post("/predict").header("content-type", "text/csv").body(body);
    let text = request.send().await.expect("an answer").text().await.expect("JSON");
    let list = text.split(['[', ']']).nth(1).expect("a list").split(',').map(str::to_owned);
    list.collect::<Vec<_>>().try_into().expect("three answers")
}

/// A body that is sent piece by piece.
fn slow_body() -> (mpsc::Sender<Bytes>, Body) {
    let (send, receive) = mpsc::channel(1);
    let pieces = futures::stream::unfold(receive, async |mut receive: mpsc::Receiver<Bytes>| {
        let piece = receive.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), receive))
    });
    (send, Body::wrap_stream(pieces.boxed()))
}

/// A stream whose answer has begun.
async fn begun(app: &TestApp) -> (mpsc::Sender<Bytes>, Response) {
    let (send, body) = slow_body();
    send.send(format!("{HEADER}{}", rows(N_FIRST)).into()).await.expect("it is read");
    let response = stream(app, body).send().await.expect("an answer before the end");
    assert_eq!(response.status(), 200);
    (send, response)
}

/// What came of an answer, and whether it is whole.
async fn received(response: Response) -> (String, bool) {
    let mut pieces = response.bytes_stream();
    let mut text = vec![];
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => text.extend_from_slice(&piece),
            Err(_) => return (String::from_utf8(text).expect("UTF-8"), false),
        }
    }
    (String::from_utf8(text).expect("UTF-8"), true)
}

async fn is_idle(app: &TestApp) -> bool {
    app.series("http_requests_in_flight").await == 0.0
        && app.series("http_request_body_bytes").await == 0.0
}

#[tokio::test]
async fn answers_while_the_rows_still_come_with_one_version_and_as_json_does() {
    let app = spawn(&[]).await;
    let expected = json_answers(&app).await;
    let (send, response) = begun(&app).await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    assert_eq!(response.headers()["x-canopy-model"], "diamonds");
    assert_eq!(response.headers()["x-canopy-version"], "1");
    assert!(response.headers().contains_key("x-request-id"));

    let version = app.temp.publish(draft("diamonds", 7.0)).await;
    let model = "diamonds".parse().expect("a name");
    app.temp.set_alias(&model, CHAMPION, version).await;
    app.eventually_ready(2).await;
    send.send(rows(N_FIRST).into()).await.expect("it is read");
    drop(send);
    let (text, is_whole) = received(response).await;
    assert!(is_whole);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("prediction"));
    let expected = expected.iter().cycle().take(2 * N_FIRST);
    assert!(lines.eq(expected), "the version that began it ends it");
    eventually("its place is free", async || is_idle(&app).await).await;
    let labels = r#"{model="diamonds",version="1"}"#;
    let n_rows = app.series(&format!("canopy_predictions_total{labels}")).await;
    assert_eq!(n_rows, (2 * N_FIRST + 3) as f64);
    let n_requests = app.series(&format!("canopy_prediction_duration_seconds_count{labels}")).await;
    assert_eq!(n_requests, 2.0, "one for JSON, one for the stream");
}

#[tokio::test]
async fn only_those_who_ask_for_it_get_csv() {
    let app = spawn(&[]).await;
    let csv = format!("{HEADER}{}", ROWS[0]);
    let (status, body) = app.predict_bytes("text/csv", csv.clone().into()).await;
    assert_eq!((status, &body["predictions"]), (200, &json!([100.1])));
    let named = app.post("/models/diamonds/predict").header("content-type", "text/csv");
    let named = named.header("accept", "text/csv").body(csv).send().await.expect("an answer");
    assert_eq!(named.text().await.expect("text"), "prediction\n100.1\n");
}

#[tokio::test]
async fn holds_little_of_a_large_file_which_no_body_limit_applies_to() {
    let flags = ["--unknown-features=ignore", "--max-body=64KiB", "--max-body-memory=4MiB"];
    let app = spawn(&flags).await;
    const N_PIECES: usize = 500;
    let row = format!("{},0.5,Ideal,3\n", "a note ".repeat(100));
    let piece = Bytes::from(row.repeat(140)); // nearly 100 KB, so 50 MB in all
    let (send, body) = slow_body();
    let sender = tokio::spawn(async move {
        send.send(Bytes::from(format!("note,{HEADER}"))).await.expect("it is read");
        for _ in 0..N_PIECES {
            send.send(piece.clone()).await.expect("it is read");
        }
    });
    let response = stream(&app, body).send().await.expect("an answer");
    let mut pieces = response.bytes_stream();
    let (mut n_pieces, mut n_lines, mut most_bytes) = (0, 0, 0.0_f64);
    while let Some(piece) = pieces.next().await {
        let piece = piece.expect("a whole answer");
        n_lines += piece.iter().filter(|byte| **byte == b'\n').count();
        n_pieces += 1;
        if n_pieces % 20 == 0 {
            most_bytes = most_bytes.max(app.series("http_request_body_bytes").await);
        }
    }
    sender.await.expect("all is sent");
    assert_eq!(n_lines, 1 + N_PIECES * 140);
    assert!(most_bytes > 0.0 && most_bytes < f64::from(2 << 20), "{most_bytes} bytes");
    eventually("its memory is given back", async || is_idle(&app).await).await;
}

#[tokio::test]
async fn what_is_wrong_at_the_start_is_a_problem_with_its_status() {
    let app = spawn(&[]).await;
    let cases = [
        ("carat,cot,grade\n0.5,Ideal,3\n", 422, "unknown_feature"),
        ("carat,cut\n0.5,Ideal\n", 422, "missing_feature"),
        ("carat,cut,grade\n0.5,Ideal,x\n", 422, "wrong_type"),
        ("carat,cut,grade\n", 422, "no_rows"),
        ("carat,cut,grade\n0.5,Ideal\n", 400, "invalid_csv"),
        ("carat,cut,grade\n0.5,\"Ideal,3\n", 400, "invalid_csv"),
    ];
    for (csv, status, code) in cases {
        let response = stream(&app, csv).send().await.expect("an answer");
        assert_eq!(response.status(), status, "{csv:?}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = response.json().await.expect("JSON");
        assert_eq!(problem["code"], code, "{csv:?}");
    }
    let (send, body) = slow_body();
    send.send(vec![b'"'; 2 << 20].into()).await.expect("it is read");
    let response = stream(&app, body).send().await.expect("an answer");
    let problem: Value = response.json().await.expect("JSON");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("line 1 is longer than 1048576 bytes"), "{detail}");
}

#[tokio::test]
async fn a_bad_row_late_is_the_last_line_and_the_answer_breaks_off() {
    for flags in [&[][..], &["--compression"]] {
        let app = spawn(flags).await;
        let (send, response) = begun(&app).await;
        send.send("0.5,\"Ide\nal\",x\n".into()).await.expect("it is read");
        send.send(rows(N_FIRST).into()).await.expect("it is read");
        let (text, is_whole) = received(response).await;
        assert!(!is_whole, "a client that looks at no line knows as well");
        let line = format!(
            "# error: wrong_type: feature `grade` in row {N_FIRST} is `x`; expected an integer (seen 1 to 9), or null"
        );
        assert_eq!(text.lines().last(), Some(line.as_str()));
        assert!(text.lines().count() < 2 + N_FIRST);
        assert_eq!(app.series(r#"canopy_rejections_total{code="wrong_type"}"#).await, 1.0);
        drop(send);
        eventually("its place is free", async || is_idle(&app).await).await;
    }
}

#[tokio::test]
async fn a_sender_that_falls_silent_is_cut_off() {
    let app = spawn(&["--stall-timeout=100ms"]).await;
    let (send, response) = begun(&app).await;
    let (text, is_whole) = received(response).await;
    assert!(!is_whole);
    let line = "# error: body_read_failed: nothing of the body came for 100ms";
    assert_eq!(text.lines().last(), Some(line));
    eventually("its place is free", async || is_idle(&app).await).await;
    drop(send);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_never_reads_is_cut_off() {
    let app = spawn(&["--stall-timeout=200ms"]).await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let piece = rows(60_000);
    let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
    let sender = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).expect("connected");
        let head = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\naccept: text/csv\r\n\
                    transfer-encoding: chunked\r\n\r\n10\r\n";
        write!(socket, "{head}{HEADER}\r\n").expect("written");
        // Until both sides' buffers are full, which takes some megabytes, and the server has had enough.
        while socket.write_all(chunk.as_bytes()).is_ok() {}
    });
    sender.await.expect("the server closes the connection");
    eventually("its place is free", async || is_idle(&app).await).await;
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_place() {
    let app = spawn(&["--max-in-flight=1"]).await;
    let (send, response) = begun(&app).await;
    assert_eq!(app.predict(&json!({"features": row()})).await.0, 503, "it keeps its place");
    drop((send, response));
    eventually("its place is free", async || is_idle(&app).await).await;
    assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
}

#[tokio::test]
async fn single_rows_are_answered_while_streams_run() {
    let app = spawn(&[]).await;
    let is_enough = Arc::new(AtomicBool::new(false));
    let mut streams = vec![];
    for _ in 0..2 {
        let (send, response) = begun(&app).await;
        let is_enough = Arc::clone(&is_enough);
        let feed = tokio::spawn(async move {
            let mut n_rows = N_FIRST;
            while !is_enough.load(Ordering::Relaxed) {
                send.send(rows(20_000).into()).await.expect("it is read");
                n_rows += 20_000;
            }
            n_rows
        });
        streams.push((feed, tokio::spawn(received(response))));
    }
    for _ in 0..20 {
        assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
    }
    assert!(streams.iter().all(|(_, answer)| !answer.is_finished()), "they go on");
    is_enough.store(true, Ordering::Relaxed);
    for (feed, answer) in streams {
        let n_rows = feed.await.expect("all is sent");
        let (text, is_whole) = answer.await.expect("no panic");
        assert_eq!((text.lines().count(), is_whole), (1 + n_rows, true));
    }
}

#[tokio::test]
async fn a_shutdown_lets_a_stream_end() {
    let app = spawn(&[]).await;
    let (send, response) = begun(&app).await;
    let task = app.stop();
    send.send(rows(N_FIRST).into()).await.expect("it is read");
    drop(send);
    let (text, is_whole) = received(response).await;
    assert_eq!((text.lines().count(), is_whole), (1 + 2 * N_FIRST, true));
    task.await.expect("no panic").expect("it has stopped");
}
