//! `list`, `show`, `verify`, `promote`.

use std::fs;

use crate::helpers::{Place, json, rents, stderr, stdout, text};

fn two_versions() -> Place {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    for _ in 0..2 {
        let output = place.fit(&data).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
    place
}

#[test]
fn lists_and_shows_what_there_is() {
    let place = two_versions();
    let listed = stdout(&place.run(&["list"]));
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[0].starts_with("MODEL  VERSION  ALIAS     ESTIMATOR"), "{listed}");
    assert!(lines[1].contains("1  champion  random-forest"), "{listed}");
    let shown = stdout(&place.run(&["show", "rents@2"]));
    for part in
        ["rents version 2, predicts `rent`", "n_estimators 5", "sha256 ", "lift", "true or false"]
    {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    assert!(stdout(&place.run(&["show", "rents"])).starts_with("rents version 1, the champion"));
    let shown = json(&place.run(&["show", "rents@champion", "--output", "json"]));
    assert_eq!((&shown["manifest"]["version"], &shown["is_champion"]), (&1.into(), &true.into()));
}

#[test]
fn an_empty_registry_holds_nothing() {
    let place = Place::new();
    fs::create_dir(place.registry()).expect("a folder");
    assert!(stdout(&place.run(&["list"])).ends_with("holds no versions\n"));
    assert_eq!(
        json(&place.run(&["list", "--output", "json"])),
        serde_json::json!({"versions": []})
    );
}

#[test]
fn promotes_only_what_passes_its_checks() {
    let place = two_versions();
    let promoted = json(&place.run(&["promote", "rents", "2", "--output", "json"]));
    assert_eq!((&promoted["champion"], &promoted["previous"]), (&2.into(), &1.into()));
    let gates: Vec<_> = promoted["gates"]
        .as_array()
        .expect("gates")
        .iter()
        .map(|gate| text(&gate["gate"]))
        .collect();
    assert_eq!(gates, ["parity", "signature", "score", "divergence", "latency", "replay"]);
    assert_eq!(place.champion(), Some(2));
    assert!(stdout(&place.run(&["promote", "rents", "1"])).contains("version 2 was it before"));

    let weights = place.version_file(2, "weights.safetensors");
    let mut bytes = fs::read(&weights).expect("weights");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&weights, bytes).expect("a changed file");
    for args in [&["promote", "rents", "2"][..], &["verify", "rents@2"]] {
        let output = place.run(args);
        assert_eq!(output.status.code(), Some(1));
        let error = stderr(&output);
        assert!(error.contains("error: version 2 of `rents` is refused"), "{error}");
        assert!(error.contains("because: weights.safetensors is damaged"), "{error}");
    }
    assert_eq!(place.champion(), Some(1), "the alias stays");
}

#[test]
fn says_what_is_not_there() {
    let place = two_versions();
    let cases: [(&[&str], &str); 6] = [
        (&["show", "rents@7"], "model `rents` has no version 7; it has 1, 2"),
        (&["verify", "rents@shadow"], "has no alias `shadow`"),
        (&["show", "flats"], "model `flats` has no versions in "),
        (&["promote", "rents", "7"], "model `rents` has no version 7; it has 1, 2"),
        (&["show", "../rents"], "cannot be a model's name"),
        (&["show", "rents@"], "`` cannot be an alias"),
    ];
    for (args, message) in cases {
        let output = place.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
    let nowhere = Place::new().run(&["list"]);
    assert!(stderr(&nowhere).contains("there is no such folder"), "{}", stderr(&nowhere));
}

#[test]
fn a_damaged_manifest_is_listed_as_such() {
    let place = two_versions();
    let manifest = place.version_file(2, "manifest.json");
    let bytes = fs::read(&manifest).expect("a manifest");
    fs::write(&manifest, &bytes[..bytes.len() / 2]).expect("a shorter file");
    let listed = stdout(&place.run(&["list"]));
    assert!(listed.contains("manifest.json is damaged"), "{listed}");
}
