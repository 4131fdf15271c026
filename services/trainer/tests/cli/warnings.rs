//! What goes on, but not without a word.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::helpers::{Place, failure, json, rents, stderr, text};

fn codes(summary: &Value) -> Vec<String> {
    let warnings = summary["warnings"].as_array().expect("warnings").iter();
    warnings.map(|warning| text(&warning["code"])).collect()
}

fn fitted(place: &Place, csv: &str, args: &[&str]) -> Output {
    let data = place.file("table.csv", csv);
    let output = place.fit(&data).args(args).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    output
}

/// A table without a relation between its feature and its target.
fn noise() -> String {
    let mut csv = "size,rent\n".to_owned();
    let mut state = 1_u32;
    for _ in 0..200 {
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        csv.push_str(&format!("{},{}\n", draw(), draw()));
    }
    csv
}

#[test]
fn refuses_to_evaluate_on_the_table_it_learns_from() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let copy = place.file("copy.csv", rents(60));
    let mut fit = place.fit(&data);
    fit.arg("--test-data").arg(copy);
    let (exit_code, error) = failure(fit);
    assert_eq!(exit_code, 1);
    assert!(error.contains("--data and --test-data are the same table"), "{error}");
}

#[test]
fn counts_the_test_rows_that_it_learned_from() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    // Three rows of the table, one of them twice, and one with another rent.
    let rents = rents(60);
    let lines: Vec<_> = rents.lines().collect();
    let test = [lines[0], lines[4], lines[9], lines[9], lines[2], "20.5,0,true,Ulm,1"].join("\n");
    let test = place.file("test.csv", test);
    let output = place.fit(&data).arg("--test-data").arg(&test).args(["--output", "json"]).output();
    let output = output.expect("the binary runs");
    let said = "4 of 5 test rows also stand in the training rows: the scores are too good";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let summary = json(&output);
    assert!(codes(&summary).contains(&"seen_test_rows".to_owned()));
    let report = fs::read_to_string(place.version_file(1, "report.html")).expect("a report");
    assert!(report.contains("<h2>Warnings</h2>") && report.contains(said));
    assert!(!report.contains("it had not seen"));
    let notes = summary["provenance"]["notes"].as_array().expect("notes");
    assert!(notes.iter().any(|note| text(note) == said), "{notes:?}");
    assert!(summary["provenance"].get("test_fraction").is_none());
}

#[test]
fn says_that_a_model_is_worth_nothing() {
    let place = Place::new();
    let output = fitted(&place, &noise(), &["--output", "json", "--estimator", "decision-tree"]);
    assert!(
        stderr(&output).contains("the model is worth nothing: its RMSE"),
        "{}",
        stderr(&output)
    );
    assert_eq!(codes(&json(&output)), ["no_better_than_the_mean"]);
}

#[test]
fn says_that_a_penalty_has_left_nothing() {
    let place = Place::new();
    let args = ["--output", "json", "--estimator", "elastic-net", "--alpha", "1e9"];
    let output = fitted(&place, &rents(80), &args);
    assert!(stderr(&output).contains("lower --alpha"), "{}", stderr(&output));
    assert!(codes(&json(&output)).contains(&"no_feature_matters".to_owned()));
    // There is no --alpha to lower for a table that says nothing.
    let constant: String = (0..60).map(|i| format!("7,{}\n", i % 11)).collect();
    let output = fitted(&place, &format!("size,rent\n{constant}"), &["--estimator", "linear"]);
    let said = stderr(&output);
    assert!(said.contains("every importance is 0") && !said.contains("--alpha"), "{said}");
    // Of a model that is fine nothing is said.
    let output = fitted(&place, &rents(400), &["--output", "json", "--estimator", "linear"]);
    assert_eq!(codes(&json(&output)), [""; 0]);
}

#[test]
fn the_manifest_has_all_that_a_second_run_needs() {
    let place = Place::new();
    let schema =
        place.file("schema.json", r#"{"features": [{"name": "size", "dtype": "number"}]}"#);
    let schema = schema.to_str().expect("UTF-8");
    let csv = rents(80).lines().enumerate().fold(String::new(), |csv, (i, line)| {
        format!("{csv}{line},{}\n", if i == 0 { "country" } else { "DE" })
    });
    let args = ["--categorical", "floor", "--ignore", "lift", "--max-categories", "7"];
    fitted(&place, &csv, &[&args[..], &["--test-fraction", "0.25", "--schema", schema]].concat());
    let shown = json(&place.run(&["show", "rents", "--output", "json"]));
    let provenance = &shown["manifest"]["provenance"];
    assert_eq!(provenance["test_fraction"], 0.25);
    assert_eq!(provenance["categorical"], serde_json::json!(["floor"]));
    assert_eq!(provenance["ignore"], serde_json::json!(["lift"]));
    assert_eq!(provenance["max_categories"], 7);
    assert_eq!(provenance["schema_sha256"].as_str().map(str::len), Some(64));
    let note = "the column `country` is `DE` in every row: no model can learn from it";
    assert_eq!(provenance["notes"][0], note);
    let report = fs::read_to_string(place.version_file(1, "report.html")).expect("a report");
    assert!(report.contains("<li>the column `country` is `DE` in every row"));
    let shown = crate::helpers::stdout(&place.run(&["show", "rents"]));
    assert!(shown.contains(note) && shown.contains("left out: `lift`"), "{shown}");
}
