//! The time series: names, labels and help are what dashboards and alerts rely on.

use serde_json::json;

use crate::helpers::{TestApp, row};

#[tokio::test]
async fn names_and_help_stay_as_they_are() {
    let app = TestApp::spawn().await;
    app.predict(&json!({"instances": [row(), row()]})).await;
    let text = app.metrics().await;
    let mut help: Vec<_> = text.lines().filter(|line| line.starts_with("# HELP")).collect();
    help.sort_unstable();
    insta::assert_snapshot!(help.join("\n"));
}

#[tokio::test]
async fn counts_requests_rows_and_loads() {
    let app = TestApp::spawn().await;
    app.predict(&json!({"instances": [row(), row()]})).await;
    app.predict(&json!({"features": row()})).await;
    app.predict(&json!({"nothing": 1})).await;
    let expected = [
        (r#"http_requests_total{route="/predict",method="POST",status="200"}"#, 2.0),
        (r#"http_requests_total{route="/predict",method="POST",status="422"}"#, 1.0),
        (
            r#"http_request_duration_seconds_count{route="/predict",method="POST",status="200"}"#,
            2.0,
        ),
        (r#"canopy_predictions_total{model="diamonds",version="1"}"#, 3.0),
        (r#"canopy_prediction_duration_seconds_count{model="diamonds",version="1"}"#, 2.0),
        (r#"canopy_model_info{model="diamonds",version="1",estimator="random-forest"}"#, 1.0),
        (r#"canopy_model_loads_total{model="diamonds",outcome="loaded"}"#, 1.0),
        (r#"canopy_model_loads_total{model="diamonds",outcome="refused"}"#, 0.0),
        (r#"canopy_model_load_duration_seconds_count{model="diamonds"}"#, 1.0),
        (r#"canopy_rejections_total{code="unexpected_field"}"#, 1.0),
    ];
    let text = app.metrics().await;
    for (series, value) in expected {
        let line = format!("{series} {value}");
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }
    let fifty_us = r#"http_request_duration_seconds_bucket{route="/predict",method="POST",status="200",le="0.00005"}"#;
    assert!(text.contains(fifty_us), "buckets start at 50 µs");
    assert!(text.contains("canopy_process_resident_memory_bytes"));
}
