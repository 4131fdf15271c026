//! The scenarios against a real server: runs `tests/drivers/` with the tools of `make loadtest-tools`, where they are there.
//!
//! They are no part of a Rust toolchain, so the test says that it is skipped without them; CI installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use inference::{Config, Server};
use tokio::sync::oneshot;

/// A key whose rate is no limit, and one that soon meets its limit.
const KEYS: &str = "\
load fd52c3bcf1d6a473c274a3ec97f5976e15a937e15781b72b402048e071e45a3f rate=100000 burst=100000
slow 6fa0d18ad9d40c2e55ddba9c9110a429590843f1c7096d894e1f3aa68c420cee rate=5 burst=5
";

#[tokio::test(flavor = "multi_thread")]
async fn the_scenarios_judge_a_real_server() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = crate_folder.join("../target/loadtest-tools/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "CI must have run `make loadtest-tools`");
        eprintln!("skipped: needs `make loadtest-tools`");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let registry = train(folder.path(), &crate_folder.join("../examples/data/diamonds.csv")).await;
    let keys = folder.path().join("keys");
    std::fs::write(&keys, KEYS).expect("written");
    let config = Config::parse_from([
        "canopy-inference",
        "--model=diamonds",
        "--listen=127.0.0.1:0",
        "--drain-delay=0s",
        // Shorter than the scenario, so that its slow clients meet the limit.
        "--request-timeout=2s",
        &format!("--api-keys-file={}", keys.display()),
        &format!("--registry={}", registry.display()),
    ]);
    let server = Server::bind(config).await.expect("bound");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run_until(async {
        let _ = stopped.await;
    }));
    let tests = crate_folder.join("tests/drivers");
    let run = move || {
        let mut command = Command::new(python);
        command.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:locust"]);
        command.arg(tests).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("CANOPY_URL", url).env("CANOPY_API_KEY", "load-key");
        command.env("CANOPY_SLOW_KEY", "slow-key").output()
    };
    let output = tokio::task::spawn_blocking(run).await.expect("no panic").expect("pytest runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    drop(stop);
    task.await.expect("no panic").expect("a clean end");
}

/// Fits a model that takes no time to a few diamonds; gives the registry.
async fn train(folder: &Path, table: &Path) -> PathBuf {
    let (data, registry) = (folder.join("diamonds.csv"), folder.join("models"));
    let text = std::fs::read_to_string(table).expect("the example data");
    let few: Vec<&str> = text.lines().take(2001).collect();
    std::fs::write(&data, few.join("\n")).expect("written");
    let mut arguments: Vec<String> =
        ["canopy-trainer", "fit", "--target=price", "--model=diamonds", "--estimator=ridge"]
            .map(str::to_owned)
            .into();
    arguments.push(format!("--data={}", data.display()));
    arguments.push(format!("--registry={}", registry.display()));
    // The trainer's own runtime must not run inside the test's.
    let result = tokio::task::spawn_blocking(|| trainer::run(arguments)).await.expect("no panic");
    result.expect("it is trained");
    registry
}
