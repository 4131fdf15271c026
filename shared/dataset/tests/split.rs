//! Splits: which rows, and what the training rows alone know.

mod helpers;

use std::collections::BTreeSet;

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
    // A change here changes every model that is trained again: never by accident. The order was computed in Python
    // too, with `hashlib` and `struct`, from what the doc comment of `in_hash_order` says.
    assert_eq!(split.test.target(), [14.0, 18.0, 3.0, 9.0, 2.0]);
    assert_eq!(split.train.target()[..5], [4.0, 5.0, 13.0, 8.0, 11.0]);
    assert_eq!(split.test.rows().values(), split.test.target());
    let other = numbered(20).split(0.25, 43).expect("a split");
    assert_ne!(other.test.target(), split.test.target());
}

/// A row that its target tells apart, with text, a gap now and then, and a number.
fn sale(row: u64) -> String {
    let shop = ["north", "east", "south"][row as usize % 3];
    let price = if row.is_multiple_of(7) { String::new() } else { format!("{}.5", row * 31 % 997) };
    format!("{shop},{price},{},{row}", row.is_multiple_of(2))
}

fn sales(n_rows: u64) -> Dataset {
    read_text(&table("shop,price,open,y", n_rows, sale), "y").expect("a table").dataset
}

fn targets(part: &Dataset) -> BTreeSet<u64> {
    part.target().iter().map(|target| *target as u64).collect()
}

#[test]
fn rows_that_are_appended_leave_nearly_every_earlier_row_on_its_side() {
    for seed in [1, 2, 3, 42] {
        let earlier = sales(2000).split(0.2, seed).expect("a split");
        let later = sales(2200).split(0.2, seed).expect("a split");
        let test = targets(&earlier.test);
        // The cut moves by the chance of the 200 new rows: 5.7 rows either way is one standard deviation.
        let n_still = targets(&later.test).intersection(&test).count();
        assert!(n_still * 100 >= test.len() * 95, "seed {seed}: {n_still} of {}", test.len());
        let n_learned = targets(&later.train).intersection(&test).count();
        assert!(n_learned * 100 <= test.len() * 5, "seed {seed}: {n_learned} of {}", test.len());
    }
}

#[test]
fn the_order_of_rows_and_columns_does_not_matter() {
    let split = sales(100).split(0.3, 7).expect("a split");
    let reversed = table("shop,price,open,y", 100, |row| sale(99 - row));
    let turned = table("y,open,price,shop", 100, |row| {
        let row = sale(row);
        row.split(',').rev().collect::<Vec<_>>().join(",")
    });
    for csv in [reversed, turned] {
        let other = read_text(&csv, "y").expect("a table").dataset.split(0.3, 7).expect("a split");
        assert_eq!(other.test.target(), split.test.target());
        assert_eq!(other.train.target(), split.train.target());
    }
}

#[test]
fn a_category_that_only_appended_rows_have_does_not_matter() {
    // `central` comes before all others, so that every code is another one; `unknown` makes a category of a boolean.
    let grown = table("shop,price,open,y", 2001, |row| match row {
        2000 => "central,1.5,unknown,2000".to_owned(),
        row => sale(row),
    });
    let grown = read_text(&grown, "y").expect("a table").dataset;
    let open = &grown.signature().features()[2];
    assert_eq!(open.categories, ["false", "true", "unknown"]);
    let (earlier, later) = (sales(2000).in_hash_order(7), grown.in_hash_order(7));
    let old_rows = later.target().iter().copied().filter(|target| *target < 2000.0);
    assert!(old_rows.eq(earlier.target().iter().copied()));
}

#[test]
fn equal_rows_stand_on_one_side() {
    // Thirty different rows, ten times each, with zeros of both signs: the cut goes through the rows of one of them.
    let csv = table("shop,x,y", 300, |row| {
        let zero = if row < 150 { "0" } else { "-0.0" };
        format!("{},{zero},{}", ["a", "", "b"][row as usize % 3], row % 30)
    });
    let split = read_text(&csv, "y").expect("a table").dataset.split(0.25, 7).expect("a split");
    let both: Vec<_> = targets(&split.test).intersection(&targets(&split.train)).copied().collect();
    assert_eq!((split.test.n_rows(), both.len()), (75, 1), "{both:?}");
    assert_eq!(targets(&split.test).len(), 8);
}

#[test]
fn a_missing_value_and_text_that_only_looks_alike_are_told_apart() {
    // The hash sees where one value ends and the next begins.
    let csv = table("a,b,y", 40, |row| {
        ["ab,c,1", "a,bc,1", "abc,,1", ",abc,1"][row as usize % 4].to_owned()
    });
    let csv = csv + "x,y,2\n";
    let ordered = read_text(&csv, "y").expect("a table").dataset.in_hash_order(7);
    let text = |row: &[f64]| row.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let rows: Vec<_> = ordered.rows().iter().map(text).collect();
    let n_changes = rows.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(n_changes, 4, "five kinds of rows, each in one piece");
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
