//! What happens to a row, end to end: train, publish, serve, predict, train again, move the alias.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Parser;
use inference::{Config, Server};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// A few hundred rows whose target is known: 100 for each room, 50 more with a garden.
fn write_houses(path: &std::path::Path) {
    let mut csv = "rooms,garden,town,price\n".to_owned();
    for row in 0..400 {
        let (rooms, garden) = (1 + row % 5, row % 2 == 0);
        // Every seventh row does not know its town.
        let town = if row % 7 == 0 { "" } else { ["Alba", "Bern", "Cork"][row % 3] };
        let price = rooms * 100 + if garden { 50 } else { 0 };
        writeln!(csv, "{rooms},{garden},{town},{price}").expect("a string takes everything");
    }
    std::fs::write(path, csv).expect("written");
}

/// Trains in this process; the trainer's own runtime must not run inside the test's.
async fn train(folder: &std::path::Path, flags: &[&str]) -> Value {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut arguments: Vec<String> =
        ["canopy-trainer", "fit", "--target=price", "--model=houses", "--output=json"]
            .map(str::to_owned)
            .into();
    arguments.push(format!("--data={}", path("houses.csv")));
    arguments.push(format!("--registry={}", path("models")));
    arguments.extend(flags.iter().map(|&flag| flag.to_owned()));
    let result = tokio::task::spawn_blocking(|| trainer::run(arguments)).await.expect("no panic");
    serde_json::from_str(&result.expect("it is trained")).expect("one JSON document")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_goes_from_the_table_to_a_prediction() {
    let folder = tempfile::tempdir().expect("a folder");
    write_houses(&folder.path().join("houses.csv"));

    // Train and publish: the first version is the champion.
    let first = train(folder.path(), &["--n-estimators=20"]).await;
    assert_eq!(first["version"], 1);

    // Serve.
    let registry = format!("--registry={}", folder.path().join("models").display());
    let config = Config::parse_from([
        "canopy-inference",
        "--model=houses",
        "--listen=127.0.0.1:0",
        "--registry-poll-interval=20ms",
        "--drain-delay=0s",
        "--allow-anonymous",
        &registry,
    ]);
    let server = Server::bind(config).await.expect("bound");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run_until(async {
        let _ = stopped.await;
    }));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let ready_with = async |version: u64| {
        let wait = async {
            loop {
                let answer = client.get(format!("{url}/ready")).send().await.expect("an answer");
                let body: Value = answer.json().await.expect("JSON");
                if body["version"] == version {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it is loaded");
    };
    ready_with(1).await;

    // Predict: raw columns in, a price out.
    let predict = async |body: Value| -> Value {
        let answer = client.post(format!("{url}/predict")).json(&body).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.json().await.expect("JSON")
    };
    let house = json!({"rooms": 3, "garden": true, "town": "Bern"});
    let answer = predict(json!({"features": house})).await;
    assert_eq!(answer["version"], 1);
    let price = answer["prediction"].as_f64().expect("a number");
    assert!((price - 350.0).abs() < 5.0, "3 rooms and a garden: {price}");
    let unknown_town = json!({"rooms": 3, "garden": true, "town": null});
    let price = predict(json!({"features": unknown_town})).await["prediction"].clone();
    assert!((price.as_f64().expect("a number") - 350.0).abs() < 25.0, "no town: {price}");

    // Train another estimator: published, not served until it is promoted.
    let second = train(folder.path(), &["--estimator=linear"]).await;
    assert_eq!(second["version"], 2);
    assert_eq!(predict(json!({"features": house})).await["version"], 1);
    let third = train(folder.path(), &["--estimator=linear", "--promote"]).await;
    assert_eq!(third["version"], 3);
    ready_with(3).await;
    let answer = predict(json!({"features": house})).await;
    let price = answer["prediction"].as_f64().expect("a number");
    assert!((price - 350.0).abs() < 1e-6, "the target is linear: {price}");

    drop(stop);
    task.await.expect("no panic").expect("a clean end");
}
