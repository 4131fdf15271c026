//! Who may call: keys from a file, rotated without a restart, each with its own rate.

use serde_json::json;
use testkit::TempRegistry;

use crate::helpers::{TestApp, answer, eventually, row};

fn digest(key: &str) -> String {
    registry::sha256_hex(key.as_bytes())
}

async fn status(app: &TestApp, key: Option<&str>) -> u16 {
    let request = app.post("/predict").json(&json!({"features": row()}));
    let request = match key {
        Some(key) => request.header("x-api-key", key),
        None => request,
    };
    answer(request).await.0
}

#[tokio::test]
async fn keys_are_needed_where_they_should_be_and_rotate_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys");
    std::fs::write(&file, format!("old {}\n", digest("secret-a"))).expect("written");
    let flag = format!("--api-keys-file={}", file.display());
    let app = TestApp::spawn_with(&[&flag]).await;

    assert_eq!(status(&app, None).await, 401);
    assert_eq!(status(&app, Some("wrong")).await, 401);
    assert_eq!(status(&app, Some("secret-a")).await, 200);
    assert_eq!(app.get("/model").await.status(), 401);
    for open in ["/health", "/ready", "/metrics", "/openapi.json", "/docs"] {
        assert_eq!(app.get(open).await.status(), 200, "{open}");
    }

    std::fs::write(&file, format!("new {}\n", digest("secret-b"))).expect("written");
    eventually("the new key is known", async || status(&app, Some("secret-b")).await == 200).await;
    assert_eq!(status(&app, Some("secret-a")).await, 401);

    std::fs::write(&file, "not a key file").expect("written");
    let failed = r#"canopy_api_keys_reloads_total{outcome="failed"}"#;
    eventually("the broken file is noticed", async || app.series(failed).await > 0.0).await;
    assert_eq!(status(&app, Some("secret-b")).await, 200, "the keys before stay");
    assert!(!app.metrics().await.contains("secret"), "no key in a label");
}

#[tokio::test]
async fn each_key_has_its_own_rate() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("keys");
    let lines = format!("slow {} rate=1 burst=2\nfast {}\n", digest("slow"), digest("fast"));
    std::fs::write(&file, lines).expect("written");
    let flag = format!("--api-keys-file={}", file.display());
    let app = TestApp::spawn_with(&[&flag]).await;

    let ask = async |key| {
        let request = app.post("/predict").header("x-api-key", key);
        request.json(&json!({"features": row()})).send().await.expect("an answer")
    };
    let first = ask("slow").await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()["ratelimit-limit"], "2");
    assert_eq!(first.headers()["ratelimit-remaining"], "1");
    assert_eq!(ask("slow").await.status(), 200);
    let refused = ask("slow").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.json::<serde_json::Value>().await.expect("JSON")["code"], "rate_limited");
    assert_eq!(ask("fast").await.status(), 200, "another key is not held up");
}

#[tokio::test]
async fn does_not_start_without_a_key_unless_anybody_may_call() {
    use clap::Parser;
    let temp = TempRegistry::new();
    let registry = format!("--registry={}", temp.location());
    let arguments =
        ["canopy-inference", "--model=diamonds", "--listen=127.0.0.1:0", registry.as_str()];
    let config = inference::Config::parse_from(arguments);
    let error = inference::Server::bind(config).await.expect_err("no key").to_string();
    for way in ["--api-keys-file", "CANOPY_API_KEYS", "--allow-anonymous"] {
        assert!(error.contains(way), "{error}");
    }
}
