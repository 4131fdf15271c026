//! The main job.

use std::fs;

use crate::helpers::{Place, diamonds, json, rents, stderr, stdout, trainer};

#[test]
fn trains_on_diamonds_and_prints_a_table() {
    let place = Place::new();
    let diamonds = fs::read_to_string(diamonds()).expect("the table of the project");
    let some: Vec<&str> = diamonds.lines().step_by(20).collect();
    let data = place.file("diamonds.csv", some.join("\n"));
    let mut fit = trainer();
    fit.args(["fit", "--target", "price", "--model", "diamonds", "--n-estimators", "20"]);
    fit.arg("--data").arg(data).arg("--registry").arg(place.registry());
    let output = fit.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let expected = [
        "9 features, target `price`",
        "random-forest (smartcore 0.7.0)",
        "Score            model  constant mean  better by",
        "carat ",
        "██████",
        "Published  diamonds version 1: ",
        "version 1 is the champion",
        "canopy-inference --model diamonds --registry ",
    ];
    for part in expected {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(stderr(&output).contains(r#""message":"fitting""#), "log lines tell how far it is");
    let files =
        ["golden.json", "holdout.csv", "manifest.json", "report.html", "weights.safetensors"];
    let folder = place.registry().join("diamonds/versions/1");
    let found = fs::read_dir(&folder).expect("the version").map(|entry| entry.expect("a file"));
    let mut found: Vec<_> =
        found.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect();
    found.sort();
    assert_eq!(found, files);
    assert!(stdout(&place.run(&["verify", "diamonds"])).contains("diamonds version 1 is whole"));
}

#[test]
fn beats_the_constant_on_synthetic_demand() {
    let place = Place::new();
    let mut fit = trainer();
    fit.args(["fit", "--data", "synthetic:demand?rows=1000&seed=7", "--target", "demand"]);
    fit.args(["--model", "demand", "--output", "json", "--n-estimators", "10"]);
    let output = fit.arg("--registry").arg(place.registry()).output().expect("the binary runs");
    let summary = json(&output);
    let rmse = |of: &str| summary["scores"][of]["rmse"].as_f64().expect("a score");
    assert!(rmse("model") < 0.7 * rmse("constant_mean"), "{summary}");
    assert_eq!(summary["provenance"]["data"], "synthetic:demand?rows=1000&seed=7");
    json(&place.run(&["verify", "demand@1", "--output", "json"]));
}

#[test]
fn fits_every_estimator_there_is() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(120));
    for (i, name) in
        ["random-forest", "decision-tree", "linear", "ridge", "elastic-net"].iter().enumerate()
    {
        let fit = place.fit(&data).args(["--estimator", name, "--output", "json"]).output();
        let summary = json(&fit.expect("the binary runs"));
        assert_eq!(summary["estimator"]["name"], *name);
        assert_eq!(summary["version"], i + 1);
        assert!(summary["n_golden_rows"].as_u64() >= Some(64), "{summary}");
        json(&place.run(&["verify", &format!("rents@{}", i + 1), "--output", "json"]));
    }
}

#[test]
fn gives_the_same_weights_on_any_number_of_threads() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(300));
    let fit = |args: &[&str]| {
        let output = place.fit(&data).args(["--n-estimators", "12"]).args(args).output();
        let output = output.expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    };
    let weights =
        |version| fs::read(place.version_file(version, "weights.safetensors")).expect("weights");
    fit(&["--threads", "1"]);
    fit(&["--threads", "2"]);
    fit(&["--threads", "7"]);
    fit(&["--seed", "43"]);
    assert_eq!(weights(1), weights(2));
    assert_eq!(weights(1), weights(3));
    assert_ne!(weights(1), weights(4), "another seed");
}

#[test]
fn evaluates_on_a_table_of_its_own() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(100));
    let test = place.file(
        "test.csv",
        "rent,town,lift,floor,size,note\n400,Ulm,true,1,30.5,\n500,Rom,false,2,,x\n",
    );
    let output = place.fit(&data).arg("--test-data").arg(&test).args(["--output", "json"]).output();
    let summary = json(&output.expect("the binary runs"));
    assert_eq!(summary["provenance"]["n_rows_train"], 100);
    assert_eq!(summary["provenance"]["n_rows_test"], 2);
    assert_eq!(summary["provenance"]["test_data_sha256"].as_str().map(str::len), Some(64));
    let codes: Vec<_> =
        summary["warnings"].as_array().expect("warnings").iter().map(|w| &w["code"]).collect();
    assert!(codes.iter().any(|code| **code == "unseen_categories"), "{codes:?}");
}

#[test]
fn the_order_of_a_test_table_means_nothing() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(100));
    let table = rents(60);
    let (header, rows) = table.split_once('\n').expect("a header");
    let reversed: Vec<_> = rows.lines().rev().collect();
    let tests = [rows.to_owned(), reversed.join("\n")].map(|rows| format!("{header}\n{rows}\n"));
    // Importances permute the rows as they stand: another order gives others.
    let scores = tests.map(|table| {
        let test = place.file("test.csv", table);
        let mut fit = place.fit(&data);
        let output = fit.arg("--test-data").arg(&test).args(["--output", "json"]).output();
        json(&output.expect("the binary runs"))["scores"].clone()
    });
    assert!(scores[0]["importances"].is_array());
    assert_eq!(scores[0], scores[1]);
}

#[test]
fn reads_columns_as_it_is_told() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(100));
    let schema = place.file(
        "schema.json",
        r#"{"features": [{"name": "size", "dtype": "number", "minimum": 0}]}"#,
    );
    let mut fit = place.fit(&data);
    fit.args([
        "--categorical",
        "floor",
        "--ignore",
        "lift",
        "--ignore",
        "town",
        "--output",
        "json",
    ]);
    let summary = json(&fit.arg("--schema").arg(schema).output().expect("the binary runs"));
    assert_eq!(summary["n_features"], 2);
    let shown = json(&place.run(&["show", "rents", "--output", "json"]));
    let features = &shown["manifest"]["signature"]["features"];
    assert_eq!(features[0]["range"]["minimum"], 0.0);
    assert_eq!(features[1]["categories"], serde_json::json!(["0", "1", "2", "3", "4"]));
}

const ESTIMATORS: [&str; 5] = ["random-forest", "decision-tree", "linear", "ridge", "elastic-net"];

#[test]
fn fits_twice_the_same_weights_with_every_estimator() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(120));
    let mut version = 0;
    for name in ESTIMATORS {
        let weights = [0, 1].map(|_| {
            json(
                &place
                    .fit(&data)
                    .args(["--estimator", name, "--output", "json"])
                    .output()
                    .expect("runs"),
            );
            version += 1;
            fs::read(place.version_file(version, "weights.safetensors")).expect("weights")
        });
        assert!(weights[0] == weights[1], "{name}");
    }
}

#[test]
fn servers_take_what_is_published_however_large_or_small_its_numbers() {
    let place = Place::new();
    let mut csv = "time_ms,size,rent\n".to_owned();
    for i in 0_u64..300 {
        let rent = 1e-4 + (i * 37 % 90) as f64 * 1e-7;
        csv.push_str(&format!("{},{}.5,{rent}\n", 1_760_000_000_000 + i * 61_001, i * 37 % 90));
    }
    let data = place.file("rents.csv", csv);
    for (i, name) in ESTIMATORS.iter().enumerate() {
        println!("{name}");
        json(
            &place
                .fit(&data)
                .args(["--estimator", name, "--output", "json"])
                .output()
                .expect("runs"),
        );
        json(&place.run(&["verify", &format!("rents@{}", i + 1), "--output", "json"]));
    }
}
