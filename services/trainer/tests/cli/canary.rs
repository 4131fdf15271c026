//! `canary set` and `canary stop`, and how `list` and `show` tell of a challenger.

use serde_json::json;

use crate::helpers::{Place, text};

#[test]
fn a_challenger_is_set_changed_and_stopped() {
    let place = Place::new();
    place.publish_equal(2);
    let said = place.ok(&["canary", "set", "rents", "2", "--percent", "5%"]);
    let expected =
        "rents version 2 is the challenger (ledger entry 2); it answers 5 % of the requests\n";
    assert!(said.ends_with(expected) && said.contains("score       passed"), "{said}");
    assert_eq!(place.champion(), Some(1));

    // It has passed the gates already, and keeps its share unless another one is given.
    let document = place.json(&["canary", "set", "rents", "--percent", "20"]);
    assert_eq!(document["trial"], json!({"mode": "canary", "percent": 20.0}));
    assert_eq!((&document["version"], &document["gates"]), (&2.into(), &json!([])));
    let said = place.ok(&["canary", "set", "rents"]);
    assert_eq!(
        said,
        "rents version 2 is the challenger already; it answers 20 % of the requests\n"
    );
    let said = place.ok(&["canary", "set", "rents", "--mode", "shadow"]);
    let expected = "rents version 2 is the challenger (ledger entry 4); it predicts beside the champion and never answers\n";
    assert_eq!(said, expected);
    assert_eq!(place.entries().len(), 4, "what changes nothing is no entry");

    let said = place.ok(&["canary", "stop", "rents"]);
    assert_eq!(said, "rents has no challenger any more; it was version 2 (ledger entry 5)\n");
    assert_eq!(place.ok(&["canary", "stop", "rents"]), "rents has no challenger\n");
    let expected = json!({"model": "rents", "challenger": null, "previous": null, "entry": null});
    assert_eq!(place.json(&["canary", "stop", "rents"]), expected);
    place.ok(&["verify", "rents", "--ledger"]);
}

#[test]
fn a_challenger_passes_the_gates_or_is_forced() {
    let place = Place::publish_worse();
    let said = place.refused(&["canary", "set", "rents", "2", "--percent", "5"]);
    let expected = "rents version 2 is not promoted: score says no; nothing is the challenger (ledger entry 2)";
    assert!(said.contains(expected), "{said}");
    let (exit_code, error) = place.fails(&["canary", "set", "rents", "2", "--force"]);
    assert_eq!(exit_code, 2);
    assert!(error.contains("--force needs --reason"), "{error}");
    place.ok(&[
        "canary",
        "set",
        "rents",
        "2",
        "--percent",
        "5",
        "--force",
        "--reason",
        "to see it fail",
    ]);
    let entry = &place.entries()[2];
    assert_eq!((&entry["alias"], &entry["forced"]), (&"challenger".into(), &true.into()));
    assert_eq!(entry["trial"], json!({"mode": "canary", "percent": 5.0}));
}

#[test]
fn refuses_what_makes_no_sense() {
    let place = Place::new();
    place.publish_equal(1);
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["set", "rents"],
            1,
            "`rents` has no challenger; name the version: canary set rents VERSION",
        ),
        (&["set", "rents", "7"], 1, "model `rents` has no version 7; it has 1"),
        (
            &["set", "rents", "1", "--percent", "101"],
            2,
            "expected a percentage from 0 to 100, such as 5",
        ),
        (
            &["set", "rents", "1", "--percent=-1"],
            2,
            "expected a percentage from 0 to 100, such as 5",
        ),
        (
            &["set", "rents", "1", "--mode", "shadow", "--percent", "5"],
            2,
            "--percent is the share of a canary; a shadow never answers",
        ),
        (&["set", "rents", "new"], 2, "expected the number of a version, such as 3"),
    ];
    for (args, exit_code, message) in cases {
        let (code, error) = place.fails(&[&["canary"], args].concat());
        assert_eq!(code, exit_code, "{error}");
        assert!(error.contains(message), "{message} is not in\n{error}");
    }
    assert_eq!(place.entries().len(), 1);
}

#[test]
fn the_list_shows_every_alias() {
    let place = Place::new();
    place.publish_equal(3);
    place.ok(&["canary", "set", "rents", "2", "--percent", "5"]);
    place.ok(&["promote", "rents", "2", "--to", "staging"]);
    let line = |version: usize| {
        let listed = place.ok(&["list"]);
        listed.lines().nth(version).expect("a line for the version").to_owned()
    };
    assert!(line(1).contains(" 1  champion   "), "{}", line(1));
    assert!(line(2).contains(" 2  challenger (canary 5 %), staging  random-forest"), "{}", line(2));
    let listed = place.json(&["list"]);
    let aliases = |at: usize| {
        (listed["versions"][at]["aliases"].clone(), listed["versions"][at]["is_champion"].clone())
    };
    assert_eq!(aliases(0), (json!(["champion"]), json!(true)));
    assert_eq!(aliases(1), (json!(["challenger", "staging"]), json!(false)));
    assert_eq!(aliases(2), (json!([]), json!(false)));
    let shown = place.ok(&["show", "rents@staging"]);
    let expected = "rents version 2, the challenger (canary 5 %), `staging`, predicts `rent`\n";
    assert!(shown.starts_with(expected), "{shown}");
    assert_eq!(place.json(&["show", "rents@2"])["aliases"], json!(["challenger", "staging"]));

    // A challenger that becomes the champion is none any more.
    place.ok(&["promote", "rents", "2"]);
    assert!(line(2).contains(" 2  champion, staging  random-forest"), "{}", line(2));
    let (exit_code, error) = place.fails(&["canary", "set", "rents", "2", "--mode", "shadow"]);
    assert_eq!(exit_code, 1);
    assert!(error.contains("version 2 is the champion of `rents`: it answers already"), "{error}");
    // An old alias of it by hand.
    let by_hand = r#"{"version":2,"mode":"shadow"}"#;
    std::fs::write(place.alias_file("challenger"), by_hand).expect("an alias");
    assert!(line(2).contains("champion, challenger (shadow), staging"), "{}", line(2));
    // An alias that cannot be read hides no other.
    std::fs::write(place.alias_file("challenger"), "{").expect("a broken alias");
    assert!(
        line(2).contains(" 2  champion, staging ")
            && line(2).contains("challenger.json is unreadable")
    );
    let fault = text(&place.json(&["list"])["versions"][1]["alias_fault"]);
    assert!(fault.contains("challenger.json"), "{fault}");
}

#[test]
fn another_alias_needs_a_name_that_is_no_version() {
    let place = Place::new();
    place.publish_equal(2);
    for alias in ["3", "../champion", "", "Ä b", "a/b", "-x"] {
        let (exit_code, error) = place.fails(&["promote", "rents", "2", &format!("--to={alias}")]);
        assert_eq!(exit_code, 2, "{alias}");
        assert!(
            error.contains("and no number") || error.contains("a value is required"),
            "{alias}: {error}"
        );
    }
    let said = place.ok(&["promote", "rents", "2", "--to", "staging"]);
    assert!(said.contains("rents version 2 is `staging` (ledger entry 2)"), "{said}");
    assert_eq!(place.champion(), Some(1));
}
