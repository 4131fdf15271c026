//! The page at `/docs` in a real browser: runs `tests/browser/`, where Chromium and its packages are there.
//!
//! They are no part of a Rust toolchain, so the test says that it is skipped without them; CI installs both.

use std::path::Path;
use std::process::Command;

use clap::Parser;
use inference::{Config, Server};
use testkit::{TempRegistry, draft};
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_in_a_browser() {
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
    temp.publish(draft("diamonds", 100.0)).await;
    let config = Config::parse_from([
        "canopy-inference",
        "--model=diamonds",
        "--listen=127.0.0.1:0",
        "--allow-anonymous",
        "--rate-limit=0",
        "--drain-delay=0s",
        &format!("--registry={}", temp.location()),
    ]);
    let server = Server::bind(config).await.expect("bound");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run_until(async {
        let _ = stopped.await;
    }));
    let run = move || {
        Command::new("npm").arg("test").current_dir(scripts).env("CANOPY_URL", url).output()
    };
    let output = tokio::task::spawn_blocking(run).await.expect("no panic").expect("npm runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
    drop(stop);
    task.await.expect("no panic").expect("a clean end");
}
