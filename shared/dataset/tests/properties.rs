//! Laws of reading and of baselines, for tables and bytes that nobody thought of.

mod helpers;

use dataset::{MemoryInput, ReadOptions, baseline, distribution, read_input};
use helpers::{read_text, table};
use proptest::prelude::*;
use schema::Distribution;

/// Bytes that look enough like a table to get past the header now and then.
fn nearly_csv() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => Just(&b"1,2\n"[..]),
        2 => Just(&b"3.5,\"a\nb\"\r\n"[..]),
        1 => Just(&b"\""[..]),
        1 => Just(&b"\xff\xfe"[..]),
        1 => Just(&b"\xe2\x82"[..]),
        1 => Just(&b"\r"[..]),
        1 => Just(&b"NA,1e999\n"[..]),
        1 => Just(&b"true,7\n\n"[..]),
        1 => Just(&b"9007199254740993,-0\n"[..]),
    ];
    proptest::collection::vec(piece, 0..30)
        .prop_map(|pieces| [b"x,y\n", &pieces.concat()[..]].concat())
}

fn number() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE, (-20..20).prop_map(f64::from)]
}

proptest! {
    #[test]
    fn any_bytes_are_a_table_or_an_error(
        noise in proptest::collection::vec(any::<u8>(), 0..200),
        nearly in nearly_csv(),
    ) {
        for bytes in [noise, nearly] {
            let options = ReadOptions::new("y");
            if let Ok(table) = read_input(&MemoryInput::new("data.csv", bytes), &options) {
                let _ = table.dataset.split(0.3, 1);
            }
        }
    }

    #[test]
    fn what_is_read_is_what_was_written(
        rows in proptest::collection::vec(proptest::array::uniform3(number()), 10..40),
    ) {
        let targets = rows.iter().map(|row| row[2]);
        prop_assume!(targets.clone().any(|value| value != rows[0][2]));
        let csv = table("a,b,y", rows.len() as u64, |idx| {
            let [a, b, y] = rows[idx as usize];
            format!("{a:?},{b:?},{y:e}")
        });
        let read = read_text(&csv, "y").expect("numbers");
        for (read, written) in read.dataset.rows().iter().zip(&rows) {
            prop_assert_eq!(read, &written[..2]);
        }
        prop_assert!(read.dataset.target().iter().copied().eq(targets));
        prop_assert_eq!(read.source.n_bytes, csv.len() as u64);
    }

    #[test]
    fn a_histogram_counts_every_value_in_the_bin_its_edges_say(
        values in proptest::collection::vec(number(), 0..200),
    ) {
        let Distribution::Histogram { mean, standard_deviation, minimum, maximum, edges, counts } =
            distribution(values.clone())
        else {
            panic!("numbers have a histogram");
        };
        prop_assert!(counts.len() == edges.len() + 1 && counts.len() <= dataset::MAX_BINS);
        prop_assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
        for (bin, count) in counts.iter().enumerate() {
            let above = bin.checked_sub(1).map_or(f64::NEG_INFINITY, |edge| edges[edge]);
            let up_to = edges.get(bin).copied().unwrap_or(f64::INFINITY);
            let held = values.iter().filter(|value| above < **value && **value <= up_to).count();
            prop_assert_eq!(held as u64, *count, "bin {} of {:?}", bin, edges);
            prop_assert!(*count > 0 || values.is_empty(), "an empty bin");
        }
        prop_assert!(minimum <= mean && mean <= maximum);
        prop_assert!(standard_deviation >= 0.0 && standard_deviation.is_finite());
    }

    #[test]
    fn a_baseline_accounts_for_every_training_row(
        cells in proptest::collection::vec(0_usize..5, 30..60),
        seed in any::<u64>(),
    ) {
        let text = |kind| ["", "a", "b", "a", "c"][kind];
        let flag = |kind| ["", "true", "false", "true", "true"][kind];
        let number = |kind| ["", "1.5", "-2", "0", "1.5"][kind];
        let csv = table("text,flag,number,y", cells.len() as u64, |row| {
            let kind = cells[row as usize];
            format!("{},{},{},{row}", text(kind), flag(kind), number(kind))
        });
        let Ok(table) = read_text(&csv, "y") else {
            return Ok(()); // All missing.
        };
        let Ok(split) = table.dataset.split(0.3, seed) else {
            return Ok(());
        };
        let baseline = baseline(&split.train, split.test.target());
        prop_assert_eq!(baseline.n_rows, split.train.n_rows() as u64);
        for feature in &baseline.features {
            let counts = match &feature.distribution {
                Distribution::Histogram { counts, .. } => counts,
                Distribution::Categories { names, counts } => {
                    prop_assert_eq!(names.len(), counts.len());
                    counts
                }
            };
            prop_assert_eq!(counts.iter().sum::<u64>() + feature.n_missing, baseline.n_rows);
        }
    }
}

#[test]
fn a_histogram_has_the_moments_of_its_values() {
    // Closed form: mean and sample standard deviation of 1 to 100.
    let Distribution::Histogram { mean, standard_deviation, edges, counts, .. } =
        distribution((1..=100).map(f64::from).collect())
    else {
        panic!("numbers have a histogram");
    };
    assert_eq!(mean, 50.5);
    assert!((standard_deviation - (100.0_f64 * 101.0 / 12.0).sqrt()).abs() < 1e-12);
    assert_eq!(edges, (1..20).map(|k| f64::from(5 * k)).collect::<Vec<_>>());
    assert_eq!(counts, [5; 20]);

    // Far from 0, where the sum of squares would lose every digit: 1e9 + {4, 7, 13, 16} has variance 30.
    let Distribution::Histogram { standard_deviation, .. } =
        distribution([4.0, 7.0, 13.0, 16.0].map(|value| value + 1e9).to_vec())
    else {
        panic!("numbers have a histogram");
    };
    assert_eq!(standard_deviation, 30.0_f64.sqrt());
    let Distribution::Histogram { edges, counts, .. } = distribution(vec![7.0; 9]) else {
        panic!("numbers have a histogram");
    };
    assert_eq!((edges.len(), counts), (0, vec![9]));
}
