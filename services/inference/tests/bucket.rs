//! A registry in a bucket: the real binary over `s3s-fs`, an S3 server on a folder, which goes away and comes back.

use std::process::{Child, Command};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use registry::{CHALLENGER, CHAMPION};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{TempRegistry, draft};
use tokio::net::TcpListener;
use tokio::sync::watch;

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "canopy"), ("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")];

/// The bucket `models`, whose objects are the files of a registry in a folder.
struct Bucket {
    endpoint: String,
    is_away: watch::Sender<bool>,
    _root: TempDir,
}

impl Bucket {
    async fn over(temp: &TempRegistry) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(temp.location(), root.path().join("models")).expect("a link");
        let mut service = S3ServiceBuilder::new(FileSystem::new(root.path()).expect("a store"));
        service.set_auth(SimpleAuth::from_single(KEYS[0].1, KEYS[1].1));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (is_away, watched) = watch::channel(false);
        tokio::spawn(serve(listener, service.build(), watched));
        Self { endpoint, is_away, _root: root }
    }
}

/// While it is away, every connection is cut, new ones and old ones.
async fn serve(listener: TcpListener, service: S3Service, is_away: watch::Receiver<bool>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        let mut is_away = is_away.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = connection => {}
                _ = is_away.wait_for(|is_away| *is_away) => {}
            }
        });
    }
}

/// A running `canopy-inference` that is ended with this value.
struct Process {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Process {
    fn start(bucket: &Bucket) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let child = Command::new(env!("CARGO_BIN_EXE_canopy-inference"))
            .args(["--model=diamonds", "--registry=s3://models", "--listen", &address])
            .args([
                "--allow-anonymous",
                "--rate-limit=0",
                "--registry-poll-interval=50ms",
                "--log=error",
            ])
            .env_clear()
            .env("AWS_ENDPOINT_URL", &bucket.endpoint)
            .envs(KEYS)
            .spawn()
            .expect("it starts");
        // The limit only ends a test that would wait for ever.
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
        let client = client.build().expect("a client");
        Self { child, url: format!("http://{address}"), client }
    }

    /// The version that answers; none where nothing does.
    async fn version(&self) -> Option<u64> {
        let row = json!({"features": {"carat": 0.5, "cut": "Ideal", "grade": 3}});
        let request = self.client.post(format!("{}/predict", self.url)).json(&row);
        let answer = request.send().await.ok()?.error_for_status().ok()?;
        answer.json::<Value>().await.expect("JSON")["version"].as_u64()
    }

    async fn eventually_answers(&self, version: u64) {
        // The limit only ends a test that would wait for ever.
        let answers = async {
            while self.version().await != Some(version) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), answers).await;
        waited.unwrap_or_else(|_| panic!("still waiting until version {version} answers"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_goes_away_changes_nothing_and_is_followed_again_when_it_is_back() {
    let temp = TempRegistry::new();
    let model = "diamonds".parse().expect("a valid name");
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("diamonds", 100.05)).await;
    let bucket = Bucket::over(&temp).await;
    let process = Process::start(&bucket);
    process.eventually_answers(1).await;

    bucket.is_away.send_replace(true);
    temp.set_alias(&model, CHAMPION, 2).await;
    for _ in 0..50 {
        assert_eq!(process.version().await, Some(1), "what serves goes on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bucket.is_away.send_replace(false);
    process.eventually_answers(2).await;

    // A challenger comes from there as well, and a veto is written there.
    temp.publish(draft("diamonds", 1000.0)).await;
    temp.set_alias(&model, CHALLENGER, 3).await;
    let vetoed = async {
        while temp.registry.alias(&model, CHALLENGER).await.expect("readable").is_some() {
            assert_eq!(process.version().await, Some(2), "a shadow never answers");
        }
    };
    let vetoed = tokio::time::timeout(Duration::from_secs(60), vetoed).await;
    vetoed.expect("the wrong challenger is taken away");
}
