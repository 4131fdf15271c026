//! `rollback`: the champion before the present one is back.

use std::fs;

use crate::helpers::{Place, stderr, text};

/// Three versions, each of which was champion in turn.
fn three_champions() -> Place {
    let place = Place::new();
    place.publish_equal(3);
    place.ok(&["promote", "rents", "2"]);
    place.ok(&["promote", "rents", "3"]);
    place
}

#[test]
fn the_previous_champion_is_back_and_a_second_time_the_one_before() {
    let place = three_champions();
    let said = place.ok(&["rollback", "rents", "--reason", "wrong prices", "--by", "ann"]);
    assert_eq!(
        said,
        "rents version 2 is the champion again in place of version 3 (ledger entry 4)\n"
    );
    let entry = &place.entries()[3];
    assert_eq!((&entry["action"], &entry["by"]), (&"rolled_back".into(), &"ann".into()));
    assert_eq!((&entry["from"], &entry["to"]), (&3.into(), &2.into()));
    assert_eq!(entry["reason"], "wrong prices");
    let document = place.json(&["rollback", "rents"]);
    let expected = serde_json::json!({"model": "rents", "champion": 1, "previous": 2, "entry": 5});
    assert_eq!((document, place.champion()), (expected, Some(1)));

    let (exit_code, error) = place.fails(&["rollback", "rents"]);
    assert_eq!(exit_code, 1);
    let expected = "error: the ledger of `rents` names no champion before the present one; say which version with \
                    --to (there are: 1, 2, 3)";
    assert_eq!(error, expected);
    assert_eq!(place.champion(), Some(1));
    place.ok(&["verify", "rents", "--ledger"]);
}

#[test]
fn goes_back_from_what_was_promoted_after_a_rollback() {
    let place = three_champions();
    place.ok(&["rollback", "rents"]);
    place.ok(&["promote", "rents", "3"]);
    place.ok(&["rollback", "rents"]);
    assert_eq!(place.champion(), Some(2));
    // What moved another alias is no champion.
    place.ok(&["canary", "set", "rents", "3"]);
    place.ok(&["canary", "stop", "rents"]);
    place.ok(&["rollback", "rents"]);
    assert_eq!(place.champion(), Some(1));
}

#[test]
fn goes_back_to_the_version_it_is_told() {
    let place = three_champions();
    place.ok(&["rollback", "rents", "--to", "1"]);
    assert_eq!(place.champion(), Some(1));
    let said = place.ok(&["rollback", "rents", "--to", "1"]);
    assert_eq!(said, "rents version 1 is the champion already\n");
    assert_eq!(place.entries().len(), 4, "nothing moved the second time");
    let (exit_code, error) = place.fails(&["rollback", "rents", "--to", "7"]);
    assert_eq!(exit_code, 1);
    let expected = "error: version 7 cannot be brought back; choose another with --to\n  because: model `rents` has no \
                    version 7; it has 1, 2, 3";
    assert_eq!(error, expected);
    let (exit_code, error) = place.fails(&["rollback", "rents", "--to", "champion"]);
    assert_eq!(exit_code, 2);
    assert!(error.contains("expected the number of a version, such as 3"), "{error}");
}

#[test]
fn a_damaged_version_is_not_brought_back() {
    let place = three_champions();
    place.damage(2, "weights.safetensors");
    let (exit_code, error) = place.fails(&["rollback", "rents"]);
    assert_eq!(exit_code, 1);
    assert!(
        error.starts_with("error: version 2 cannot be brought back; choose another with --to"),
        "{error}"
    );
    assert!(error.contains("because: weights.safetensors is damaged"), "{error}");
    assert_eq!((place.champion(), place.entries().len()), (Some(3), 3));
    place.ok(&["rollback", "rents", "--to", "1"]);
    assert_eq!(place.champion(), Some(1));
}

#[test]
fn an_alias_that_was_written_by_hand_gives_way_to_the_last_promoted_one() {
    let place = Place::new();
    place.publish_equal(3);
    place.ok(&["promote", "rents", "2"]);
    fs::write(place.alias_file("champion"), r#"{"version":3}"#).expect("an alias");
    assert_eq!(place.champion(), Some(3));
    let said = place.ok(&["rollback", "rents"]);
    assert!(
        said.starts_with("rents version 2 is the champion again in place of version 3"),
        "{said}"
    );
    place.ok(&["verify", "rents", "--ledger"]);
    place.ok(&["rollback", "rents"]);
    assert_eq!(place.champion(), Some(1));
}

#[test]
fn what_was_champion_by_hand_is_brought_back_too() {
    let place = Place::new();
    place.publish_equal(3);
    fs::write(place.alias_file("champion"), r#"{"version":2}"#).expect("an alias");
    place.ok(&["promote", "rents", "3"]);
    place.ok(&["rollback", "rents"]);
    assert_eq!(place.champion(), Some(2));
}

#[test]
fn an_alias_that_cannot_be_read_is_repaired() {
    let place = three_champions();
    fs::write(place.alias_file("champion"), "{").expect("a broken alias");
    let output = place.run(&["rollback", "rents"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("champion.json is unreadable"), "{}", stderr(&output));
    assert_eq!(place.champion(), Some(2), "the one before the last that the ledger names");
    place.ok(&["verify", "rents", "--ledger"]);
}

#[test]
fn the_first_champion_has_none_before_it() {
    let place = Place::new();
    place.publish_equal(1);
    let (_, error) = place.fails(&["rollback", "rents"]);
    assert!(error.ends_with("say which version with --to (there are: 1)"), "{error}");
    assert_eq!(text(&place.entries()[0]["reason"]), "the first version");
}
