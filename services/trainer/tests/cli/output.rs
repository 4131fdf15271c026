//! What is printed, and where.

use std::process::Stdio;

use crate::helpers::{Place, WORSE, json, rents, stderr, stdout};

#[test]
fn json_is_one_document_with_everything_a_script_needs() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(80));
    let output = place.fit(&data).args(["--output", "json", "--log", "info"]).output();
    let summary = json(&output.expect("the binary runs"));
    let keys: Vec<_> = summary.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "champion",
            "estimator",
            "is_champion",
            "model",
            "n_features",
            "n_golden_rows",
            "n_threads",
            "path",
            "provenance",
            "registry",
            "scores",
            "target",
            "version",
            "warnings",
        ]
    );
    assert_eq!(summary["champion"], 1);
    let path = std::path::PathBuf::from(summary["path"].as_str().expect("a path"));
    assert!(path.join("manifest.json").is_file());
    assert_eq!(summary["scores"]["importances"].as_array().map(Vec::len), Some(4));
}

#[test]
fn only_the_first_version_becomes_champion_unless_told() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let fit =
        |args: &[&str]| stdout(&place.fit(&data).args(args).output().expect("the binary runs"));
    assert!(fit(&[]).contains("version 1 is the champion"));
    let second = fit(&[]);
    assert!(second.contains("version 1 stays the champion"), "{second}");
    assert!(second.contains("canopy-trainer promote rents 2 --registry"), "{second}");
    assert_eq!(place.champion(), Some(1));
    assert!(fit(&["--promote"]).contains("version 3 is the champion"));
    assert_eq!(place.champion(), Some(3));
}

#[test]
fn warnings_go_to_standard_error() {
    let place = Place::new();
    let csv: String = rents(60)
        .lines()
        .enumerate()
        .map(|(i, line)| format!("{line},{}\n", if i == 0 { "country" } else { "DE" }))
        .collect();
    let data = place.file("rents.csv", csv);
    let output = place.fit(&data).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stderr(&output).contains("the column `country` is `DE` in every row"),
        "{}",
        stderr(&output)
    );
    assert_eq!(place.versions().len(), 1);
}

#[test]
fn survives_a_reader_that_goes_away() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let mut child =
        place.fit(&data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(place.versions().len(), 1);
}

#[test]
fn says_what_is_published_when_it_cannot_print() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
    let output = place.fit(&data).stdout(full()).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let said = "error: writing to standard output (version 1 of rents is published)\n  because: ";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
    assert_eq!(place.versions().len(), 1);
    let mut list = crate::helpers::trainer();
    list.arg("list").arg("--registry").arg(place.registry()).stdout(full());
    let output = list.output().expect("the binary runs");
    assert!(stderr(&output).contains("error: writing to standard output\n"), "{}", stderr(&output));
}

#[test]
fn shows_a_bar_on_a_terminal() {
    let script = std::process::Command::new("script").arg("--version").output();
    if !script.is_ok_and(|output| output.status.success()) {
        println!("skipped: `script` of util-linux makes the terminal");
        return;
    }
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let mut fit = place.fit(&data);
    let binary = fit.get_program().to_str().expect("UTF-8").to_owned();
    let variables: Vec<_> = fit
        .get_envs()
        .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
        .collect();
    fit = std::process::Command::new("script");
    for (name, value) in variables {
        match value {
            Some(value) => fit.env(name, value),
            None => fit.env_remove(name),
        };
    }
    // Standard output goes elsewhere: what is left is what the terminal shows.
    fit.arg("-qec")
        .arg(format!("'{binary}' fit > /dev/null"))
        .arg("/dev/null")
        .env("TERM", "xterm");
    let output = fit.stdin(Stdio::null()).output().expect("script runs");
    let shown = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(shown.contains("fitting ") && shown.contains("/5 trees"), "{shown}");
}

#[test]
fn every_command_answers_with_one_document_and_the_same_fields_each_time() {
    let place = Place::new();
    place.publish_equal(3);
    let key = place.path("key").display().to_string();
    let moved = [
        "alias", "champion", "entry", "forced", "gates", "model", "previous", "promoted", "trial",
        "version",
    ];
    let cases: [(&[&str], &[&str]); 16] = [
        (&["list"], &["versions"]),
        (&["show", "rents"], &["aliases", "is_champion", "manifest"]),
        (&["verify", "rents"], &["ledger_entries", "model", "verified", "version"]),
        (&["verify", "rents", "--ledger"], &["ledger_entries", "model", "verified", "version"]),
        (&["promote", "rents", "2"], &moved),
        (&["promote", "rents", "2"], &moved), // it is the champion already
        (&["rollback", "rents"], &["champion", "entry", "model", "previous"]),
        (&["rollback", "rents", "--to", "1"], &["champion", "entry", "model", "previous"]),
        (&["canary", "set", "rents", "2", "--percent", "5"], &moved),
        (&["canary", "set", "rents", "--percent", "6"], &moved),
        (&["canary", "stop", "rents"], &["challenger", "entry", "model", "previous"]),
        (&["canary", "stop", "rents"], &["challenger", "entry", "model", "previous"]),
        (&["history", "rents"], &["entries", "fault", "model"]),
        (&["prune", "rents", "--keep", "1", "--dry-run"], &["dry_run", "model", "pruned"]),
        (&["keygen", "--signing-key", &key], &["id", "signing_key", "trusted_key"]),
        (&["sign", "rents", "--signing-key", &key], &["key", "model", "version"]),
    ];
    for (args, fields) in cases {
        let document = place.json(args);
        let names: Vec<_> = document.as_object().expect("an object").keys().collect();
        assert_eq!(names, fields, "{args:?}");
    }
    let line = &place.json(&["list"])["versions"][0];
    let names: Vec<_> = line.as_object().expect("an object").keys().collect();
    let expected =
        ["aliases", "estimator", "finished_at", "is_champion", "model", "r2", "rmse", "version"];
    assert_eq!(names, expected);
    // Of a refusal, too: a script reads why.
    place.publish(&rents(60), &WORSE);
    let refused = place.refused(&["promote", "rents", "4", "--output", "json"]);
    let refused: serde_json::Value = serde_json::from_str(&refused).expect("one JSON document");
    let names: Vec<_> = refused.as_object().expect("an object").keys().collect();
    assert_eq!(names, moved);
}
