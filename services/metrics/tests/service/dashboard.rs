//! The dashboard in a real browser: runs `tests/browser/`, where Chromium and its packages are there.
//!
//! They are no part of a Rust toolchain, so the test says that it is skipped without them; CI installs both.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use registry::CHAMPION;
use serde_json::{Value, json};
use testkit::{TempRegistry, draft};

use crate::helpers::{Fake, Service, eventually, folder, free_port, keys_file};
use crate::replica::Replica;

const KEY: &str = "open-sesame";

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_works_in_a_browser() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let chromium = std::env::var("CHROMIUM").unwrap_or("/usr/bin/chromium".to_owned());
    if !Path::new(&chromium).exists() || !scripts.join("node_modules").exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must have Chromium and `npm ci` in {scripts:?}"
        );
        eprintln!("skipped: needs {chromium} and `npm ci` in {}", scripts.display());
        return;
    }
    let temp = TempRegistry::new();
    for base in [100.0, 200.0] {
        temp.publish(draft("diamonds", base)).await;
    }
    let port = free_port();
    let healthy = format!("http://127.0.0.1:{port}");
    let mut killed = Replica::start(&temp).await;
    let slow = Replica::start(&temp).await;
    let garbage = Fake::start("canopy_up 1\n<html>502 Bad Gateway</html>\n").await;
    let targets = [healthy.clone(), killed.url(), slow.url(), garbage.url.clone()];
    let secrets = folder();
    let keys = keys_file(&secrets, KEY);
    let key = secrets.path().join("key");
    std::fs::write(&key, KEY).expect("written");
    let flags = ["--scrape-interval=1s", "--api-keys-file", keys.to_str().unwrap()];
    let data = Arc::new(folder());
    let service = Service::start_with(&targets, temp.location(), data, &flags).await;
    let replica = Replica::start_reporting(port, &temp, &service.url, &key).await;
    for (replica, n_rows) in [(&killed, 40), (&slow, 20)] {
        replica.predict(n_rows).await.expect("it answers");
    }
    eventually("what the two have answered is counted", async || {
        let state = tell_the_truth(&service).await?;
        (state["versions"][0]["rows"] == 60).then_some(())
    })
    .await;
    killed.kill();
    slow.signal("-STOP");
    let fleet = json!({
        "healthy": healthy, "unreachable": killed.url(), "slow": slow.url(), "garbage": garbage.url,
        "rows": 60,
    });
    eventually("there is something to show in each panel", async || {
        replica.predict(3).await?;
        let state = tell_the_truth(&service).await?;
        let points = state["traffic"].as_array()?;
        let has_traffic = |point: &Value| point["requests_per_second"].as_f64() > Some(0.0);
        let has_pairs = state["quality"]["pairs"].as_u64() > Some(0);
        (points.iter().any(has_traffic) && has_pairs).then_some(())
    })
    .await;

    let url = service.url.clone();
    let run = move || {
        let mut npm = Command::new("npm");
        npm.arg("test").current_dir(scripts);
        npm.envs([
            ("CANOPY_METRICS_URL", &*url),
            ("CANOPY_API_KEY", KEY),
            ("CANOPY_ALIAS_MOVES", "1"),
            ("CANOPY_FLEET", &*fleet.to_string()),
        ]);
        npm.output()
    };
    let mut browser = tokio::task::spawn_blocking(run);
    let model = "diamonds".parse().expect("a name");
    let mut champions = [2, 1].into_iter().cycle();
    let output = loop {
        let version = champions.next().expect("no end");
        temp.set_alias(&model, CHAMPION, version).await;
        replica.predict(3).await.expect("it answers");
        tell_the_truth(&service).await.expect("it answers");
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(3), &mut browser).await {
            break done.expect("no panic").expect("npm runs");
        }
    };
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Sends an actual for each event that is shown and has none; gives the state before that.
async fn tell_the_truth(service: &Service) -> Option<Value> {
    let ask = service.client.get(service.at("/api/state")).header("x-api-key", KEY);
    let state: Value = ask.send().await.ok()?.json().await.ok()?;
    let events = state["events"].as_array()?.iter().filter(|event| event["actual"].is_null());
    let actual = |event: &Value| {
        let actual = event["prediction"].as_f64()? * 1.02;
        Some(json!({"request_id": event["request_id"], "row": event["row"], "actual": actual}))
    };
    let actuals = json!({"actuals": events.filter_map(actual).collect::<Vec<_>>()});
    let tell = service.client.post(service.at("/actuals")).header("x-api-key", KEY).json(&actuals);
    (tell.send().await.ok()?.status() == 200).then_some(state)
}
