//! The request sample: what callers really send, for the trainer to replay.

use serde_json::{Value, json};

use crate::helpers::{TestApp, eventually, row};

#[tokio::test]
async fn keeps_the_json_that_the_champion_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let flag = format!("--request-sample={}", folder.path().join("sample").display());
    let app = TestApp::spawn_with(&["--allow-anonymous", "--rate-limit=0", &flag]).await;
    assert_eq!(app.predict(&json!({"features": {"carat": 1}})).await.0, 422);
    assert_eq!(app.predict_bytes("text/csv", b"carat,cut,grade\n1,Fair,1\n".into()).await.0, 200);
    let pretty = serde_json::to_vec_pretty(&json!({"features": row()})).expect("JSON");
    assert_eq!(app.predict_bytes("application/json", pretty).await.0, 200);

    let file = folder.path().join("sample/diamonds.jsonl");
    eventually("the sample is written", async || file.exists()).await;
    let text = std::fs::read_to_string(&file).expect("readable");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON a line")).collect();
    assert_eq!(lines, [json!({"features": row()})], "nothing refused, no CSV");
}

#[tokio::test]
async fn answers_though_the_sample_cannot_be_written() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let flag = format!("--request-sample={}", file.path().display());
    let app = TestApp::spawn_with(&["--allow-anonymous", "--rate-limit=0", &flag]).await;
    for _ in 0..3 {
        assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
        tokio::time::sleep(std::time::Duration::from_millis(40)).await;
    }
    app.eventually_ready(1).await;
}
