//! `history` and `verify --ledger`: who moved what, and that nobody changed it afterwards.

use std::fs;

use registry::{Action, CHALLENGER, Move, Registry, Stamp, sha256_hex};
use serde_json::{Value, json};

use crate::helpers::{Place, WORSE, rents, stderr, stdout, text};

/// A registry whose ledger has every kind of entry.
fn eventful() -> Place {
    let place = Place::new();
    place.publish_equal(2);
    place.ok(&["promote", "rents", "2", "--by", "ann", "--reason", "it is newer"]);
    place.publish(&rents(60), &WORSE);
    place.refused(&["promote", "rents", "3"]);
    place.ok(&["canary", "set", "rents", "1", "--percent", "5"]);
    place.ok(&["canary", "set", "rents", "--mode", "shadow"]);
    place.ok(&["canary", "stop", "rents", "--reason", "enough seen"]);
    place.ok(&["rollback", "rents", "--by", "bob"]);
    place.ok(&["canary", "set", "rents", "2"]);
    veto(&place);
    place.ok(&["promote", "rents", "3", "--force", "--reason", "to show it"]);
    place.publish(&rents(60), &["--promote"]);
    place.ok(&["prune", "rents", "--keep", "1"]);
    place
}

/// What a server does whose canary fails.
fn veto(place: &Place) {
    let registry = Registry::open(&place.registry().display().to_string()).expect("a registry");
    let veto = Move {
        reason: Some("its error rate is 4 %".to_owned()),
        ..Move::new(Action::Vetoed, CHALLENGER, None)
    };
    let stamp = Stamp { now: 1_700_000_000, by: "inference-0" };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let model = "rents".parse().expect("a name");
    let moved = runtime.expect("a runtime").block_on(registry.move_alias(&model, &veto, stamp));
    moved.expect("the challenger is taken away");
}

#[test]
fn every_kind_of_move_is_in_the_history() {
    let place = eventful();
    let history = place.ok(&["history", "rents"]);
    let expected = [
        "champion none → 1: promoted",
        "champion 1 → 2: promoted",
        "      why: it is newer",
        "      score passed: its RMSE on 12 held-out rows is ",
        "champion stays 2: version 3 refused",
        "      score FAILED: ",
        "challenger none → 1: promoted, canary 5 %",
        "challenger 1: shadow",
        "challenger 1 → none: stopped",
        "      why: enough seen",
        "champion 2 → 1: rolled back",
        "challenger none → 2: promoted, canary",
        "2023-11-14T22:13:20Z  inference-0",
        "challenger 2 → none: VETOED",
        "      why: its error rate is 4 %",
        "champion 1 → 3: promoted, by force",
        "champion 3 → 4: promoted",
        "removed: 1, 2",
        "      why: all but the newest 1",
    ];
    let mut rest = history.as_str();
    for part in expected {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("no {part} in\n{rest}"));
        rest = after;
    }
    assert!(history.ends_with("12 entries in the ledger\n"), "{history}");

    let document = place.json(&["history", "rents"]);
    assert_eq!((&document["model"], &document["fault"]), (&"rents".into(), &Value::Null));
    let entries = document["entries"].as_array().expect("entries");
    let actions: Vec<_> = entries.iter().map(|entry| text(&entry["action"])).collect();
    let expected = [
        "promoted",
        "promoted",
        "refused",
        "promoted",
        "trial_set",
        "trial_stopped",
        "rolled_back",
        "promoted",
        "vetoed",
        "promoted",
        "promoted",
        "pruned",
    ];
    assert_eq!(actions, expected);
    assert_eq!((&entries[1]["by"], &entries[6]["by"]), (&"ann".into(), &"bob".into()));
    let by = text(&entries[0]["by"]);
    assert!(by.contains('@'), "a user and a host: {by}");
    assert_eq!(entries[3]["trial"], json!({"mode": "canary", "percent": 5.0}));
    assert_eq!(entries[11]["pruned"], json!([1, 2]));
    let verified = place.json(&["verify", "rents", "--ledger"]);
    assert_eq!((&verified["verified"], &verified["ledger_entries"]), (&true.into(), &12.into()));
}

#[test]
fn counts_its_entries_as_a_person_would() {
    let place = Place::new();
    place.publish_equal(1);
    assert!(place.ok(&["history", "rents"]).ends_with("1 entry in the ledger\n"));
    assert!(place.ok(&["verify", "rents", "--ledger"]).contains("unbroken: 1 entry, each hashed"));
}

/// Writes the entry anew with a seal that fits it, as somebody would who knows how.
fn forge(place: &Place, entry: u64, from: &str, to: &str) {
    let bytes = fs::read_to_string(place.entry_file(entry)).expect("an entry");
    let (body, _) = bytes.split_once(",\n  \"seal\": \"").expect("a seal");
    assert!(body.contains(from), "{from} is not in {body}");
    let body = body.replacen(from, to, 1);
    let seal = sha256_hex(body.as_bytes());
    let forged = format!("{body},\n  \"seal\": \"{seal}\"\n}}\n");
    fs::write(place.entry_file(entry), forged).expect("a forged entry");
}

/// What tampering is done to a ledger of four entries, and what is then said of it.
fn tampered(tamper: impl FnOnce(&Place), expected: &str) {
    let place = Place::new();
    place.publish_equal(2);
    for version in ["2", "1", "2"] {
        place.ok(&["promote", "rents", version, "--by", "ann"]);
    }
    place.ok(&["verify", "rents@2", "--ledger"]);
    tamper(&place);
    let (exit_code, error) = place.fails(&["verify", "rents@2", "--ledger"]);
    assert_eq!(exit_code, 1);
    assert!(
        error.contains("the ledger of `rents` is not what was written\n  because: "),
        "{error}"
    );
    assert!(error.contains(expected), "{expected} is not in\n{error}");
    // The history is shown all the same, with a warning.
    let history = place.run(&["history", "rents"]);
    assert_eq!(history.status.code(), Some(0), "{}", stderr(&history));
    assert!(
        stdout(&history).contains("#1 ") || stdout(&history).contains("#2 "),
        "{}",
        stdout(&history)
    );
    let warned = stderr(&history);
    assert!(
        warned.contains("WARN") && warned.contains("the ledger is not what was written"),
        "{warned}"
    );
    let fault = text(&place.json(&["history", "rents"])["fault"]);
    assert!(fault.contains(expected), "{fault}");
    // It goes on, but what was broken stays known.
    place.ok(&["promote", "rents", "1"]);
}

#[test]
fn an_entry_that_was_edited_is_named() {
    let edit = |place: &Place| {
        let path = place.entry_file(2);
        let text = fs::read_to_string(&path).expect("an entry").replace("ann", "bob");
        fs::write(path, text).expect("an edited entry");
    };
    tampered(edit, "entry 2 was changed: its seal is not that of its content");
}

#[test]
fn an_entry_that_was_forged_with_its_seal_is_named() {
    let expected = "entry 2 was changed: entry 3 was written after another one";
    tampered(|place| forge(place, 2, "\"by\": \"ann\"", "\"by\": \"bob\""), expected);
}

#[test]
fn the_last_entry_cannot_be_forged_either() {
    let expected = "entry 4 was changed: the alias `champion` was written after another one";
    tampered(|place| forge(place, 4, "\"by\": \"ann\"", "\"by\": \"bob\""), expected);
}

#[test]
fn the_first_of_several_that_are_broken_is_named() {
    let forge_all = |place: &Place| {
        for entry in [4, 2] {
            forge(place, entry, "\"by\": \"ann\"", "\"by\": \"bob\"");
        }
    };
    tampered(forge_all, "entry 2 was changed");
}

#[test]
fn an_entry_that_was_deleted_is_named() {
    let delete =
        |entry| move |place: &Place| fs::remove_file(place.entry_file(entry)).expect("an entry");
    tampered(delete(1), "entry 1 is missing");
    tampered(delete(3), "entry 3 is missing");
    tampered(delete(4), "entry 4 is missing");
}

#[test]
fn an_alias_that_was_written_by_hand_is_named() {
    let write = |alias: &'static str, content: &'static str| {
        move |place: &Place| fs::write(place.alias_file(alias), content).expect("an alias")
    };
    let expected = "the alias `champion` names version 1 by no entry where the ledger says version 2 by entry 4";
    tampered(write("champion", r#"{"version":1}"#), expected);
    let expected =
        "the alias `challenger` names version 1 by no entry where the ledger says nothing";
    tampered(write("challenger", r#"{"version":1}"#), expected);
    tampered(write("champion", "{"), "the alias `champion` names nothing that can be read (");
}

#[test]
fn an_alias_that_was_written_by_hand_is_put_on_record_by_the_next_move_to_it() {
    for by in [&["promote", "rents", "2"][..], &["rollback", "rents", "--to", "2"]] {
        let place = Place::new();
        place.publish_equal(2);
        fs::write(place.alias_file("champion"), r#"{"version":2}"#).expect("an alias");
        place.fails(&["verify", "rents", "--ledger"]);
        place.ok(by);
        place.ok(&["verify", "rents", "--ledger"]);
        assert_eq!((place.champion(), place.entries().len()), (Some(2), 2));
        place.ok(&["rollback", "rents"]);
        assert_eq!(place.champion(), Some(1));
    }
}

#[test]
fn a_version_that_was_exchanged_is_named() {
    let place = Place::new();
    place.publish_equal(1);
    let other = Place::new();
    other.publish(&rents(60), &["--seed", "7"]);
    for name in
        ["manifest.json", "weights.safetensors", "golden.json", "report.html", "holdout.csv"]
    {
        fs::copy(other.version_file(1, name), place.version_file(1, name)).expect("a file");
    }
    place.ok(&["verify", "rents@1"]);
    let (exit_code, error) = place.fails(&["verify", "rents@1", "--ledger"]);
    assert_eq!(exit_code, 1);
    assert!(
        error.contains("version 1 is not the one that entry 1 put under `champion`"),
        "{error}"
    );
}

#[test]
fn a_model_that_is_not_there_has_no_history() {
    let place = Place::new();
    place.publish_equal(1);
    for args in [
        &["history", "flats"][..],
        &["rollback", "flats"],
        &["prune", "flats", "--keep", "1"],
        &["canary", "stop", "flats"],
        &["canary", "set", "flats"],
        &["verify", "flats", "--ledger"],
        &["promote", "flats", "1"],
        &["compare", "flats@1", "2"],
    ] {
        let (exit_code, error) = place.fails(args);
        assert_eq!(exit_code, 1, "{args:?}");
        assert!(error.starts_with("error: model `flats` has no versions in "), "{args:?}: {error}");
    }
}
