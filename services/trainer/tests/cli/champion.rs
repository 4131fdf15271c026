//! What may take the champion's place, and registries whose alias is broken.

use std::fs;
use std::process::Output;

use crate::helpers::{Place, failure, json, rents, stderr, stdout};

fn fit(place: &Place, csv: &str, args: &[&str]) -> Output {
    let data = place.file("table.csv", csv);
    place.fit(&data).args(args).output().expect("the binary runs")
}

fn published(place: &Place, csv: &str, args: &[&str]) -> Output {
    let output = fit(place, csv, args);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    output
}

/// Where the champion's name stands.
fn alias(place: &Place) -> std::path::PathBuf {
    place.registry().join("rents/aliases/champion.json")
}

#[test]
fn a_champion_is_not_replaced_by_a_model_of_another_target() {
    let place = Place::new();
    published(&place, &rents(60), &[]);
    published(&place, &rents(60), &["--target", "floor"]);
    let output = place.run(&["promote", "rents", "2"]);
    assert_eq!(output.status.code(), Some(1));
    let said = "error: version 2 predicts `floor`, the champion predicts `rent`: clients of `rents` would get another \
                quantity; publish it under another --model name";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    let data = place.file("table.csv", rents(60));
    let mut promoting = place.fit(&data);
    promoting.args(["--target", "floor", "--promote"]);
    let (exit_code, error) = failure(promoting);
    assert_eq!(exit_code, 1);
    assert!(
        error.contains("the new version predicts `floor`, the champion predicts `rent`"),
        "{error}"
    );
    assert_eq!((place.versions().len(), place.champion()), (2, Some(1)));
}

#[test]
fn a_champion_of_other_features_is_replaced_with_a_warning() {
    let place = Place::new();
    published(&place, &rents(60), &[]);
    let csv = rents(60).replacen("lift", "garden", 1);
    let output = published(&place, &csv, &["--categorical", "floor", "--promote"]);
    let said = "the features are not those of the champion, version 1: added `garden`; removed `lift`; retyped `floor`";
    assert_eq!(stderr(&output).matches(said).count(), 1, "{}", stderr(&output));
    assert_eq!(place.champion(), Some(2));
    let report = fs::read_to_string(place.version_file(2, "report.html")).expect("a report");
    assert!(report.contains("added `garden`"));
    let output = place.run(&["promote", "rents", "1"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stdout(&output).contains(
            "version 2: added `lift`; removed `garden`; retyped `floor`; clients that go on"
        ),
        "{}",
        stdout(&output)
    );
    let output = place.run(&["promote", "rents", "1", "--allow-breaking", "--max-regression", "9"]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("on the rows that it set aside itself"),
        "{}",
        stdout(&output)
    );
    // The same features in another version: nothing to say.
    published(&place, &rents(60), &[]);
    assert_eq!(
        stderr(&place.run(&["promote", "rents", "3", "--max-regression", "9", "--log", "warn"])),
        ""
    );
}

#[test]
fn a_version_that_is_not_worse_takes_the_champions_place() {
    let place = Place::new();
    published(&place, &rents(60), &["--n-estimators", "1", "--max-depth", "1"]);
    let output = published(&place, &rents(60), &["--promote", "not-worse", "--output", "json"]);
    let summary = json(&output);
    let comparison = &summary["comparison"];
    assert_eq!((&summary["champion"], &comparison["champion"]), (&2.into(), &1.into()));
    assert!(comparison["rmse"].as_f64() < comparison["champion_rmse"].as_f64(), "{comparison}");
    assert_eq!(comparison["rmse"], summary["scores"]["model"]["rmse"]);
    // The same again is not worse.
    let output = published(&place, &rents(60), &["--promote", "not-worse"]);
    assert!(stdout(&output).contains("that of version 2 is"), "{}", stdout(&output));
    assert_eq!(place.champion(), Some(3));
}

#[test]
fn a_version_that_is_worse_is_published_and_held_back_with_exit_code_3() {
    let place = Place::new();
    published(&place, &rents(60), &[]);
    let worse = ["--n-estimators", "1", "--max-depth", "1", "--promote", "not-worse"];
    let output = fit(&place, &rents(60), &worse);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("not promoted: its RMSE on 12 held-out rows"),
        "{}",
        stderr(&output)
    );
    let said = stdout(&output);
    assert!(
        said.contains("allowed are") && said.contains("version 1 stays the champion"),
        "{said}"
    );
    // The same command without it would be refused as this one was.
    assert!(said.contains(" --force --reason"), "{said}");
    assert_eq!((place.versions().len(), place.champion()), (2, Some(1)));
    // As much worse as is allowed is not worse.
    published(&place, &rents(60), &[&worse[..], &["--max-regression", "1000%"]].concat());
    assert_eq!(place.champion(), Some(3));
}

#[test]
fn a_champion_that_cannot_answer_the_held_out_rows_is_not_replaced_unseen() {
    let place = Place::new();
    published(&place, &rents(60), &[]);
    let without_lift = rents(60).replacen("lift", "garden", 1);
    let output = fit(&place, &without_lift, &["--promote", "not-worse"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = "it cannot be compared with version 1: version 1 cannot answer the held-out rows: feature `lift`";
    assert!(stdout(&output).contains(said), "{}", stdout(&output));
    assert_eq!(place.champion(), Some(1));
}

#[test]
fn an_alias_that_cannot_be_read_blocks_nothing_and_is_repaired() {
    let place = Place::new();
    published(&place, &rents(60), &[]);
    published(&place, &rents(60), &["--model", "flats"]);
    fs::write(alias(&place), "{").expect("a broken alias");
    let listed = stdout(&place.run(&["list"]));
    assert!(listed.contains("champion.json is unreadable"), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("flats") && line.contains("champion ")));
    assert_eq!(place.run(&["show", "rents@1"]).status.code(), Some(0));

    let second = published(&place, &rents(60), &[]);
    assert!(stdout(&second).contains("no champion can be read"), "{}", stdout(&second));
    let output = place.run(&["promote", "rents", "1", "--output", "json"]);
    assert!(stderr(&output).contains("the alias is taken for none"), "{}", stderr(&output));
    assert_eq!(json(&output)["champion"], 1);
    fs::write(alias(&place), "{").expect("a broken alias");
    assert!(
        stdout(&published(&place, &rents(60), &["--promote"]))
            .contains("version 3 is the champion")
    );
}

#[test]
fn an_alias_of_a_missing_version_is_marked() {
    let place = Place::new();
    published(&place, &rents(60), &[]);
    fs::write(alias(&place), r#"{"version":7}"#).expect("an alias");
    let listed = stdout(&place.run(&["list"]));
    let line = listed.lines().find(|line| line.contains("champion")).expect("a line of its own");
    assert!(line.contains(" 7 ") && line.contains("has no version 7; it has 1"), "{listed}");
    assert_eq!(place.run(&["promote", "rents", "1"]).status.code(), Some(0));
    assert_eq!(place.champion(), Some(1));
}

#[test]
fn says_that_a_version_is_published_although_its_alias_is_not() {
    let place = Place::new();
    fs::create_dir_all(place.registry().join("rents")).expect("folders");
    fs::write(place.registry().join("rents/aliases"), "").expect("a file where a folder belongs");
    let output = fit(&place, &rents(60), &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = "error: version 1 of `rents` is published, but it could not be made the champion; promote it\n  because: ";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    assert_eq!(place.run(&["verify", "rents@1"]).status.code(), Some(0));
}

#[test]
fn shows_no_name_that_steers_a_terminal() {
    let place = Place::new();
    let csv =
        rents(60).replacen("lift", "li\u{202e}ft\u{1b}[31m", 1).replace("Ulm", "U\u{2066}lm\u{9b}");
    let fitted = published(&place, &csv, &["--categorical", "li\u{202e}ft\u{1b}[31m"]);
    let steering = |text: &str| {
        text.chars().any(|c| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{2066}'))
    };
    let shown = place.run(&["show", "rents"]);
    assert!(stdout(&shown).contains("li�ft�[31m"), "{}", stdout(&shown));
    let shown_json = place.run(&["show", "rents", "--output", "json"]);
    let missing = fit(&place, &csv, &["--ignore", "a\u{202e}\u{1b}[31m"]);
    assert_eq!(missing.status.code(), Some(1));
    for output in [&fitted, &shown, &shown_json, &missing] {
        assert!(!steering(&stdout(output)) && !steering(&stderr(output)), "{}", stderr(output));
    }
    let features = &json(&shown_json)["manifest"]["signature"]["features"];
    assert!(
        features
            .as_array()
            .expect("features")
            .iter()
            .any(|f| f["name"] == "li\u{202e}ft\u{1b}[31m")
    );
}
