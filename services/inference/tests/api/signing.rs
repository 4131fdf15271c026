//! With trusted keys, only what one of them signed is served; they rotate without a restart.

use std::path::{Path, PathBuf};

use registry::{CHAMPION, SigningKey};
use testkit::{TempRegistry, draft};

use crate::helpers::{TestApp, eventually};

/// A key pair in files: the private and the public one.
struct Pair {
    private: SigningKey,
    public: PathBuf,
}

fn pair(folder: &Path, name: &str) -> Pair {
    let (private, public) = SigningKey::generate().expect("a new pair");
    let files = ["key", "pub"].map(|kind| folder.join(format!("{name}.{kind}")));
    std::fs::write(&files[0], private).expect("written");
    std::fs::write(&files[1], public).expect("written");
    let [private, public] = files;
    Pair { private: SigningKey::from_file(&private).expect("a key"), public }
}

fn trusting(pairs: &[&Pair]) -> String {
    let files: Vec<_> = pairs.iter().map(|pair| pair.public.display().to_string()).collect();
    format!("--trusted-key={}", files.join(","))
}

/// Publishes a version of `diamonds`, signed or not, and makes it champion.
async fn promote(temp: &TempRegistry, base: f64, key: Option<&Pair>) -> u64 {
    let model = "diamonds".parse().expect("a valid name");
    let version = temp.publish(draft("diamonds", base)).await;
    if let Some(key) = key {
        temp.registry.sign(&model, version, &key.private).await.expect("signed");
    }
    temp.set_alias(&model, CHAMPION, version).await;
    version
}

async fn eventually_waits_for(app: &TestApp, reason: &str) {
    eventually(reason, async || {
        let text = app.get("/ready").await.text().await.expect("text");
        text.contains(reason)
    })
    .await;
}

#[tokio::test]
async fn what_is_not_signed_or_with_another_key_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (pair(folder.path(), "ours"), pair(folder.path(), "theirs"));
    let temp = TempRegistry::new();
    promote(&temp, 100.0, None).await;
    let app = TestApp::over(temp, &["--allow-anonymous", &trusting(&[&ours])]).await;
    eventually_waits_for(&app, "it is not signed").await;

    promote(&app.temp, 200.0, Some(&theirs)).await;
    eventually_waits_for(&app, "which is not among the trusted keys").await;

    let version = promote(&app.temp, 300.0, Some(&ours)).await;
    app.eventually_ready(version).await;

    let refused = r#"canopy_model_loads_total{model="diamonds",outcome="refused"}"#;
    assert_eq!(app.series(refused).await, 2.0);
    promote(&app.temp, 400.0, None).await;
    eventually("it is refused", async || app.series(refused).await == 3.0).await;
    app.eventually_ready(version).await;
}

#[tokio::test]
async fn keys_rotate_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (old, new) = (pair(folder.path(), "old"), pair(folder.path(), "new"));
    let second = pair(folder.path(), "second");
    let temp = TempRegistry::new();
    promote(&temp, 100.0, Some(&old)).await;
    let app = TestApp::over(temp, &["--allow-anonymous", &trusting(&[&old, &second])]).await;
    app.eventually_ready(1).await;

    // Either of the two will do, as it must while they change over.
    promote(&app.temp, 200.0, Some(&second)).await;
    app.eventually_ready(2).await;

    promote(&app.temp, 300.0, Some(&new)).await;
    let refused = r#"canopy_model_loads_total{model="diamonds",outcome="refused"}"#;
    eventually("the new key is not trusted yet", async || app.series(refused).await == 1.0).await;
    // A file that is broken for a while takes no trust away.
    std::fs::write(&second.public, "half a key").expect("written");
    promote(&app.temp, 400.0, Some(&old)).await;
    app.eventually_ready(4).await;

    // The file of the second key now holds the new one, and what was refused is tried again at once.
    let model = "diamonds".parse().expect("a valid name");
    app.temp.set_alias(&model, CHAMPION, 3).await;
    eventually("it is refused again", async || app.series(refused).await == 2.0).await;
    std::fs::copy(&new.public, &second.public).expect("copied");
    app.eventually_ready(3).await;
}

#[tokio::test]
async fn does_not_start_with_a_key_that_is_none() {
    use clap::Parser;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("not-a-key.pem");
    std::fs::write(&file, "hello").expect("written");
    let flag = format!("--trusted-key={}", file.display());
    let arguments = ["canopy-inference", "--model=m", "--allow-anonymous", &flag];
    let config = inference::Config::parse_from(arguments);
    let error = inference::Server::bind(config).await.expect_err("no key").to_string();
    assert!(error.contains("not-a-key.pem"), "{error}");
}
