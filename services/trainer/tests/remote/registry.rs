//! A registry in a bucket: `fit` and the commands that look after versions, against a real S3 server.

use std::process::{Command, Output};

use testkit::S3Server;

use crate::fit;
use crate::helpers::{Place, failure, json, rents, stderr, stdout, trainer};

/// The binary with the settings that lead it to a bucket.
fn at(server: &S3Server, mut command: Command, registry: &str) -> Command {
    command.envs(server.variables()).env("CANOPY_REGISTRY", registry);
    command
}

fn fit_into(place: &Place, server: &S3Server, registry: &str) -> Command {
    let data = place.file("rents.csv", rents(60));
    at(server, fit(place, data.to_str().expect("UTF-8")), registry)
}

#[test]
fn every_command_works_on_a_bucket() {
    let place = Place::new();
    let server = S3Server::start("models");
    // A folder of the bucket whose name is no plain one, and a slash at the end.
    let registry = format!("{}/team a+b%25/ü/", server.url());
    for promote in ["never", "not-worse"] {
        let mut fit = fit_into(&place, &server, &registry);
        let output = fit.args(["--promote", promote]).output().expect("the binary runs");
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let run = |args: &[&str]| -> Output {
        let mut command = at(&server, trainer(), &registry);
        command.args(args).args(["--output", "json"]).output().expect("the binary runs")
    };
    let key = place.path("key");
    let key = key.to_str().expect("UTF-8");
    let public = format!("{key}.pub");
    for args in [
        &["list"][..],
        &["show", "rents"],
        &["compare", "rents@1", "2"],
        &["rollback", "rents"],
        &["canary", "set", "rents", "2", "--percent", "5"],
        &["promote", "rents", "2"],
        &["keygen", "--signing-key", key],
        &["sign", "rents@2", "--signing-key", key],
        &["verify", "rents@2", "--ledger", "--trusted-key", &public],
        &["rollback", "rents", "--to", "1"],
        &["canary", "stop", "rents"],
        &["prune", "rents", "--keep", "1"],
        &["history", "rents"],
    ] {
        let output = run(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        assert!(!stdout(&output).is_empty(), "{args:?}");
    }
    assert_eq!(json(&run(&["show", "rents"]))["manifest"]["version"], 1);
    assert_eq!(json(&run(&["history", "rents"]))["fault"], serde_json::Value::Null);
}

#[test]
fn finds_out_before_the_fit_that_it_may_not_write() {
    let place = Place::new();
    let server = S3Server::start("models");
    let (exit_code, error) = failure(fit_into(&place, &server, "s3://modles"));
    assert_eq!(exit_code, 1);
    assert!(error.starts_with("error: the registry s3://modles is not writable"), "{error}");
    assert!(error.contains("there is no bucket `modles`"), "{error}");
}
