//! The alias moves under load: no request fails, none mixes two versions, a broken version never answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use registry::CHAMPION;
use serde_json::{Value, json};
use testkit::draft;

use crate::helpers::{TestApp, eventually, row};

#[tokio::test(flavor = "multi_thread")]
async fn swaps_versions_with_no_failed_request() {
    let app = TestApp::spawn().await;
    let model = "diamonds".parse().expect("a valid name");
    app.temp.publish(draft("diamonds", 1000.0)).await;

    let app = Arc::new(app);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (app, stop) = (Arc::clone(&app), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut seen = [0_u32; 3];
                while !stop.load(Ordering::Relaxed) {
                    let (status, body) = app.predict(&json!({"instances": [row(), row()]})).await;
                    assert_eq!(status, 200, "{body}");
                    let version = body["version"].as_u64().expect("a version");
                    let expected = [Value::Null, json!(200.0), json!(2000.0)];
                    let expected = &expected[usize::try_from(version).expect("1 or 2")];
                    assert_eq!(body["predictions"], json!([expected, expected]));
                    seen[usize::try_from(version).expect("1 or 2")] += 1;
                }
                seen
            })
        })
        .collect();
    for move_ in 0..20 {
        let version = 1 + (move_ + 1) % 2;
        app.temp.set_alias(&model, CHAMPION, version).await;
        app.eventually_ready(version).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut seen = [0; 3];
    for client in clients {
        let counts = client.await.expect("no request failed");
        seen.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    assert!(seen[1] > 0 && seen[2] > 0, "both versions answered: {seen:?}");
    let info = |version| {
        format!(
            r#"canopy_model_info{{model="diamonds",version="{version}",estimator="random-forest"}}"#
        )
    };
    assert_eq!((app.series(&info(1)).await, app.series(&info(2)).await), (1.0, 0.0));
}

#[tokio::test]
async fn a_broken_version_is_refused_and_the_one_before_goes_on() {
    let app = TestApp::spawn().await;
    let model = "diamonds".parse().expect("a valid name");
    // Its digests are right, but it answers otherwise than its library did.
    let mut wrong = draft("diamonds", 1000.0);
    wrong.golden.predictions[0] += 1.0;
    app.temp.publish(wrong).await;
    app.temp.set_alias(&model, CHAMPION, 2).await;

    let refused = r#"canopy_model_loads_total{model="diamonds",outcome="refused"}"#;
    eventually("the load is refused", async || app.series(refused).await > 0.0).await;
    app.eventually_ready(1).await;
    let (status, body) = app.predict(&json!({"features": row()})).await;
    assert_eq!((status, &body["prediction"]), (200, &json!(200.0)));

    // Many polls later it has not been tried again: no hot loop.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(app.series(refused).await, 1.0);

    app.temp.publish(draft("diamonds", 2000.0)).await;
    app.temp.set_alias(&model, CHAMPION, 3).await;
    app.eventually_ready(3).await;
}

#[tokio::test]
async fn a_registry_made_anew_is_noticed_though_the_number_is_the_same() {
    let app = TestApp::spawn().await;
    std::fs::remove_dir_all(format!("{}/diamonds", app.temp.location())).expect("removed");
    assert_eq!(app.temp.publish(draft("diamonds", 1000.0)).await, 1);
    eventually("the new version 1 answers", async || {
        app.predict(&json!({"features": row()})).await.1["prediction"] == 2000.0
    })
    .await;
    app.eventually_ready(1).await;
}

#[tokio::test]
async fn goes_on_when_the_champion_is_nowhere() {
    let app = TestApp::spawn().await;
    let aliases = format!("{}/diamonds/aliases", app.temp.location());
    let champion = format!("{aliases}/{CHAMPION}.json");
    // A version that is not there, an alias that says nothing, no alias, no folder.
    std::fs::write(&champion, "{\"version\": 7}").expect("written");
    still_answers(&app).await;
    std::fs::write(&champion, "half").expect("written");
    still_answers(&app).await;
    std::fs::remove_file(&champion).expect("removed");
    still_answers(&app).await;
    std::fs::remove_dir_all(app.temp.file("diamonds", 1, "")).expect("removed");
    still_answers(&app).await;
    let failed = r#"canopy_model_loads_total{model="diamonds",outcome="failed"}"#;
    assert_eq!(app.series(failed).await, 0.0, "nothing was loaded, so nothing failed to");
}

/// Some polls later the version before is still the one that answers.
async fn still_answers(app: &TestApp) {
    tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    app.eventually_ready(1).await;
    assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
}

#[tokio::test]
async fn goes_on_when_the_registry_goes_away() {
    let app = TestApp::spawn().await;
    std::fs::remove_dir_all(app.temp.location()).expect("removed");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    app.eventually_ready(1).await;
    assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
}
