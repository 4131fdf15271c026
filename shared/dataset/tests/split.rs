//! Splits: which rows, and what the training rows alone know.

mod helpers;

use dataset::{Dataset, Note};
use helpers::{read_text, table};
use schema::{Dtype, Feature, Output, Range, Rows, Signature};

fn numbered(n_rows: u64) -> Dataset {
    let csv = table("x,y", n_rows, |row| format!("{row},{row}"));
    read_text(&csv, "y").expect("a table").dataset
}

#[test]
fn a_seed_gives_the_same_rows_for_ever() {
    let split = numbered(20).split(0.25, 42).expect("a split");
    // A change here changes every model that is trained again: never by accident.
    assert_eq!(split.test.target(), [7.0, 1.0, 11.0, 16.0, 6.0]);
    assert_eq!(split.train.target()[..5], [12.0, 3.0, 10.0, 15.0, 13.0]);
    assert_eq!(split.test.rows().values(), split.test.target());
    let other = numbered(20).split(0.25, 43).expect("a split");
    assert_ne!(other.test.target(), split.test.target());
}

#[test]
fn both_parts_have_rows_and_together_all_of_them() {
    for (n_rows, fraction, n_test) in
        [(20, 0.2, 4), (20, 0.25, 5), (20, 0.001, 1), (11, 0.05, 1), (1000, 0.5, 500)]
    {
        let split = numbered(n_rows).split(fraction, 7).expect("a split");
        assert_eq!(split.test.n_rows(), n_test, "{fraction} of {n_rows}");
        let mut all = [split.train.target(), split.test.target()].concat();
        all.sort_by(f64::total_cmp);
        assert!(all.iter().zip(0..).all(|(value, row)| *value == f64::from(row)));
        assert_eq!(all.len() as u64, n_rows);
    }
}

#[test]
fn a_fraction_lies_between_0_and_1() {
    for fraction in [0.0, 1.0, -0.1, 20.0, f64::NAN] {
        assert_eq!(
            numbered(10).split(fraction, 7).expect_err("no split").to_string(),
            format!(
                "the test fraction is {fraction}; expected a number between 0 and 1, such as 0.2"
            )
        );
    }
}

#[test]
fn the_signature_is_that_of_the_training_rows() {
    // Forty names for forty rows: most test rows have a name of their own.
    let csv = table("name,x,same,gap,y", 40, |row| {
        format!("n{:02},{row},c,{},{row}", row / 2, if row == 11 { "" } else { "1" })
    });
    let whole = read_text(&csv, "y").expect("a table").dataset;
    let split = whole.split(0.5, 3).expect("a split");
    let signature = split.train.signature();
    assert_eq!(signature, split.test.signature());

    let name = &signature.features()[0];
    assert!(name.categories.len() < 20);
    let mut n_unseen = 0;
    for part in [&split.train, &split.test] {
        for (row, actual) in part.rows().iter().zip(part.target()) {
            let said = format!("n{:02}", (*actual as u64) / 2);
            match name.category_code(&said) {
                Some(code) => assert_eq!(row[0], code as f64, "{said}"),
                None => {
                    assert!(row[0].is_nan(), "{said} is in no training row");
                    n_unseen += 1;
                }
            }
            assert_eq!(row[1], *actual);
        }
    }
    assert!(n_unseen > 0);
    let unseen =
        Note::UnseenCategories { column: "name".into(), n_rows: n_unseen, n_test_rows: 20 };
    assert_eq!(split.notes, [unseen, Note::FewTestRows { n_test_rows: 20 }]);
    assert!(split.train.rows().column(0).all(|code| !code.is_nan()));

    let range = signature.features()[1].range.expect("a range");
    let least = split.train.rows().column(1).fold(f64::INFINITY, f64::min);
    let greatest = split.train.rows().column(1).fold(0.0, f64::max);
    assert_eq!((range.minimum, range.maximum), (least, greatest));
    assert_eq!(
        (signature.target().range.minimum, signature.target().range.maximum),
        (least, greatest)
    );
    assert!(signature.features()[3].nullable, "whichever part the gap is in");
}

#[test]
fn a_column_or_target_without_a_value_to_learn_from_is_named() {
    let csv =
        table("rare,x,y", 30, |row| format!("{},{row},{row}", if row == 4 { "a" } else { "" }));
    let dataset = read_text(&csv, "y").expect("a table").dataset;
    let refused = (0..50).find_map(|seed| dataset.split(0.5, seed).err());
    assert_eq!(
        refused.expect("row 4 is a test row for some seed").to_string(),
        "the column `rare` has no value in any row of the training split; leave it out with `--ignore rare`, or try another seed"
    );
    let csv = table("x,y", 30, |row| format!("{row},{}", u8::from(row == 4)));
    let dataset = read_text(&csv, "y").expect("a table").dataset;
    let refused = (0..50).find_map(|seed| dataset.split(0.5, seed).err());
    assert_eq!(
        refused.expect("row 4 is a test row for some seed").to_string(),
        "the target `y` is 0 in every row of the training split: there is nothing to learn"
    );
}

#[test]
fn a_split_leaves_enough_to_learn_from_and_says_when_scores_say_little() {
    let refused = |n_rows, fraction| {
        numbered(n_rows).split(fraction, 7).expect_err("too few rows").to_string()
    };
    assert_eq!(
        refused(12, 0.25),
        "`--test-fraction 0.25` leaves 9 of 12 rows to learn from; at least 10 are needed: give a smaller fraction or more rows"
    );
    assert_eq!(
        refused(1000, 0.999),
        "`--test-fraction 0.999` leaves 1 of 1000 rows to learn from; at least 10 are needed: give a smaller fraction or more rows"
    );
    assert_eq!(
        refused(10, 0.1),
        "`--test-fraction 0.1` leaves 9 of 10 rows to learn from; at least 10 are needed: give a smaller fraction or more rows"
    );
    let notes = |n_rows| {
        let split = numbered(n_rows).split(0.2, 7).expect("a split");
        split.notes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(notes(12), ["scores of 2 test rows say little"]);
    assert_eq!(notes(145), ["scores of 29 test rows say little"]);
    assert!(notes(150).is_empty());
}

#[test]
fn two_rows_cannot_be_split() {
    let feature = Feature {
        name: "x".into(),
        dtype: Dtype::Number,
        nullable: false,
        range: None,
        categories: vec![],
    };
    let output = Output {
        name: "y".into(),
        dtype: Dtype::Number,
        range: Range { minimum: 0.0, maximum: 1.0 },
    };
    let signature = Signature::new(vec![feature], output).expect("a signature");
    let dataset = Dataset::new(signature, Rows::new(1, vec![1.0, 2.0]), vec![1.0, 2.0]);
    assert_eq!(
        dataset.split(0.5, 1).expect_err("two rows").to_string(),
        "`--test-fraction 0.5` leaves 1 of 2 rows to learn from; at least 10 are needed: give a smaller fraction or more rows"
    );
}
