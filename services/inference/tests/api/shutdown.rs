//! Stopping: `/ready` turns 503, requests go on being answered, what is in flight finishes, exit.

use serde_json::json;

use crate::helpers::{TestApp, eventually, row};

#[tokio::test]
async fn drains_before_it_stops() {
    let app =
        TestApp::spawn_with(&["--allow-anonymous", "--rate-limit=0", "--drain-delay=1s"]).await;
    let (url, client) = (app.url.clone(), app.client.clone());
    let task = app.stop();
    let get = async |path: &str| client.get(format!("{url}{path}")).send().await;

    eventually("/ready turns 503", async || {
        get("/ready").await.is_ok_and(|response| response.status() == 503)
    })
    .await;
    let request = client.post(format!("{url}/predict")).json(&json!({"features": row()}));
    let response = request.send().await.expect("still answered while draining");
    assert_eq!(response.status(), 200);
    eventually("the listener is closed", async || get("/health").await.is_err()).await;
    task.await.expect("no panic").expect("a clean end");
}
