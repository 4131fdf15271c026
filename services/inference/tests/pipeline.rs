//! What happens to a row, end to end: train, publish, serve, predict, train again, move the alias.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use inference::{Config, Server};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A few hundred rows whose target is known: 100 for each room, 50 more with a garden.
fn write_houses(path: &Path) {
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
async fn train(registry: &Path, data: &Path, flags: &[&str]) -> Value {
    let mut arguments: Vec<String> =
        ["canopy-trainer", "fit", "--target=price", "--output=json"].map(str::to_owned).into();
    arguments.push(format!("--data={}", data.display()));
    arguments.push(format!("--registry={}", registry.display()));
    arguments.extend(flags.iter().map(|&flag| flag.to_owned()));
    let result = tokio::task::spawn_blocking(|| trainer::run(arguments)).await.expect("no panic");
    serde_json::from_str(&result.expect("it is trained")).expect("one JSON document")
}

/// A server over a registry.
struct Served {
    url: String,
    client: reqwest::Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Served {
    async fn start(registry: &Path, model: &str) -> Self {
        let config = Config::parse_from([
            "canopy-inference",
            "--listen=127.0.0.1:0",
            "--registry-poll-interval=20ms",
            "--drain-delay=0s",
            "--allow-anonymous",
            &format!("--model={model}"),
            &format!("--registry={}", registry.display()),
        ]);
        let server = Server::bind(config).await.expect("bound");
        let url = format!("http://{}", server.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run_until(async {
            let _ = stopped.await;
        }));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { url, client, stop, task }
    }

    async fn ready_with(&self, version: u64) {
        let wait = async {
            loop {
                let ready = self.client.get(format!("{}/ready", self.url)).send();
                let body: Value = ready.await.expect("an answer").json().await.expect("JSON");
                if body["version"] == version {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it is loaded");
    }

    /// Status and body of a prediction.
    async fn predict(&self, content_type: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let request = self.client.post(format!("{}/predict", self.url));
        let request = request.header("content-type", content_type).body(body);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn predict_json(&self, body: Value) -> Value {
        let (status, answer) = self.predict("application/json", body.to_string()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn end(self) {
        drop(self.stop);
        self.task.await.expect("no panic").expect("a clean end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_goes_from_the_table_to_a_prediction() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, registry) = (folder.path().join("houses.csv"), folder.path().join("models"));
    write_houses(&data);

    // Train and publish: the first version is the champion.
    let houses = "--model=houses";
    let first = train(&registry, &data, &[houses, "--n-estimators=20"]).await;
    assert_eq!(first["version"], 1);

    // Serve, predict: raw columns in, a price out.
    let served = Served::start(&registry, "houses").await;
    served.ready_with(1).await;
    let house = json!({"features": {"rooms": 3, "garden": true, "town": "Bern"}});
    let answer = served.predict_json(house.clone()).await;
    assert_eq!(answer["version"], 1);
    let price = answer["prediction"].as_f64().expect("a number");
    assert!((price - 350.0).abs() < 5.0, "3 rooms and a garden: {price}");
    let nowhere = json!({"features": {"rooms": 3, "garden": true, "town": null}});
    let price = served.predict_json(nowhere).await["prediction"].as_f64().expect("a number");
    assert!((price - 350.0).abs() < 25.0, "no town: {price}");

    // Train another estimator: published, not served until it is promoted.
    let second = train(&registry, &data, &[houses, "--estimator=linear"]).await;
    assert_eq!(second["version"], 2);
    assert_eq!(served.predict_json(house.clone()).await["version"], 1);
    let third = train(&registry, &data, &[houses, "--estimator=linear", "--promote"]).await;
    assert_eq!(third["version"], 3);
    served.ready_with(3).await;
    let price = served.predict_json(house).await["prediction"].as_f64().expect("a number");
    assert!((price - 350.0).abs() < 1e-6, "the target is linear: {price}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_requests_are_answered_as_the_readme_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let data = examples.join("data/diamonds.csv");
    let small = ["--model=diamonds", "--estimator=decision-tree", "--max-depth=5"];
    train(folder.path(), &data, &small).await;
    let served = Served::start(folder.path(), "diamonds").await;
    served.ready_with(1).await;
    let request =
        |name: &str| std::fs::read(examples.join("requests").join(name)).expect("an example");

    let (status, one) = served.predict("application/json", request("diamond.json")).await;
    assert!(status == 200 && one["prediction"].is_number() && one.get("warnings").is_none());
    let (_, many) = served.predict("application/json", request("diamonds.json")).await;
    let (_, csv) = served.predict("text/csv", request("diamonds.csv")).await;
    assert_eq!(many["predictions"].as_array().expect("a list").len(), 2);
    assert_eq!(many["predictions"], csv["predictions"], "the same rows in two forms");
    let (status, problem) = served.predict("application/json", request("misspelt.json")).await;
    assert_eq!((status, &problem["suggestion"]), (422, &json!("carat")));
    served.end().await;
}
