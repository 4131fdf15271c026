//! Bad input is never a 5xx: whatever the bytes, the answer is a prediction or a problem that says why not.

use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::helpers::{TestApp, row};

const JSON: &str = "application/json";

#[tokio::test]
async fn refuses_each_with_its_status_and_code() {
    let app = TestApp::spawn().await;
    let wrong = |feature: &str, value: Value| {
        let mut row = row();
        row[feature] = value;
        json!({"features": row}).to_string()
    };
    let cases = [
        (JSON, String::new(), 400, "invalid_json"),
        (JSON, "not JSON".into(), 400, "invalid_json"),
        (JSON, "[".repeat(100_000), 422, "wrong_shape"),
        (JSON, format!("{{\"instances\":[{}", "[".repeat(100_000)), 422, "wrong_type"),
        (JSON, "{\"instances\":[]}".into(), 422, "no_rows"),
        (JSON, "{\"features\":{\"carat\":1e999}}".into(), 422, "not_finite"),
        (JSON, "{\"features\":{\"carat\":NaN}}".into(), 400, "invalid_json"),
        (JSON, wrong("carat", json!("0.5")), 422, "wrong_type"),
        (JSON, wrong("carat", Value::Null), 422, "null_feature"),
        (JSON, wrong("grade", json!(2.5)), 422, "wrong_type"),
        (JSON, wrong("extra", json!(1)), 422, "unknown_feature"),
        (JSON, "{\"features\":{\"carat\":1,\"carat\":1}}".into(), 422, "duplicate_feature"),
        (JSON, "{\"features\":{\"carat\":1}}".into(), 422, "missing_feature"),
        (JSON, "{\"instances\":[[1,\"Fair\"]]}".into(), 422, "wrong_length"),
        (JSON, "{\"instances\":[[1,\"Fair\",2,3]]}".into(), 422, "wrong_length"),
        (JSON, "{\"rows\":[]}".into(), 422, "unexpected_field"),
        ("text/csv", "carat,cut,grade\nNaN,Fair,1\n".into(), 422, "not_finite"),
        ("text/csv", "carat,cut,grade\ninf,Fair,1\n".into(), 422, "not_finite"),
        ("text/csv", "carat,cut,grade\n1,Fair\n".into(), 400, "invalid_csv"),
        ("text/csv", "carat,cut\n1,Fair\n".into(), 422, "missing_feature"),
        ("text/csv", "carat,cut,grade\n1,\"Fair,1\n2,\"Ideal\",1\n".into(), 400, "invalid_csv"),
        ("text/csv; charset=utf-16", "carat,cut,grade\n".into(), 415, "unsupported_media_type"),
        ("text/plain", "hello".into(), 415, "unsupported_media_type"),
        ("application/x-www-form-urlencoded", "a=b".into(), 415, "unsupported_media_type"),
        ("multipart/form-data", "x".into(), 415, "unsupported_media_type"),
        ("multipart/form-data; boundary=b", "x".into(), 400, "invalid_multipart"),
    ];
    for (content_type, body, status, code) in cases {
        let shown = body.chars().take(60).collect::<String>();
        let (found, problem) = app.predict_bytes(content_type, body.into_bytes()).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{content_type}: {shown}");
        assert_eq!(problem["status"], status);
        assert!(problem["request_id"].is_string());
    }
    assert_eq!(app.series(r#"canopy_rejections_total{code="wrong_length"}"#).await, 2.0);
}

#[tokio::test]
async fn takes_100_000_rows_and_refuses_what_is_larger_than_the_limit() {
    let app = TestApp::spawn().await;
    let many = json!({"instances": vec![json!([0.5, "Ideal", 3]); 100_000]});
    let (status, body) = app.predict(&many).await;
    assert_eq!(status, 200);
    let predictions = body["predictions"].as_array().expect("a list");
    assert_eq!(predictions.len(), 100_000);
    assert!(predictions.iter().all(|prediction| *prediction == json!(200.0)));

    let too_large = vec![b' '; 17 * 1024 * 1024];
    let (status, problem) = app.predict_bytes(JSON, too_large).await;
    assert_eq!((status, &problem["code"]), (413, &json!("payload_too_large")));

    // 10 MB of nothing much is read, and refused for what it is.
    let (status, problem) = app.predict_bytes(JSON, vec![b'['; 10_000_000]).await;
    assert_eq!((status, &problem["code"]), (422, &json!("wrong_shape")));
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let app = TestApp::spawn().await;
    let response = app.get("/nowhere").await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "not_found");
    let response = app.get("/predict").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "method_not_allowed");
}

/// One server for all cases of the property tests.
fn shared() -> &'static (Runtime, TestApp) {
    static SHARED: OnceLock<(Runtime, TestApp)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = Runtime::new().expect("a runtime");
        let app = runtime.block_on(TestApp::spawn());
        (runtime, app)
    })
}

fn status_of(content_type: &str, body: Vec<u8>) -> u16 {
    let (runtime, app) = shared();
    runtime.block_on(app.predict_bytes(content_type, body)).0
}

/// Bytes near a request: the grammar's own pieces in any order.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: [&str; 22] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"features\"",
        "\"instances\"",
        "\"carat\"",
        "\"cut\"",
        "\"grade\"",
        "\"Fair\"",
        "0.5",
        "-0",
        "1e308",
        "1e999",
        "null",
        "true",
        "\"\\ud800\"",
        "\"\\u0000\"",
        " ",
        "99999999999999999999",
    ];
    proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..40)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_bytes_are_a_5xx(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        content_type in proptest::sample::select(
            &[JSON, "text/csv", "multipart/form-data; boundary=b", "text/plain"][..]
        ),
    ) {
        prop_assert!((400..500).contains(&status_of(content_type, body)));
    }

    #[test]
    fn nothing_near_a_request_is_a_5xx(body in nearly_json()) {
        prop_assert!(status_of(JSON, body) < 500);
    }

    #[test]
    fn nothing_near_a_table_is_a_5xx(cells in "[a-z0-9\",\n\r. ]{0,80}", header in any::<bool>()) {
        let csv = if header { format!("carat,cut,grade\n{cells}") } else { cells };
        prop_assert!(status_of("text/csv", csv.clone().into_bytes()) < 500);
        let form = format!("--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n{csv}\r\n--b--\r\n");
        prop_assert!(status_of("multipart/form-data; boundary=b", form.into_bytes()) < 500);
    }

    #[test]
    fn no_row_of_numbers_is_a_5xx(carat in any::<f64>(), grade in any::<i64>()) {
        let body = format!("{{\"instances\":[[{carat:?},\"Fair\",{grade}]]}}");
        prop_assert!(status_of(JSON, body.into_bytes()) < 500);
        let csv = format!("carat,cut,grade\n{carat:?},Fair,{grade}\n");
        prop_assert!(status_of("text/csv", csv.into_bytes()) < 500);
    }
}
