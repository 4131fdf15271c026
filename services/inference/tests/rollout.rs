//! The real server under constant load while its champion moves 20 times: nobody is failed, nobody gets a mixture.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use registry::{ModelName, Registry};
use reqwest::Client;
use schema::ReadOptions;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

const N_MOVES: u64 = 20;
/// Requests a second, due at fixed times whatever becomes of those before.
const RATE: u32 = 400;
/// Between two moves.
const BETWEEN: Duration = Duration::from_millis(300);
const N_ROWS: usize = 60;

/// What each version says of each row, as bits.
type Expected = BTreeMap<u64, Vec<u64>>;

/// The server, which is ended with this value.
struct Server {
    child: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start(registry: &str, client: &Client) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = format!("127.0.0.1:{}", port.expect("a free port").port());
        let child = Command::new(env!("CARGO_BIN_EXE_canopy-inference"))
            .args(["--model", "demand", "--registry", registry, "--listen", &address])
            .args(["--registry-poll-interval", "20ms", "--allow-anonymous", "--rate-limit", "0"])
            .env("CANOPY_LOG", "error")
            .spawn()
            .expect("it starts");
        let server = Self { child, url: format!("http://{address}") };
        server.serves(1, client).await;
        server
    }

    /// Waits until a version answers; the limit only ends a test that would wait for ever.
    async fn serves(&self, version: u64, client: &Client) {
        let ready = async || -> Option<u64> {
            let answer = client.get(format!("{}/ready", self.url)).send().await.ok()?;
            answer.json::<Value>().await.ok()?["version"].as_u64()
        };
        let wait = async {
            while ready().await != Some(version) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
        waited.unwrap_or_else(|_| panic!("version {version} never answers"));
    }
}

/// A command of the trainer on this registry.
async fn trainer(registry: &str, words: &[&str]) -> String {
    let words = [&["canopy-trainer"], words, &["--registry", registry]].concat();
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let done = tokio::task::spawn_blocking(move || trainer::run(words)).await;
    done.expect("no panic").expect("the trainer does as it is told")
}

async fn two_versions() -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let registry = folder.path().to_str().expect("UTF-8").to_owned();
    for n_estimators in ["3", "5"] {
        let data = ["fit", "--data", "synthetic:demand?rows=600&seed=7", "--target", "demand"];
        let rest = ["--model", "demand", "--max-depth", "6", "--n-estimators", n_estimators];
        trainer(&registry, &[&data[..], &rest].concat()).await;
    }
    (folder, registry)
}

/// Rows as a client sends them, and what the versions themselves make of them.
async fn rows(location: &str) -> (Vec<Value>, Expected) {
    let registry = Registry::open(location).expect("a registry");
    let model: ModelName = "demand".parse().expect("a name");
    let golden = format!("{location}/demand/versions/1/golden.json");
    let golden: Value =
        serde_json::from_slice(&std::fs::read(golden).expect("golden rows")).expect("JSON");
    let whole = |row: &&Value| row.as_object().is_some_and(|row| !row.values().any(Value::is_null));
    let rows = golden["instances"].as_array().expect("rows").iter().filter(whole);
    let rows: Vec<Value> = rows.take(N_ROWS).cloned().collect();
    let body = json!({"instances": rows}).to_string();
    let mut expected = Expected::new();
    for number in [1, 2] {
        let version = registry.load(&model, number).await.expect("a version");
        let signature = &version.manifest.signature;
        let request = signature.read_json(body.as_bytes(), ReadOptions::default());
        let predictions = version.pipeline.predict(&request.expect("rows that fit").rows);
        expected.insert(number, predictions.iter().map(|value| value.to_bits()).collect());
    }
    (rows, expected)
}

/// Sends rows `first` and the two after it; gives the version that answered.
async fn ask(
    client: Client,
    url: String,
    rows: Arc<Vec<Value>>,
    expected: Arc<Expected>,
    first: usize,
) -> u64 {
    let places = [first, first + 1, first + 2].map(|place| place % rows.len());
    let body = json!({"instances": places.map(|place| &rows[place])});
    let answer = client.post(format!("{url}/predict")).json(&body).send().await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.expect("JSON");
    let version = answer["version"].as_u64().expect("a version");
    let given = answer["predictions"].as_array().expect("predictions");
    let given: Vec<u64> =
        given.iter().map(|value| value.as_f64().expect("a number").to_bits()).collect();
    let own = places.map(|place| expected[&version][place]);
    assert_eq!(given, own, "not what version {version} says of rows {places:?}");
    version
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_moves_under_constant_load_fail_nobody_and_mix_nothing() {
    let (_folder, registry) = two_versions().await;
    let (rows, expected) = rows(&registry).await;
    assert_ne!(expected[&1], expected[&2], "the versions differ");
    let (rows, expected) = (Arc::new(rows), Arc::new(expected));
    let client = Client::builder().no_proxy().build().expect("a client");
    let server = Server::start(&registry, &client).await;

    let moves = async {
        for number in 0..N_MOVES {
            let to = if number % 2 == 0 { "2" } else { "1" };
            let force = ["--force", "--reason", "under load"];
            trainer(&registry, &[&["promote", "demand", to][..], &force].concat()).await;
            server.serves(to.parse().expect("a number"), &client).await;
            tokio::time::sleep(BETWEEN).await;
        }
    };
    tokio::pin!(moves);
    let mut due = tokio::time::interval_at(Instant::now(), Duration::from_secs(1) / RATE);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut asked, mut n_sent) = (JoinSet::new(), 0);
    loop {
        tokio::select! {
            () = &mut moves => break,
            _ = due.tick() => {
                let (rows, expected) = (Arc::clone(&rows), Arc::clone(&expected));
                asked.spawn(ask(client.clone(), server.url.clone(), rows, expected, n_sent));
                n_sent += 1;
            }
        }
    }
    let mut answers: BTreeMap<u64, usize> = BTreeMap::new();
    while let Some(version) = asked.join_next().await {
        *answers.entry(version.expect("no request fails")).or_default() += 1;
    }
    println!("{n_sent} requests during {N_MOVES} moves: {answers:?}");
    assert_eq!(answers.values().sum::<usize>(), n_sent);
    assert!(n_sent > 2_000, "{n_sent} requests are too few to prove anything");
    assert!(answers.len() == 2 && answers.values().all(|&n| n > 200), "{answers:?}");
    let history = trainer(&registry, &["history", "demand", "--output", "json"]).await;
    let history: Value = serde_json::from_str(&history).expect("JSON");
    let n_entries = history["entries"].as_array().map(Vec::len);
    assert_eq!((n_entries, &history["fault"]), (Some(1 + N_MOVES as usize), &Value::Null));
}
