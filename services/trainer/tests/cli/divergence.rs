//! A table whose target changed its unit: right about itself, and refused all the same.

use crate::helpers::{Place, json, rents, stderr, stdout};

/// The rents in cents.
fn cents(n_rows: usize) -> String {
    let rents = rents(n_rows);
    let mut lines = rents.lines();
    let mut csv = lines.next().expect("a header").to_owned() + "\n";
    for line in lines {
        let (features, rent) = line.rsplit_once(',').expect("the target is the last column");
        csv.push_str(&format!("{features},{rent}00\n"));
    }
    csv
}

#[test]
fn a_target_in_another_unit_is_refused_although_its_score_is_better() {
    let place = Place::new();
    let euros = place.file("euros.csv", rents(200));
    let output = place.fit(&euros).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let cents = place.file("cents.csv", cents(200));
    let mut fit = place.fit(&cents);
    let output = fit.args(["--promote", "not-worse"]).output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("not promoted: predictions move by"), "{said}");
    assert!(said.contains("has the target another unit"), "{said}");
    assert_eq!(place.champion(), Some(1));

    let refusal = &place.entries()[1];
    let [score, divergence] = ["score", "divergence"].map(|gate| Place::gate(refusal, gate));
    assert_eq!((&score["verdict"], &divergence["verdict"]), (&"passed".into(), &"failed".into()));
    let figure = divergence["figures"]["divergence"].as_f64().expect("a number");
    assert!(figure > 50.0, "a hundred times the rent is many standard deviations: {figure}");

    // Who knows that it is meant says so.
    let meant = ["promote", "rents", "2", "--max-divergence", "1000", "--output", "json"];
    assert_eq!(json(&place.run(&meant))["champion"], 2);
}
