//! `/health` says that the process lives, `/ready` that it can answer.

use serde_json::{Value, json};
use testkit::{TempRegistry, draft};

use crate::helpers::{TestApp, eventually, row};

async fn reason(app: &TestApp) -> String {
    let response = app.get("/ready").await;
    assert_eq!(response.status(), 503);
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["status"], "not_ready");
    body["reason"].as_str().expect("a reason").to_owned()
}

#[tokio::test]
async fn lives_before_a_model_does_and_picks_it_up_by_itself() {
    let app = TestApp::over(TempRegistry::new(), &["--allow-anonymous"]).await;
    let health: Value = app.get("/health").await.json().await.expect("JSON");
    assert_eq!(health["status"], "healthy");
    assert!(health["uptime_seconds"].is_number());
    eventually("the reason is there", async || {
        reason(&app).await
            == format!("model `diamonds` has no champion in {} yet", app.temp.location())
    })
    .await;
    let (status, problem) = app.predict(&json!({"features": row()})).await;
    assert_eq!((status, &problem["code"]), (503, &json!("no_model")));
    assert_eq!(app.get("/model").await.status(), 503);
    assert_eq!(app.get("/openapi.json").await.status(), 200);

    app.temp.publish(draft("diamonds", 100.0)).await;
    app.eventually_ready(1).await;
    assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
}

#[tokio::test]
async fn says_why_a_first_version_is_refused() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    std::fs::write(temp.file("diamonds", 1, "weights.safetensors"), b"short").expect("written");
    let app = TestApp::over(temp, &["--allow-anonymous"]).await;
    eventually("the reason is there", async || {
        reason(&app).await.starts_with(
            "version 1 of `diamonds` is refused: weights.safetensors is 5 bytes long where the manifest says",
        )
    })
    .await;
    assert_eq!(app.get("/health").await.status(), 200);

    // The reason comes back with the registry, though the version is not tried again yet.
    let (here, away) = (app.temp.location().to_owned(), format!("{}-away", app.temp.location()));
    std::fs::rename(&here, &away).expect("moved");
    eventually("the registry is missed", async || reason(&app).await.contains("no such folder"))
        .await;
    std::fs::rename(&away, &here).expect("moved back");
    eventually("the version is refused", async || reason(&app).await.contains("is refused")).await;
}

#[tokio::test]
async fn waits_for_a_registry_that_is_not_there_yet() {
    let temp = TempRegistry::new();
    std::fs::remove_dir(temp.location()).expect("it is empty");
    let location = temp.location().to_owned();
    let app = TestApp::over(temp, &["--allow-anonymous"]).await;
    eventually("the reason is there", async || {
        reason(&app).await == format!("`{location}` cannot be a registry: there is no such folder")
    })
    .await;
    std::fs::create_dir(&location).expect("made");
    app.temp.publish(draft("diamonds", 100.0)).await;
    app.eventually_ready(1).await;
}
