//! What may be given, and what is refused before anything is read.

use crate::helpers::{Place, failure, json, rents, stdout, trainer};

#[test]
fn help_names_every_flag_with_default_and_range() {
    let output =
        trainer().args(["fit", "--help"]).env("COLUMNS", "100").output().expect("the binary runs");
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn refuses_values_out_of_range_with_exit_code_2() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(50));
    let cases: [(&[&str], &str); 13] = [
        (
            &["--max-depth", "0"],
            "--max-depth is 0; expected 1 to 65534 splits, or `none` for no limit",
        ),
        (&["--max-depth", "deep"], "'--max-depth <N>': expected 1 to 65534 splits"),
        (&["--min-samples-split", "1"], "--min-samples-split is 1; expected 2 rows or more"),
        (&["--min-samples-leaf", "0"], "--min-samples-leaf is 0; expected 1 row or more"),
        (&["--max-features", "0"], "'--max-features <FRACTION>': expected a fraction above 0"),
        (
            &["--test-fraction", "1"],
            "'--test-fraction <FRACTION>': expected a number above 0 and below 1",
        ),
        (&["--threads", "1025"], "'--threads <N>': expected a whole number from 0 to 1024"),
        (
            &["--max-categories", "0"],
            "'--max-categories <N>': expected a whole number from 1 to 1000000",
        ),
        (&["--seed", "-1"], "invalid value '-1' for '--seed <N>'"),
        (&["--log", "inof"], "`inof` is none of off, error"),
        (
            &["--alpha", "2"],
            "--alpha is a hyperparameter of ridge and elastic-net, not of random-forest",
        ),
        (&["--test-data", "x.csv", "--test-fraction", "0.1"], "both given; choose one"),
        (&["--output", "yaml"], "[possible values: text, json]"),
    ];
    for (args, message) in cases {
        let mut fit = place.fit(&data);
        fit.args(args);
        let (exit_code, error) = failure(fit);
        assert_eq!(exit_code, 2, "{error}");
        assert!(error.contains(message), "{message} is not in\n{error}");
    }
    let cases: [(&[&str], &str); 3] = [
        (&["ridge", "--alpha", "0"], "--alpha is 0; expected a number above 0"),
        (&["elastic-net", "--l1-ratio", "1.5"], "--l1-ratio is 1.5; expected"),
        (
            &["linear", "--max-depth", "3"],
            "--max-depth is a hyperparameter of random-forest and decision-tree",
        ),
    ];
    for (args, message) in cases {
        let mut fit = place.fit(&data);
        fit.arg("--estimator").args(args);
        let (exit_code, error) = failure(fit);
        assert_eq!(exit_code, 2, "{error}");
        assert!(error.contains(message), "{message} is not in\n{error}");
    }
    assert!(!place.registry().exists(), "nothing was begun");
}

#[test]
fn refuses_names_that_are_no_folder() {
    for name in ["../evil", "A", "", "a/b"] {
        let mut fit = trainer();
        fit.args(["fit", "--data", "x.csv", "--target", "y", "--model", name]);
        let (exit_code, error) = failure(fit);
        assert_eq!(exit_code, 2, "{error}");
    }
}

#[test]
fn takes_settings_from_the_environment() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let mut fit = trainer();
    fit.arg("fit").env("CANOPY_DATA", data).env("CANOPY_REGISTRY", place.registry());
    let settings = [
        ("CANOPY_TARGET", "rent"),
        ("CANOPY_MODEL", "rents"),
        ("CANOPY_ESTIMATOR", "ridge"),
        ("CANOPY_ALPHA", "0.5"),
        // Of another estimator: one ConfigMap may serve several jobs.
        ("CANOPY_MAX_DEPTH", "3"),
        ("CANOPY_IGNORE", "lift, town"),
        ("CANOPY_CATEGORICAL", ""),
        ("CANOPY_PROMOTE", "1"),
        ("CANOPY_OUTPUT", "json"),
        ("CANOPY_LOG", "error"),
    ];
    let summary = json(&fit.envs(settings).output().expect("the binary runs"));
    assert_eq!(summary["estimator"]["hyperparameters"], serde_json::json!({"alpha": 0.5}));
    assert_eq!(summary["n_features"], 2);
}

#[test]
fn fits_trees_without_a_limit() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let output = place.fit(&data).args(["--max-depth", "none", "--output", "json"]).output();
    let summary = json(&output.expect("the binary runs"));
    assert!(summary["estimator"]["hyperparameters"]["max_depth"].is_null());
}

#[test]
fn an_empty_variable_counts_as_none() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let names = [
        "SEED",
        "SCHEMA",
        "TEST_DATA",
        "MAX_DEPTH",
        "PROMOTE",
        "OUTPUT",
        "ALPHA",
        "ESTIMATOR",
        "LOG",
        "IGNORE",
    ];
    let mut fit = place.fit(&data);
    fit.envs(names.map(|name| (format!("CANOPY_{name}"), "")));
    let summary = json(&fit.args(["--output", "json"]).output().expect("the binary runs"));
    assert_eq!(summary["provenance"]["seed"], 42);
    assert_eq!(summary["n_features"], 4);
    let mut fit = place.fit(&data);
    fit.env("CANOPY_TARGET", "");
    let (exit_code, error) = failure(fit);
    assert_eq!(exit_code, 2);
    assert!(error.contains("required") && error.contains("--target <COLUMN>"), "{error}");
}
