//! Tables that lie elsewhere: the binary against servers in this process, over real TCP, TLS and S3.

#[path = "../cli/helpers.rs"]
#[allow(dead_code, reason = "this binary uses some of them")]
mod helpers;
mod server;

mod bucket;
mod disk;
mod registry;
mod secrets;
mod web;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use helpers::{Place, stderr};

/// Packed by gzip itself, see the README beside it.
const GZIP: &[u8] = include_bytes!("../../../../shared/dataset/tests/packed/rents.csv.gz");
/// `sha256sum rents.csv.gz`.
const GZIP_SHA256: &str = "584fe805aa9ab9f6e9d7894fef0e18550e70a0f6e8f1d4ddf74319a81542155c";

/// `fit` on a URL, without the proxies, certificates and credentials of the environment that the tests run in.
fn fit(place: &Place, url: &str) -> Command {
    let mut fit = place.fit(Path::new(url));
    for (name, _) in std::env::vars() {
        let is_proxy = name.to_ascii_lowercase().ends_with("_proxy");
        if is_proxy || name.starts_with("AWS_") || name.starts_with("SSL_CERT_") {
            fit.env_remove(name);
        }
    }
    // What is fetched must not stay there.
    let folder = place.path("tmp");
    std::fs::create_dir_all(&folder).expect("a folder");
    fit.env("TMPDIR", folder).args(["--output", "json"]);
    fit
}

/// The summary of a run that succeeded.
fn fitted(mut fit: Command) -> (Value, Output) {
    let output = fit.output().expect("the binary runs");
    (helpers::json(&output), output)
}

/// The message of a run that failed and published nothing.
fn refused(place: &Place, fit: Command) -> String {
    let (exit_code, error) = helpers::failure(fit);
    assert_eq!(exit_code, 1, "{error}");
    assert!(!place.registry().exists(), "nothing was begun");
    error
}
