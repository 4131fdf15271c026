//! What a version must pass before it takes the champion's place, and what is said of one that does not.

use std::fs;

use serde_json::{Value, json};

use crate::helpers::{Place, WORSE, json, rents, stderr, stdout, text, trainer};

/// A line of the table that `promote` prints: the gate, its verdict and why.
fn line<'s>(said: &'s str, gate: &str) -> &'s str {
    said.lines().find(|line| line.starts_with(gate)).expect("a line for the gate")
}

/// The document of a promotion that a gate refuses.
fn refused_json(place: &Place, args: &[&str]) -> Value {
    let said = place.refused(&[args, &["--output", "json"]].concat());
    serde_json::from_str(&said).expect("one JSON document")
}

#[test]
fn a_refused_version_leaves_the_champion_and_its_figures_in_the_ledger() {
    let place = Place::publish_worse();
    let output = place.run(&["promote", "rents", "2", "--by", "ann", "--reason", "a try"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(
        line(&said, "score").contains("  FAILED   its RMSE on 12 held-out rows is 123.4"),
        "{said}"
    );
    for gate in ["parity", "signature", "latency"] {
        assert!(line(&said, gate).contains("  passed  "), "{said}");
    }
    assert!(
        said.contains("rents version 2 is not promoted: score says no; version 1 stays the champion (ledger entry 2)")
            && said.contains("--force --reason"),
        "{said}"
    );
    assert!(stderr(&output).contains("not promoted: its RMSE"), "{}", stderr(&output));
    assert_eq!(place.champion(), Some(1));

    let entry = &place.entries()[1];
    let expected = json!({
        "action": "refused", "alias": "champion", "from": 1, "to": 2, "by": "ann", "reason": "a try", "forced": false,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&entry[name], value, "{name}");
    }
    let score = Place::gate(entry, "score");
    let figures = &score["figures"];
    assert_eq!((&score["verdict"], &figures["n_rows"]), (&"failed".into(), &12.into()));
    assert_eq!((&figures["champion"], &figures["max_regression"]), (&1.into(), &0.01.into()));
    assert!(figures["rmse"].as_f64() > figures["champion_rmse"].as_f64(), "{figures}");

    let document = refused_json(&place, &["promote", "rents", "2"]);
    assert_eq!((&document["promoted"], &document["champion"]), (&false.into(), &1.into()));
    assert_eq!(
        Place::gate(&document, "score")["figures"],
        *figures,
        "the same rows, the same scores"
    );
}

#[test]
fn force_needs_a_reason_and_the_ledger_keeps_both() {
    let place = Place::publish_worse();
    for reason in [&[][..], &["--reason", " "]] {
        let (exit_code, error) =
            place.fails(&[&["promote", "rents", "2", "--force"], reason].concat());
        assert_eq!(exit_code, 2);
        assert!(
            error.contains("--force needs --reason") && error.contains("promote [OPTIONS]"),
            "{error}"
        );
    }
    // A variable that says no.
    let mut unforced = trainer();
    unforced.args(["promote", "rents", "2"]).env("CANOPY_REGISTRY", place.registry());
    let output = unforced.env("CANOPY_FORCE", "false").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert_eq!(place.champion(), Some(1));

    let forced = ["--force", "--reason", "the others\u{1b} are broken"];
    let promoted = place.json(&[&["promote", "rents", "2"], &forced[..]].concat());
    assert_eq!((&promoted["promoted"], &promoted["forced"]), (&true.into(), &true.into()));
    assert_eq!(place.champion(), Some(2));
    let entry = &place.entries()[2];
    assert_eq!((&entry["action"], &entry["forced"]), (&"promoted".into(), &true.into()));
    assert_eq!(Place::gate(entry, "score")["verdict"], "failed");
    let history = place.ok(&["history", "rents"]);
    assert!(
        history.contains("champion 1 → 2: promoted, by force\n      why: the others"),
        "{history}"
    );
    // Where all gates pass there is nothing to force.
    let promoted = place.json(&[&["promote", "rents", "1"], &forced[..]].concat());
    assert_eq!(promoted["forced"], false);
}

#[test]
fn the_tolerance_is_a_share_of_the_champions_error() {
    let place = Place::publish_worse();
    let document = refused_json(&place, &["promote", "rents", "2"]);
    let figures = &Place::gate(&document, "score")["figures"];
    let error = |name: &str| figures[name].as_f64().expect("a number");
    let regression = error("rmse") / error("champion_rmse") - 1.0;
    let share = |change: f64| format!("{}%", (regression + change) * 100.0);
    let said = place.refused(&["promote", "rents", "2", "--max-regression", &share(-1e-6)]);
    assert!(line(&said, "score").contains(": worse by "), "{said}");
    place.ok(&["promote", "rents", "2", "--max-regression", &share(1e-6)]);
    assert_eq!(place.champion(), Some(2));
    for wrong in ["-1%", "much", "inf"] {
        let (exit_code, error) =
            place.fails(&["promote", "rents", "1", &format!("--max-regression={wrong}")]);
        assert_eq!(exit_code, 2);
        assert!(error.contains("expected a share of 0 or more, such as 1% or 0.01"), "{error}");
    }
}

/// A version after another one of the usual table, what is said of its signature, and how it is scored against it.
fn breaking(csv: &str, args: &[&str], change: (&str, Value), score: &str) {
    let place = Place::new();
    place.publish(&rents(60), &[]);
    place.publish(csv, args);
    let promote = ["promote", "rents", "2", "--max-regression", "900%", "--max-divergence", "100"];
    let document = refused_json(&place, &promote);
    let gate = Place::gate(&document, "signature");
    let detail = text(&gate["detail"]);
    assert_eq!((&gate["verdict"], &gate["figures"][change.0]), (&"failed".into(), &change.1));
    assert!(detail.contains("--allow-breaking once they have changed"), "{detail}");
    assert_eq!(place.champion(), Some(1));

    let allowed = place.json(&[&promote[..], &["--allow-breaking"]].concat());
    let gate = Place::gate(&allowed, "signature");
    assert_eq!(gate["verdict"], "passed");
    assert!(text(&gate["detail"]).ends_with("allowed by --allow-breaking"), "{gate}");
    let detail = text(&Place::gate(&allowed, "score")["detail"]);
    assert!(detail.contains(score), "{detail}");
    assert_eq!((&allowed["forced"], place.champion()), (&false.into(), Some(2)));
}

#[test]
fn a_feature_that_is_added_breaks_clients() {
    let change = ("added", json!(["garden"]));
    let csv = rents(60)
        .replace("lift,", "lift,garden,")
        .replace("true,", "true,1.5,")
        .replace("false,", "false,2,");
    breaking(&csv, &[], change, "its RMSE on 12 held-out rows is ");
}

#[test]
fn a_feature_that_is_removed_breaks_clients() {
    let change = ("removed", json!(["lift"]));
    breaking(&rents(60), &["--ignore", "lift"], change, "on the rows that it set aside itself");
}

#[test]
fn a_feature_that_is_retyped_breaks_clients() {
    let change = ("retyped", json!(["floor"]));
    breaking(&rents(60), &["--categorical", "floor"], change, "its RMSE on 12 held-out rows is ");
}

#[test]
fn a_feature_that_may_no_longer_be_missing_breaks_clients() {
    let change = ("required", json!(["size"]));
    breaking(&rents(60).replace("NA,", "33.5,"), &[], change, "its RMSE on 12 held-out rows is ");
}

#[test]
fn features_in_another_order_break_clients_that_send_arrays() {
    let lines = rents(60);
    let turned = lines.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.swap(1, 3);
        cells.join(",") + "\n"
    });
    let change = ("reordered", json!(["town", "floor"]));
    breaking(&turned.collect::<String>(), &[], change, "its RMSE on 12 held-out rows is ");
}

#[test]
fn a_champion_that_cannot_answer_the_rows_is_judged_only_where_breaking_is_allowed() {
    let place = Place::new();
    place.publish(&rents(60), &[]);
    place.publish(&rents(60), &["--ignore", "lift"]);
    let said = place.refused(&[
        "promote",
        "rents",
        "2",
        "--max-regression",
        "900%",
        "--max-divergence",
        "100",
    ]);
    let score = line(&said, "score");
    assert!(
        score.contains("FAILED   it cannot be compared with version 1: version 1 cannot answer the held-out rows"),
        "{score}"
    );
    assert!(said.contains("not promoted: signature and score say no; version 1 stays"), "{said}");
}

#[test]
fn a_slower_model_is_refused_beyond_a_factor_but_never_below_20_microseconds() {
    let place = Place::new();
    place.publish(&rents(2_000), &[]);
    place.publish(&rents(2_000), &["--n-estimators", "1500", "--max-depth", "none"]);
    place.publish(&rents(2_000), &["--n-estimators", "6"]);
    let factor = |version: &'static str, factor: &'static str| {
        [
            "promote",
            "rents",
            version,
            "--max-regression",
            "900%",
            "--max-divergence",
            "100",
            "--max-latency-factor",
            factor,
        ]
    };
    let said = place.refused(&factor("2", "0.001"));
    assert!(line(&said, "latency").contains("times as long, allowed are 0.001"), "{said}");
    assert!(said.contains("not promoted: latency says no"), "{said}");
    let entry = &place.entries()[1];
    let figures = &Place::gate(entry, "latency")["figures"];
    assert!(figures["seconds_per_row"].as_f64() > Some(20e-6), "{figures}");
    assert_eq!(figures["max_latency_factor"], 0.001);
    place.ok(&factor("3", "0.000001"));
    place.ok(&factor("2", "1e9"));
    assert_eq!(place.champion(), Some(2));
    let (exit_code, error) = place.fails(&factor("3", "0"));
    assert_eq!(exit_code, 2);
    assert!(error.contains("expected a number above 0, such as 5"), "{error}");
}

const SMALL: &str = r#"{"features":{"size":20.5,"floor":1,"lift":true,"town":"Ulm"}}"#;
const MISSING_SIZE: &str = r#"{"features":{"size":null,"floor":1,"lift":true,"town":"Ulm"}}"#;
const TWO_ROWS: &str = r#"{"instances":[[20.5,1,true,"Ulm"],[33.5,2,false,"Bonn"]]}"#;

#[test]
fn recent_requests_must_be_answered_as_the_champion_answers_them() {
    let place = Place::new();
    place.publish(&rents(60), &[]);
    place.publish(&rents(60).replace("NA,", "33.5,"), &[]);
    let replay = |sample: &str| {
        let path = place.file("sample.jsonl", sample).display().to_string();
        let promote = [
            "promote",
            "rents",
            "2",
            "--max-regression",
            "900%",
            "--max-divergence",
            "100",
            "--allow-breaking",
            "--replay",
            &path,
        ];
        let output = place.run(&[&promote[..], &["--output", "json"]].concat());
        let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        (output.status.code(), Place::gate(&document, "replay"))
    };
    let (exit_code, gate) = replay(&format!("{SMALL}\n{MISSING_SIZE}\n{TWO_ROWS}\n"));
    assert_eq!((exit_code, &gate["verdict"]), (Some(3), &"failed".into()));
    let detail = text(&gate["detail"]);
    assert!(
        detail.starts_with("it cannot answer 1 of 3 recent requests, the first: feature `size`"),
        "{detail}"
    );
    assert_eq!(
        (&gate["figures"]["n_requests"], &gate["figures"]["n_refused"]),
        (&3.into(), &1.into())
    );
    assert_eq!(place.champion(), Some(1));

    // What the champion refuses itself is no request, and neither is an empty line.
    let garbage = "garbage\n\n{\"features\":{}}\n\u{0}\n{\"features\":{\"size\":1e999}}\n";
    let (exit_code, gate) = replay(garbage);
    assert_eq!((exit_code, &gate["verdict"]), (Some(0), &"skipped".into()));
    assert!(
        text(&gate["detail"]).ends_with("holds no request that the champion answers"),
        "{gate}"
    );

    place.ok(&["rollback", "rents"]);
    let (exit_code, gate) = replay(&format!("{garbage}{SMALL}\n{TWO_ROWS}"));
    assert_eq!((exit_code, &gate["verdict"]), (Some(0), &"passed".into()));
    assert!(text(&gate["detail"]).starts_with("it answers all 2 recent requests"), "{gate}");
    assert_eq!(gate["figures"]["n_requests"], 2);
}

#[test]
fn a_sample_that_is_not_there_yet_is_skipped_and_one_that_cannot_be_read_is_an_error() {
    let place = Place::new();
    place.publish_equal(2);
    let nowhere = place.path("none.jsonl").display().to_string();
    let said = place.ok(&["promote", "rents", "2", "--replay", &nowhere]);
    assert!(
        line(&said, "replay").contains("skipped  there is no sample of requests at "),
        "{said}"
    );
    let folder = place.registry().display().to_string();
    let (exit_code, error) = place.fails(&["promote", "rents", "1", "--replay", &folder]);
    assert_eq!(exit_code, 1);
    assert!(error.contains("reading the sample "), "{error}");
    assert_eq!(place.champion(), Some(2));
}

#[test]
fn rows_of_a_file_are_judged_on_and_a_wrong_file_is_named_with_its_line() {
    let place = Place::new();
    place.publish_equal(2);
    let path = place.file("held-out.csv", rents(50)).display().to_string();
    let wrong = |name: &str, content: &str, expected: &str| {
        let path = place.file(name, content).display().to_string();
        let (exit_code, error) = place.fails(&["promote", "rents", "2", "--held-out", &path]);
        assert_eq!(exit_code, 1, "{error}");
        assert!(error.contains(expected), "{expected} is not in {error}");
    };
    let header = "size,floor,lift,town,rent\n";
    wrong(
        "a.csv",
        "size,floor,lift,town\n20.5,0,true,Ulm\n",
        "names the column `rent`, which is not in the table",
    );
    let many = format!("{header}20.5,0,true,Ulm,300\n57.5,1,false,Bonn,many\n");
    wrong("b.csv", &many, "b.csv`\n  because: the column `rent` holds `many` in line 3");
    // In the second block of rows that is read.
    let word = rents(1_100).lines().collect::<Vec<_>>().join("\n") + "\n20.5,x,true,Ulm,300\n";
    wrong(
        "c.csv",
        &word,
        "version 2 cannot answer the held-out rows (line 1102)\n  because: feature `floor`",
    );
    wrong("d.csv", "", "d.csv` is empty");
    wrong("e.csv", header, "e.csv` has a header but no rows");
    wrong(
        "f.csv",
        "rent\n1\n",
        "version 2 cannot answer the held-out rows\n  because: feature `size`",
    );
    let (_, error) = place.fails(&["promote", "rents", "2", "--held-out", "nowhere.csv"]);
    assert!(
        error.contains("reading the held-out rows `nowhere.csv`\n  because: No such file"),
        "{error}"
    );
    assert_eq!((place.champion(), place.entries().len()), (Some(1), 1));

    let promoted = place.json(&["promote", "rents", "2", "--held-out", &path]);
    assert_eq!(Place::gate(&promoted, "score")["figures"]["n_rows"], 50);
}

#[test]
fn a_version_without_kept_rows_replaces_no_champion_unless_rows_are_given() {
    let place = Place::new();
    place.publish(&rents(60), &["--holdout-rows", "0"]);
    assert_eq!(place.champion(), Some(1), "the first has nothing to be compared with");
    place.publish(&rents(60), &["--holdout-rows", "0"]);
    assert!(!place.version_file(2, "holdout.csv").exists());
    let said = place.refused(&["promote", "rents", "2"]);
    let expected = "FAILED   no held-out rows are kept with version 2; give some with --held-out";
    assert!(line(&said, "score").contains(expected), "{said}");
    let path = place.file("held-out.csv", rents(50)).display().to_string();
    place.ok(&["promote", "rents", "2", "--held-out", &path]);
    assert_eq!(place.champion(), Some(2));
}

#[test]
fn a_damaged_version_is_never_promoted_and_a_damaged_champion_only_by_force() {
    let place = Place::new();
    place.publish_equal(3);
    let forced = ["--force", "--reason", "it has to be"];
    for name in ["weights.safetensors", "golden.json", "manifest.json"] {
        let intact = fs::read(place.version_file(2, name)).expect("a file");
        place.damage(2, name);
        let (exit_code, error) = place.fails(&[&["promote", "rents", "2"], &forced[..]].concat());
        assert_eq!(exit_code, 1);
        assert!(error.contains("version 2 of `rents` is refused"), "{error}");
        assert!(error.contains(&format!("because: {name}")), "{error}");
        fs::write(place.version_file(2, name), intact).expect("a file");
    }
    assert_eq!((place.champion(), place.entries().len()), (Some(1), 1));

    place.damage(1, "weights.safetensors");
    let said = place.refused(&["promote", "rents", "3"]);
    let score = line(&said, "score");
    assert!(
        score.contains("it cannot be compared with version 1")
            && score.contains("weights.safetensors is damaged"),
        "{score}"
    );
    assert_eq!(place.champion(), Some(1));
    place.ok(&[&["promote", "rents", "3"], &forced[..]].concat());
    assert_eq!(place.champion(), Some(3));
    assert_eq!(place.entries()[2]["forced"], true);
}

#[test]
fn damaged_held_out_rows_are_named() {
    let place = Place::new();
    place.publish_equal(2);
    place.damage(2, "holdout.csv");
    let forced = ["promote", "rents", "2", "--force", "--reason", "a try"];
    for args in [
        &["promote", "rents", "2"][..],
        &forced,
        &["verify", "rents@2"],
        &["compare", "rents@1", "2"],
    ] {
        let (exit_code, error) = place.fails(args);
        assert_eq!(exit_code, 1, "{args:?}");
        assert!(error.contains("because: holdout.csv is damaged"), "{args:?}: {error}");
    }
    assert_eq!(place.champion(), Some(1));
}

#[test]
fn fit_is_held_to_the_same_gates() {
    let place = Place::new();
    place.publish(&rents(60), &[]);
    let data = place.file("rents.csv", rents(60));
    let mut fit = place.fit(&data);
    fit.args(WORSE).args([
        "--promote",
        "not-worse",
        "--max-regression",
        "900%",
        "--max-divergence",
        "100",
    ]);
    fit.args(["--categorical", "floor"]);
    let output = fit.output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stdout(&output).contains("retyped `floor`"), "{}", stdout(&output));
    assert_eq!((place.versions().len(), place.champion()), (2, Some(1)));
    let entry = &place.entries()[1];
    assert_eq!(
        (&entry["action"], &entry["reason"]),
        (&"refused".into(), &"fit --promote not-worse".into())
    );
    let always = fit.args(["--promote", "always"]).output();
    assert_eq!(
        always.expect("the binary runs").status.code(),
        Some(2),
        "a flag that is given twice"
    );

    let mut fit = place.fit(&data);
    fit.args(WORSE).args([
        "--promote",
        "always",
        "--output",
        "json",
        "--reason",
        "the old data are wrong",
    ]);
    assert_eq!(json(&fit.output().expect("the binary runs"))["champion"], 3);
    let entry = &place.entries()[2];
    assert_eq!(
        (&entry["forced"], &entry["reason"]),
        (&true.into(), &"the old data are wrong".into())
    );
}
