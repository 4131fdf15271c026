//! `prune` and `fit --keep`: old versions go, those that are needed stay.

use std::fs;

use serde_json::json;

use crate::helpers::{Place, rents, stderr};

const FILES: [&str; 5] =
    ["manifest.json", "weights.safetensors", "golden.json", "report.html", "holdout.csv"];

fn numbers(place: &Place) -> Vec<u64> {
    place.versions().into_iter().map(|(_, version)| version).collect()
}

#[test]
fn what_an_alias_names_or_a_rollback_needs_stays() {
    let place = Place::new();
    place.publish_equal(8);
    place.ok(&["promote", "rents", "2"]);
    place.ok(&["promote", "rents", "3"]); // a rollback goes back to 2
    place.ok(&["canary", "set", "rents", "4"]);
    place.ok(&["promote", "rents", "5", "--to", "staging"]);
    let said = place.ok(&["prune", "rents", "--keep", "1", "--dry-run"]);
    assert_eq!(said, "rents: versions 1, 6, 7 would be removed\n");
    let dry = place.json(&["prune", "rents", "--keep", "2", "--dry-run"]);
    assert_eq!(dry, json!({"model": "rents", "pruned": [1, 6], "dry_run": true}));
    assert_eq!((numbers(&place).len(), place.entries().len()), (8, 5), "nothing is removed");

    let said =
        place.ok(&["prune", "rents", "--keep", "1", "--reason", "the disk is full", "--by", "ann"]);
    assert_eq!(said, "rents: versions 1, 6, 7 are removed\n");
    assert_eq!(numbers(&place), [2, 3, 4, 5, 8]);
    let entry = &place.entries()[5];
    assert_eq!((&entry["action"], &entry["pruned"]), (&"pruned".into(), &json!([1, 6, 7])));
    assert_eq!((&entry["reason"], &entry["by"]), (&"the disk is full".into(), &"ann".into()));
    assert_eq!(place.ok(&["prune", "rents", "--keep", "1"]), "rents has no version to remove\n");
    place.ok(&["verify", "rents", "--ledger"]);
    let (_, error) = place.fails(&["promote", "rents", "6"]);
    assert!(error.contains("model `rents` has no version 6; it has 2, 3, 4, 5, 8"), "{error}");
    place.ok(&["rollback", "rents"]);
    assert_eq!(place.champion(), Some(2));
}

#[test]
fn a_number_that_was_removed_is_not_given_again() {
    let place = Place::new();
    place.publish_equal(3);
    assert_eq!(place.ok(&["prune", "rents", "--keep", "1"]), "rents: version 2 is removed\n");
    place.publish_equal(1);
    assert_eq!(numbers(&place), [1, 3, 4]);
}

#[test]
fn a_version_whose_removal_died_is_as_good_as_gone() {
    let place = Place::new();
    place.publish_equal(3);
    let folder = place.registry().join("rents/versions/2");
    let kept = place.path("kept");
    fs::create_dir(&kept).expect("a folder");
    for name in FILES {
        fs::copy(folder.join(name), kept.join(name)).expect("a file");
    }
    place.ok(&["prune", "rents", "--keep", "1"]);
    // As if the process had been killed between its entry and the first file.
    fs::create_dir_all(&folder).expect("a folder");
    for name in FILES {
        fs::copy(kept.join(name), folder.join(name)).expect("a file");
    }
    let said = "error: model `rents` has no version 2; it has 1, 3";
    assert_eq!(place.fails(&["promote", "rents", "2"]).1, said);
    place.publish_equal(1);
    assert_eq!(place.ok(&["prune", "rents", "--keep", "2"]), "rents: version 2 is removed\n");
    assert_eq!(numbers(&place), [1, 3, 4]);
    place.ok(&["verify", "rents", "--ledger"]);
}

#[test]
fn a_champion_by_hand_keeps_the_version_that_a_rollback_goes_back_to() {
    let place = Place::new();
    place.publish_equal(5);
    place.ok(&["promote", "rents", "2"]);
    fs::write(place.alias_file("champion"), r#"{"version":4}"#).expect("an alias");
    place.ok(&["prune", "rents", "--keep", "1"]);
    assert!(numbers(&place).contains(&2) && numbers(&place).contains(&4), "{:?}", numbers(&place));
    place.ok(&["rollback", "rents"]);
    assert_eq!(place.champion(), Some(2));
}

#[test]
fn a_fit_removes_what_is_over() {
    let place = Place::new();
    place.publish_equal(4);
    place.publish(&rents(60), &["--keep", "2"]);
    assert_eq!(numbers(&place), [1, 4, 5]);
    let data = place.file("rents.csv", rents(60));
    let output =
        place.fit(&data).args(["--promote", "--keep", "1"]).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!((numbers(&place), place.champion()), (vec![1, 6], Some(6)));
    place.ok(&["rollback", "rents"]);
}

#[test]
fn says_how_many_have_to_stay() {
    let place = Place::new();
    place.publish_equal(1);
    let (exit_code, error) = place.fails(&["prune", "rents"]);
    assert!(exit_code == 2 && error.contains("--keep <N>"), "{error}");
    let (exit_code, error) = place.fails(&["prune", "rents", "--keep", "0"]);
    assert!(
        exit_code == 2 && error.contains("expected a whole number from 1 to 1000000"),
        "{error}"
    );
}
