//! Held-out rows: what is written is read back bit for bit, or is an error.

mod helpers;

use dataset::{Dataset, HeldOut};
use helpers::{read_text, table};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use schema::{Dtype, Feature, Nulls, Output, Range, ReadOptions, Rows, Signature, UnknownFeatures};

const OPTIONS: ReadOptions =
    ReadOptions { unknown_features: UnknownFeatures::Ignore, nulls: Nulls::Allowed };

fn feature(name: &str, dtype: Dtype, categories: &[&str]) -> Feature {
    let categories = categories.iter().map(ToString::to_string).collect();
    Feature { name: name.into(), dtype, nullable: false, range: None, categories }
}

fn dataset(features: Vec<Feature>, values: Vec<f64>, target: Vec<f64>) -> Dataset {
    let range = Range { minimum: 0.0, maximum: 1.0 };
    let output = Output { name: "y, \"true\"".into(), dtype: Dtype::Number, range };
    let n_features = features.len();
    let signature = Signature::new(features, output).expect("a signature");
    Dataset::new(signature, Rows::new(n_features, values), target)
}

/// NaN is one value here: what is missing.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }).collect()
}

fn any_finite() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![
        NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE,
        (-2000..2000).prop_map(|n| f64::from(n) / 100.0),
        select(vec![0.1 + 0.2, 1e16, 1e15 + 0.5, 1e-5, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e23]),
    ]
}

/// Text that CSV has to quote, and text that it only seems to have to.
fn awkward() -> impl Strategy<Value = String> {
    let pieces = [
        "\"",
        ",",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "#",
        "NA",
        "null",
        "1e5",
        "é",
        "\u{feff}",
        "👩‍🔬",
        "\u{3000}",
        "\\",
        ";",
        "'",
        "true",
        "a",
        "-",
        "=",
        "\u{0}",
    ];
    proptest::collection::vec(select(pieces.to_vec()), 1..6)
        .prop_map(|pieces| pieces.concat().trim().to_owned())
        .prop_filter("no cell is such a category", |text| !schema::is_missing(text))
}

fn any_feature() -> impl Strategy<Value = Feature> {
    let dtype = select(vec![Dtype::Number, Dtype::Integer, Dtype::Boolean, Dtype::Category]);
    (dtype, any::<bool>(), proptest::collection::btree_set(awkward(), 1..6)).prop_map(
        |(dtype, nullable, categories)| {
            let categories = categories.iter().map(String::as_str).collect::<Vec<_>>();
            let categories = if dtype == Dtype::Category { &categories[..] } else { &[] };
            Feature { nullable, ..feature("", dtype, categories) }
        },
    )
}

fn any_dataset() -> impl Strategy<Value = Dataset> {
    let names = proptest::collection::btree_set(awkward(), 5);
    let names = names.prop_map(Vec::from_iter).prop_shuffle();
    let features = proptest::collection::vec(any_feature(), 1..=5);
    let row =
        (proptest::collection::vec((any_finite(), any::<i32>(), any::<Index>()), 5), any_finite());
    (names, features, proptest::collection::vec(row, 1..30)).prop_map(
        |(names, mut features, rows)| {
            features.iter_mut().zip(names).for_each(|(feature, name)| feature.name = name);
            let value = |feature: &Feature, (number, integer, index): &(f64, i32, Index)| {
                if index.index(5) == 0 {
                    return f64::NAN;
                }
                match feature.dtype {
                    Dtype::Number => *number,
                    Dtype::Integer => f64::from(*integer) * 4_194_303.0,
                    Dtype::Boolean => f64::from(integer & 1),
                    Dtype::Category => index.index(feature.categories.len()) as f64,
                }
            };
            let values = rows.iter().flat_map(|(row, _)| {
                features
                    .iter()
                    .zip(row)
                    .map(|(feature, draws)| value(feature, draws))
                    .collect::<Vec<_>>()
            });
            let (values, target) = (values.collect(), rows.iter().map(|(_, y)| *y).collect());
            dataset(features, values, target)
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_bit_for_bit(
        dataset in any_dataset(), max_rows in 1_usize..40, n_rows in 0_usize..12,
    ) {
        let (signature, target) = (dataset.signature(), &dataset.signature().target().name);
        let n_kept = dataset.n_rows().min(max_rows);
        let expected = bits(&dataset.rows().values()[..n_kept * signature.n_features()]);
        let held_out = HeldOut::of(&dataset, max_rows).expect("rows that CSV can hold");
        let read = signature.read_csv(held_out.csv(), OPTIONS).expect("CSV");
        prop_assert_eq!(bits(read.rows.values()), expected.clone());

        let again = HeldOut::read(held_out.csv().to_vec(), target).expect("CSV");
        for held_out in [&held_out, &again] {
            prop_assert_eq!(held_out.n_rows(), n_kept);
            prop_assert_eq!(bits(held_out.target()), bits(&dataset.target()[..n_kept]));
        }

        let (mut rows, mut targets) = (vec![], vec![]);
        for block in again.blocks(n_rows) {
            let read = signature.read_csv(&block, OPTIONS).expect("CSV").rows;
            prop_assert!(read.n_rows() <= n_rows.max(1));
            rows.extend(bits(read.values()));
            targets.extend(bits(HeldOut::read(block, target).expect("CSV").target()));
        }
        prop_assert_eq!(rows, expected);
        prop_assert_eq!(targets, bits(&dataset.target()[..n_kept]));
    }

    #[test]
    fn any_bytes_are_rows_or_an_error(
        bytes in proptest::collection::vec(select(b"y,1\"\n\r \xff\xef\xbb\xbf".to_vec()), 0..60),
    ) {
        if let Ok(held_out) = HeldOut::read([b"y,x\n", &bytes[..]].concat(), "y") {
            prop_assert!(held_out.target().iter().all(|target| target.is_finite()));
            let n_rows: usize = held_out
                .blocks(2)
                .map(|block| HeldOut::read(block, "y").expect("a part of what was read").n_rows())
                .sum();
            prop_assert_eq!(n_rows, held_out.n_rows());
        }
    }
}

#[test]
fn the_document_is_plain() {
    let features = vec![
        feature("carat", Dtype::Number, &[]),
        feature("cut", Dtype::Category, &["Very \"Good\"", "so, so"]),
        feature("grade", Dtype::Integer, &[]),
        feature("is new", Dtype::Boolean, &[]),
    ];
    let values = vec![0.1, 0.0, 3.0, 1.0, -1e-7, 1.0, f64::NAN, 0.0, 2.0, f64::NAN, -0.0, f64::NAN];
    let dataset = dataset(features, values, vec![326.0, 1e300, -0.5]);
    let held_out = HeldOut::of(&dataset, 10).expect("rows that CSV can hold");
    let expected = "carat,cut,grade,is new,\"y, \"\"true\"\"\"\n\
                    0.1,\"Very \"\"Good\"\"\",3,true,326\n\
                    -1e-7,\"so, so\",,false,1e300\n\
                    2,,-0,,-0.5\n";
    assert_eq!(String::from_utf8_lossy(held_out.csv()), expected);
    let blocks: Vec<_> = held_out.blocks(2).collect();
    assert_eq!(blocks.len(), 2);
    assert!(blocks[1].ends_with(b"\"\n2,,-0,,-0.5\n"));
}

#[test]
fn a_category_that_no_training_row_has_is_an_empty_cell() {
    let csv = table("name,y", 40, |row| format!("n{:02},{row}", row / 2));
    let split = read_text(&csv, "y").expect("a table").dataset.split(0.5, 3).expect("a split");
    let held_out = HeldOut::of(&split.test, usize::MAX).expect("rows that CSV can hold");
    let text = String::from_utf8(held_out.csv().to_vec()).expect("UTF-8");
    let n_missing = split.test.rows().values().iter().filter(|code| code.is_nan()).count();
    assert!(n_missing > 0);
    assert_eq!(text.lines().filter(|line| line.starts_with(',')).count(), n_missing);
}

#[test]
fn what_would_be_read_as_something_else_is_refused() {
    let refused = |feature: Feature, value: f64| {
        HeldOut::of(&dataset(vec![feature], vec![value], vec![1.0]), 1)
            .expect_err("no CSV")
            .to_string()
    };
    let named = |category| feature("f", Dtype::Category, &[category]);
    for category in ["", "NA", "null", "NULL", "  "] {
        assert_eq!(
            refused(named(category), 0.0),
            format!(
                "`{}` of the column `f` cannot be kept as CSV: it would be read as a missing value",
                category.trim()
            )
        );
    }
    assert!(refused(named(" a"), 0.0).ends_with("it would be read as another value"));
    // Without its space it is the other category.
    let spaced = feature("f", Dtype::Category, &["a", "a "]);
    assert!(refused(spaced, 1.0).ends_with("it would be read as another value"));
    assert!(refused(feature("f", Dtype::Integer, &[]), 0.5).ends_with("read as no integer"));
    assert!(
        refused(feature("f", Dtype::Number, &[]), f64::INFINITY).ends_with("read as no number")
    );
    assert!(refused(feature("f", Dtype::Boolean, &[]), 0.5).ends_with("read as another value"));
    assert!(refused(feature(" f", Dtype::Number, &[]), 1.0).ends_with("read as another name"));
}

#[test]
fn an_error_says_line_column_and_what_was_expected() {
    let refused = |csv: &str| {
        HeldOut::read(csv.as_bytes().to_vec(), "y").expect_err("not held-out rows").to_string()
    };
    for cell in ["", "NA", "NaN", "inf", "1e999", "one"] {
        assert_eq!(
            refused(&format!("x,y\n\"a\nb\",1\nc,{cell}\n")),
            format!("the column `y` holds `{cell}` in line 4; expected a finite number")
        );
    }
    assert_eq!(refused("x,y\r\n1,2\r\n\r\n3\r\n"), "line 4 has 1 cell where the header has 2");
    assert!(refused("x,y\n1,2\n\"3,4\n").starts_with("a quote opened in the row of line 3 is"));
    assert!(refused("x,y\n1,2\n\"3\"4,4\n").starts_with("the row of line 3 has text behind"));
    assert_eq!(
        refused("price,x\n1,2\n"),
        "the version names the column `y`, which is not in the table; did you mean `x`? the columns are `price`, `x`"
    );
    assert!(refused("y,x,y\n1,2,3\n").starts_with("the header names `y` twice, as column 1"));
    assert_eq!(refused("x,y\n"), "`holdout.csv` has a header but no rows");
    assert!(refused("").starts_with("`holdout.csv` is empty"));
    let error = HeldOut::read(b"x,y\n\xff,1\n".to_vec(), "y").expect_err("not UTF-8").to_string();
    assert!(error.starts_with("line 2 is not UTF-8 (byte 4"), "{error}");
}

#[test]
fn other_line_ends_and_a_byte_order_mark_are_read() {
    let csv = "\u{feff}y,x\r\n1,\"a\r\nb\"\r\n\r\n2,c\r\n3,d";
    let held_out = HeldOut::read(csv.as_bytes().to_vec(), "y").expect("CSV");
    assert_eq!(held_out.target(), [1.0, 2.0, 3.0]);
    let blocks: Vec<_> = held_out.blocks(1).map(|b| String::from_utf8(b).expect("UTF-8")).collect();
    assert_eq!(blocks[0], "\u{feff}y,x\r\n1,\"a\r\nb\"\r\n\r\n");
    assert_eq!(blocks[2], "\u{feff}y,x\r\n3,d");
    let held_out = HeldOut::read("\u{feff}\"x,\"\"z\",y\n2,1\n".into(), "y").expect("CSV");
    assert_eq!(held_out.target(), [1.0]);
}

#[test]
fn a_name_that_begins_with_a_byte_order_mark_keeps_it() {
    let feature = feature("\u{feff}f", Dtype::Number, &[]);
    let dataset = dataset(vec![feature], vec![0.5], vec![1.0]);
    let held_out = HeldOut::of(&dataset, 1).expect("rows that CSV can hold");
    let read = dataset.signature().read_csv(held_out.csv(), OPTIONS).expect("CSV");
    assert_eq!(read.rows.values(), [0.5]);
}
