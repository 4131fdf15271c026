//! `compare`: two versions on the same held-out rows.

use serde_json::{Value, json};

use crate::helpers::{Place, rents, text};

#[test]
fn scores_both_on_the_same_rows_and_says_which_is_better() {
    let place = Place::publish_worse();
    let said = place.ok(&["compare", "rents@1", "2"]);
    let first =
        "rents@1 and rents@2 on 12 rows that rents@2 did not learn from, predicting `rent`\n";
    assert!(said.starts_with(first), "{said}");
    for part in [
        "MAE ",
        "RMSE ",
        "median |error|",
        "R² ",
        "rents@2 is worse: its RMSE is ",
        "(missing)",
        "Furthest apart",
    ] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
    assert!(!said.contains("Note: "), "the same seed and share set the same rows aside");

    let compared = place.json(&["compare", "rents@1", "rents@2"]);
    let keys: Vec<_> =
        compared.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "a",
            "b",
            "disagreements",
            "mae_difference",
            "n_rows",
            "rmse_difference",
            "rows_of",
            "scores_a",
            "scores_b",
            "segments",
        ]
    );
    assert_eq!((&compared["a"], &compared["b"]), (&"rents@1".into(), &"rents@2".into()));
    let rmse = |of: &str| compared[of]["rmse"].as_f64().expect("a number");
    let interval = &compared["rmse_difference"];
    let bound = |name: &str| interval[name].as_f64().expect("a number");
    assert!((bound("estimate") - (rmse("scores_b") - rmse("scores_a"))).abs() < 1e-9, "{interval}");
    assert!(
        0.0 < bound("low") && bound("low") < bound("estimate") && bound("estimate") < bound("high")
    );
    // The other way round the sign is the other.
    let turned = place.json(&["compare", "rents@2", "1"]);
    let estimate = turned["rmse_difference"]["estimate"].as_f64().expect("a number");
    assert!((estimate + bound("estimate")).abs() < 1e-9);
    assert!(place.ok(&["compare", "rents@2", "1"]).contains("rents@1 is better: its RMSE is "));
    assert_eq!(
        place.json(&["compare", "rents@1", "2"]),
        compared,
        "the same seed, the same interval"
    );
}

#[test]
fn tells_segments_apart_and_where_the_two_disagree_most() {
    let place = Place::publish_worse();
    let compared = place.json(&["compare", "rents@1", "2"]);
    let segments = compared["segments"].as_array().expect("segments");
    let of_town: Vec<&Value> = segments.iter().filter(|s| s["feature"] == "town").collect();
    let n_rows: u64 = of_town.iter().filter_map(|s| s["n_rows"].as_u64()).sum();
    assert_eq!(n_rows, 12, "each row is in one segment");
    let missing = of_town.iter().find(|s| s["value"].is_null()).expect("rows without a town");
    assert!(missing["n_rows"].as_u64() > Some(0));
    for segment in segments {
        let value = |name: &str| segment[name].as_f64().expect("a number");
        assert!((value("rmse_b") - value("rmse_a") - value("difference")).abs() < 1e-9);
    }
    let names: Vec<_> = segments.iter().map(|s| text(&s["feature"])).collect();
    assert!(names.iter().all(|name| name == "lift" || name == "town"), "{names:?}");

    let rows = compared["disagreements"].as_array().expect("rows");
    let apart: Vec<f64> = rows
        .iter()
        .map(|row| {
            (row["a"].as_f64().expect("a number") - row["b"].as_f64().expect("a number")).abs()
        })
        .collect();
    assert!(apart.len() == 5 && apart.is_sorted_by(|a, b| a >= b), "{apart:?}");
    let features: Vec<_> = rows[0]["features"].as_object().expect("features").keys().collect();
    assert_eq!(features, ["floor", "lift", "size", "town"]);
    assert!(rows[0]["actual"].is_number() && rows[0]["row"].is_u64());
}

#[test]
fn says_what_makes_the_comparison_unfair() {
    let place = Place::new();
    place.publish(&rents(60), &[]);
    place.publish(&rents(60), &["--seed", "7"]);
    let note =
        "rents@1 set other rows aside than rents@2, so it may have been fitted to some of these";
    let said = place.ok(&["compare", "rents@1", "2"]);
    assert!(said.contains(&format!("Note: {note}")), "{said}");
    assert!(text(&place.json(&["compare", "rents@2", "1"])["note"]).starts_with(note));
    let file = place.file("held-out.csv", rents(50)).display().to_string();
    let said = place.ok(&["compare", "rents@1", "2", "--held-out", &file]);
    assert!(
        said.starts_with(&format!("rents@1 and rents@2 on 50 rows of {file}, predicting")),
        "{said}"
    );
    assert!(!said.contains("Note: "), "{said}");
    assert_eq!(
        place.json(&["compare", "rents@1", "2", "--held-out", &file])["rows_of"],
        json!(file)
    );
}

#[test]
fn a_version_is_no_better_than_itself() {
    let place = Place::new();
    place.publish_equal(2);
    let said = place.ok(&["compare", "rents@1", "2"]);
    assert!(
        said.contains("These rows do not tell which is better: the interval holds 0"),
        "{said}"
    );
    assert!(said.ends_with("Both predict the same for every row.\n"), "{said}");
    // Without a version: the champion.
    assert!(place.ok(&["compare", "rents", "2"]).starts_with("rents@1 and rents@2 on "));
}

#[test]
fn refuses_what_cannot_be_compared() {
    let place = Place::new();
    place.publish_equal(1);
    place.publish(&rents(60), &["--target", "floor"]);
    place.publish(&rents(60), &["--holdout-rows", "0"]);
    place.publish(&rents(60), &["--model", "flats", "--ignore", "lift"]);
    let cases: [(&[&str], &str); 6] = [
        (
            &["rents@1", "2"],
            "rents@1 predicts `rent` and rents@2 predicts `floor`: there is nothing to compare",
        ),
        (&["rents@1", "3"], "no held-out rows are kept with version 3; give some with --held-out"),
        (&["rents@1", "7"], "model `rents` has no version 7; it has 1, 2, 3"),
        (&["rents@1", "houses@1"], "model `houses` has no versions in "),
        (&["rents@1", "rents@shadow"], "has no alias `shadow`"),
        (&["flats@1", "../x@1"], "cannot be a model's name"),
    ];
    for (args, message) in cases {
        let (exit_code, error) = place.fails(&[&["compare"], args].concat());
        assert_eq!(exit_code, 1, "{args:?}");
        assert!(error.contains(message), "{args:?}: {error}");
    }
    // Another model of the same target may be compared with.
    let file = place.file("held-out.csv", rents(50)).display().to_string();
    let said = place.ok(&["compare", "rents@1", "flats@1", "--held-out", &file]);
    assert!(said.starts_with("rents@1 and flats@1 on 50 rows"), "{said}");
}
