//! Tables that no model should come of: each ends with a message that says what, where and what to do.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::helpers::{Place, failure, rents};

/// Fits and expects a failure; the registry stays empty.
fn refused(place: &Place, fit: Command, parts: &[&str]) {
    let (exit_code, error) = failure(fit);
    assert_eq!(exit_code, 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "{part} is not in\n{error}");
    }
    assert!(place.versions().is_empty());
}

#[test]
fn refuses_tables_that_are_not_whole() {
    let long = "c".repeat(40);
    let mut many = "town,rent\n".to_owned();
    (0..20_000).for_each(|i| many.push_str(&format!("{long}{},{}\n", i % 10_000, i)));
    let mut missing = "size,lot,rent\n".to_owned();
    (0..20).for_each(|i| missing.push_str(&format!("{i},,{i}\n")));
    let ragged = rents(20) + "1,2,3\n";
    let cases: [(&str, &[u8], &[&str]); 9] = [
        ("empty", b"", &["is empty; expected a header line and rows"]),
        ("header only", b"size,rent\n", &["has a header but no rows"]),
        ("one row", b"size,rent\n1,2\n", &["only 1 row has a target; at least 10 are needed"]),
        ("ragged", ragged.as_bytes(), &["line 22 has 3 cells where the header has 5"]),
        ("duplicate", b"size,size,rent\n1,2,3\n", &["the header names `size` twice"]),
        ("all missing", missing.as_bytes(), &["`lot`", "--ignore lot"]),
        ("many categories", many.as_bytes(), &["`town`", "--max-categories"]),
        ("not UTF-8", b"size,rent\n1,2\n\xff,3\n", &["line 3 is not UTF-8"]),
        (
            "text target",
            b"size,rent\n1,2\n3,cheap\n",
            &["the target `rent` holds text such as `cheap` in line 3"],
        ),
    ];
    for (what, csv, parts) in cases {
        let place = Place::new();
        let data = place.file("rents.csv", csv);
        println!("{what}");
        refused(&place, place.fit(&data), parts);
    }
}

#[test]
fn names_the_columns_there_are() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(20));
    let mut fit = place.fit(&data);
    fit.args(["--target", "rant"]);
    let parts =
        ["--target", "`rant`", "did you mean `rent`?", "`size`, `floor`, `lift`, `town`, `rent`"];
    refused(&place, fit, &parts);
}

#[test]
fn refuses_a_line_of_a_gigabyte_within_its_memory() {
    let place = Place::new();
    let data = place.file("rents.csv", "size,rent\n");
    let file = File::options().append(true).open(&data).expect("the file");
    file.set_len(1 << 30).expect("a sparse file");
    refused(&place, place.fit(&data), &["line 2 is longer than 16 MiB"]);
}

#[test]
fn refuses_what_cannot_be_read() {
    let place = Place::new();
    refused(
        &place,
        place.fit(Path::new("/nowhere/rents.csv")),
        &["`/nowhere/rents.csv` does not exist"],
    );
    let folder = place.path("folder");
    std::fs::create_dir(&folder).expect("a folder");
    refused(&place, place.fit(&folder), &["is a directory; give the path of a CSV file"]);
    let ftp = &["`ftp://…` is not a place to read from: expected a path, `https://…`"];
    refused(&place, place.fit(Path::new("ftp://host/rents.csv")), ftp);
    let data = place.file("rents.csv", rents(20));
    let schema = place.file("schema.json", "{\"features\": 7}");
    let mut fit = place.fit(&data);
    fit.arg("--schema").arg(schema);
    refused(&place, fit, &["the schema file is not valid"]);
}

#[test]
fn refuses_what_an_estimator_cannot_fit() {
    let place = Place::new();
    let mut csv = "a,b,rent\n".to_owned();
    (0..40).for_each(|i| csv.push_str(&format!("{i},{},{}\n", 2 * i, i % 7)));
    let data = place.file("rents.csv", csv);
    let mut fit = place.fit(&data);
    fit.args(["--estimator", "linear"]);
    let parts = [
        "error: fitting linear",
        "because: column `b` is linearly dependent on `a`",
        "use --estimator ridge",
    ];
    refused(&place, fit, &parts);
}
