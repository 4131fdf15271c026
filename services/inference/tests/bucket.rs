//! A registry in a bucket that goes away for a minute: the real binary over `testkit::S3Server`, under constant load.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use registry::{Action, CHALLENGER, CHAMPION, Draft, ModelName, Move, Registry};
use reqwest::Client;
use serde_json::{Value, json};
use testkit::{S3Server, TESTS, draft};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// How long the bucket is away.
const AWAY: Duration = Duration::from_secs(60);
/// Requests a second, due at fixed times whatever becomes of those before.
const RATE: u32 = 100;

/// A running `canopy-inference` that is ended with this value.
struct Process {
    child: Child,
    url: String,
    client: Client,
}

impl Process {
    fn start(bucket: &S3Server) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let child = Command::new(env!("CARGO_BIN_EXE_canopy-inference"))
            .args(["--model=diamonds", "--registry", &bucket.url(), "--listen", &address])
            .args(["--allow-anonymous", "--rate-limit=0", "--registry-poll-interval=50ms"])
            .arg("--log=inference=info")
            .env_clear()
            .envs(bucket.variables())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        // The limit only ends a test that would wait for ever.
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30));
        let client = client.build().expect("a client");
        Self { child, url: format!("http://{address}"), client }
    }

    /// The version that answers; an error where nothing does.
    async fn version(&self) -> reqwest::Result<u64> {
        let row = json!({"features": {"carat": 0.5, "cut": "Ideal", "grade": 3}});
        let request = self.client.post(format!("{}/predict", self.url)).json(&row);
        let answer: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(answer["version"].as_u64().expect("a version"))
    }

    async fn eventually_answers(&self, version: u64) {
        // The limit only ends a test that would wait for ever.
        let answers = async {
            while self.version().await.ok() != Some(version) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), answers).await;
        waited.unwrap_or_else(|_| panic!("still waiting until version {version} answers"));
    }

    /// Ends it; what it logged, a line each.
    fn log(mut self) -> Vec<String> {
        let stdout = self.child.stdout.take().expect("a pipe");
        self.child.kill().expect("it runs");
        let log = std::io::read_to_string(stdout).expect("text");
        log.lines().map(str::to_owned).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn publish(registry: &Registry, draft: Draft) {
    let published = registry.publish(draft, TESTS, None, &CancellationToken::new()).await;
    published.expect("the draft is published");
}

async fn set_alias(registry: &Registry, model: &ModelName, alias: &str, version: u64) {
    let wanted = Move::new(Action::Promoted, alias, Some(version));
    registry.move_alias(model, &wanted, TESTS).await.expect("the alias is moved");
}

/// Asks at a constant rate until the rest is done; how often each version answered.
async fn under_load(process: &Arc<Process>, rest: impl Future<Output = ()>) -> BTreeMap<u64, u32> {
    tokio::pin!(rest);
    let mut due = tokio::time::interval_at(Instant::now(), Duration::from_secs(1) / RATE);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asked = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut rest => break,
            _ = due.tick() => {
                let process = Arc::clone(process);
                asked.spawn(async move { process.version().await });
            }
        }
    }
    let mut answers = BTreeMap::new();
    for version in asked.join_all().await {
        *answers.entry(version.expect("no request fails")).or_default() += 1;
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_away_for_a_minute_changes_nothing_and_is_followed_again() {
    let mut bucket = S3Server::start("models");
    let registry = Registry::open_with(&bucket.url(), &bucket.variables()).expect("a registry");
    let model = "diamonds".parse().expect("a valid name");
    publish(&registry, draft("diamonds", 100.0)).await;
    publish(&registry, draft("diamonds", 100.05)).await;
    let process = Arc::new(Process::start(&bucket));
    process.eventually_answers(1).await;

    let minute = async {
        tokio::task::block_in_place(|| bucket.stop());
        tokio::time::sleep(AWAY).await;
        bucket.start_again();
        set_alias(&registry, &model, CHAMPION, 2).await;
        process.eventually_answers(2).await;
        tokio::time::sleep(Duration::from_secs(1)).await; // some of the load meets it as well
    };
    let answers = under_load(&process, minute).await;
    println!("requests by the version that answered: {answers:?}");
    assert!(answers[&1] >= RATE * 50, "{answers:?} are too few to prove anything");
    assert!(answers.keys().eq([&1, &2]), "{answers:?}");

    // A challenger comes from there as well, and a veto is written there.
    publish(&registry, draft("diamonds", 1000.0)).await;
    set_alias(&registry, &model, CHALLENGER, 3).await;
    let vetoed = async {
        while registry.alias(&model, CHALLENGER).await.expect("readable").is_some() {
            assert_eq!(process.version().await.ok(), Some(2), "a shadow never answers");
        }
    };
    let vetoed = tokio::time::timeout(Duration::from_secs(60), vetoed).await;
    vetoed.expect("the wrong challenger is taken away");

    let process = Arc::into_inner(process).expect("nobody asks any more");
    let log = process.log();
    let n_lines = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    assert_eq!(n_lines("the champion cannot be loaded"), 1, "{log:#?}");
    assert_eq!(n_lines("can be followed again"), 1, "{log:#?}");
}
