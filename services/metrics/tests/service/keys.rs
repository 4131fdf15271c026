//! Who may see what.

use std::sync::Arc;

use crate::helpers::{Fake, Service, folder, keys_file};

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_need_a_key_and_the_page_does_not() {
    let secrets = folder();
    let keys = keys_file(&secrets, "open-sesame");
    let fake = Fake::start("canopy_up 1\n").await;
    let flags = ["--api-keys-file", keys.to_str().unwrap()];
    let data = Arc::new(folder());
    let service = Service::start_with(&[fake.url], "./nowhere", data, &flags).await;
    for path in ["/", "/health", "/ready", "/metrics"] {
        assert_eq!(service.get(path).await.status(), 200, "{path}");
    }
    for path in ["/api/state", "/api/stream"] {
        let answer = service.get(path).await;
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let answer = service.client.get(service.at(path)).header("x-api-key", "open-sesame");
        assert_eq!(answer.send().await.unwrap().status(), 200, "{path}");
    }
    assert_eq!(service.get("/nowhere").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_watched_is_named_with_what_is() {
    let fake =
        Fake::start("canopy_model_info{model=\"diamonds\",version=\"1\",estimator=\"x\"} 1\n")
            .await;
    let service = Service::start(&[fake.url], "./nowhere").await;
    let ask = async |query: &str| {
        let answer = service.get(&format!("/api/state?{query}")).await;
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let (status, body) = ask("model=rubies").await;
    assert_eq!((status, &body["code"]), (404, &"unknown_model".into()));
    assert_eq!(body["expected"][0], "diamonds");
    let (status, body) = ask("window=5m").await;
    assert_eq!((status, &body["code"]), (404, &"unknown_window".into()));
    assert_eq!(body["expected"], serde_json::json!(["1h", "24h"]));
    let (status, body) = ask("model=a&model=b").await;
    assert_eq!((status, &body["code"]), (400, &"invalid_query".into()));
    let (status, body) = ask("model=diamonds&window=24h").await;
    assert_eq!((status, &body["window"]), (200, &"24h".into()));
    assert_eq!(
        body["traffic"].as_array().unwrap().len().clamp(239, 240),
        body["traffic"].as_array().unwrap().len()
    );
}
