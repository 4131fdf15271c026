//! Bootstrap intervals against SciPy, closed forms and their laws.
//!
//! The expected ends are those of SciPy 1.17.1 (numpy 2.4.6): `scipy.stats.bootstrap((actual, a, b), …, paired=True,
//! method="percentile", n_resamples=1_000_000, rng=np.random.default_rng(1))`, printed with `repr`. Ours are of
//! 100,000 other resamples. The standard deviation of an end of them is at most 0.0033 here (√(q (1 − q) / 100,000)
//! over the density at the quantile q, near normal with SciPy's standard error of 0.39); they are matched to 0.015.

use evaluation::{
    BootstrapParams, EvaluationError, Interval, PairedPredictions, Pairs, mae, mae_difference,
    rmse, rmse_difference,
};
use proptest::prelude::*;

type Difference = fn(PairedPredictions<'_>, BootstrapParams) -> Result<Interval, EvaluationError>;

const BOTH: [Difference; 2] = [rmse_difference, mae_difference];

/// The rows that SciPy was given.
fn known() -> [Vec<f64>; 3] {
    let actual: Vec<f64> =
        (0..40).map(f64::from).map(|row| 100.0 + 10.0 * (row * 0.7).sin() + row).collect();
    let off =
        |row: usize, step: usize, period: usize, half: f64| (row * step % period) as f64 - half;
    let predicted = |error: &dyn Fn(usize) -> f64| -> Vec<f64> {
        actual.iter().enumerate().map(|(row, actual)| actual + error(row)).collect()
    };
    let a = predicted(&|row| off(row, 37, 11, 5.0) * 0.8);
    let b = predicted(&|row| off(row, 53, 13, 6.0) * 1.1 + 0.5);
    [actual, a, b]
}

#[test]
fn agrees_with_scipy() {
    let [actual, a, b] = known();
    let pairs = PairedPredictions { actual: &actual, a: &a, b: &b };
    let cases: [(Difference, f64, [f64; 3]); 4] = [
        (rmse_difference, 0.95, [1.6572824366400702, 0.9732857079791445, 2.3067913957330637]),
        (rmse_difference, 0.8, [1.6572824366400702, 1.2144153076660194, 2.0859032375763134]),
        (mae_difference, 0.95, [1.4549999999999987, 0.6974999999999985, 2.2124999999999986]),
        (mae_difference, 0.8, [1.4549999999999987, 0.9574999999999991, 1.9524999999999961]),
    ];
    for (difference, confidence, [estimate, low, high]) in cases {
        let params = BootstrapParams { n_resamples: 100_000, confidence, seed: 1 };
        let ours = difference(pairs, params).expect("finite values");
        assert!((ours.estimate - estimate).abs() <= 1e-12 * estimate, "{ours:?}");
        assert!((ours.low - low).abs() < 0.015, "{ours:?} where SciPy says {low}");
        assert!((ours.high - high).abs() < 0.015, "{ours:?} where SciPy says {high}");
    }
}

#[test]
fn a_seed_gives_the_same_interval_for_ever() {
    let [actual, a, b] = known();
    let pairs = PairedPredictions { actual: &actual, a: &a, b: &b };
    let of_seed = |seed| {
        let params = BootstrapParams { seed, ..BootstrapParams::default() };
        mae_difference(pairs, params).expect("finite values")
    };
    let ours = of_seed(42);
    assert!((ours.low - 0.6999374999999972).abs() < 1e-12, "{ours:?}");
    assert!((ours.high - 2.1550625).abs() < 1e-12, "{ours:?}");
    assert_ne!(ours, of_seed(43));
}

#[test]
fn the_same_predictions_differ_by_nothing() {
    let [actual, a, _] = known();
    for difference in BOTH {
        let pairs = PairedPredictions { actual: &actual, a: &a, b: &a };
        let ours = difference(pairs, BootstrapParams::default()).expect("finite values");
        assert_eq!(ours, Interval { estimate: 0.0, low: 0.0, high: 0.0 });
    }
}

#[test]
fn rows_are_paired() {
    // Errors vary between rows by a hundred, between models by 1 in every row: each resample says exactly 1.
    let actual = vec![0.0; 200];
    let a: Vec<f64> = (0..200).map(|row| f64::from(row % 100)).collect();
    let b: Vec<f64> = a.iter().map(|error| error + 1.0).collect();
    let pairs = PairedPredictions { actual: &actual, a: &a, b: &b };
    let ours = mae_difference(pairs, BootstrapParams::default()).expect("finite values");
    assert_eq!(ours.estimate, 1.0);
    assert!((ours.low - 1.0).abs() < 1e-12 && (ours.high - 1.0).abs() < 1e-12, "{ours:?}");
}

#[test]
fn two_rows_have_three_resamples() {
    // Closed form: the first row twice (1 in 4), both (2 in 4), the second twice (1 in 4).
    let pairs = PairedPredictions { actual: &[0.0, 0.0], a: &[1.0, 1.0], b: &[1.0, 7.0] };
    for (difference, estimate) in [(rmse_difference as Difference, 4.0), (mae_difference, 3.0)] {
        let ours = difference(pairs, BootstrapParams::default()).expect("finite values");
        assert_eq!(ours, Interval { estimate, low: 0.0, high: 6.0 });
        let params = BootstrapParams { confidence: 0.2, ..BootstrapParams::default() };
        let ours = difference(pairs, params).expect("finite values");
        assert_eq!(ours, Interval { estimate, low: estimate, high: estimate });
    }
}

#[test]
fn a_clearly_worse_model_is_told_apart_whichever_is_which() {
    let actual: Vec<f64> = (0..500).map(f64::from).collect();
    let good: Vec<f64> = actual.iter().map(|y| y + (y * 0.9).sin()).collect();
    let bad: Vec<f64> = actual.iter().map(|y| y + 1.5 * y.cos()).collect();
    for difference in BOTH {
        let of = |a: &[f64], b: &[f64]| {
            let pairs = PairedPredictions { actual: &actual, a, b };
            difference(pairs, BootstrapParams::default()).expect("finite values")
        };
        let worse = of(&good, &bad);
        assert!(0.0 < worse.low && worse.low < worse.estimate && worse.estimate < worse.high);
        let better = of(&bad, &good);
        assert_eq!(better.estimate, -worse.estimate);
        assert!(better.high < 0.0);
    }
}

#[test]
fn errors_of_any_size_have_an_interval() {
    for size in [1e300, 1e-300] {
        let pairs =
            PairedPredictions { actual: &[0.0, 0.0], a: &[size, size], b: &[size, 7.0 * size] };
        for difference in BOTH {
            let ours = difference(pairs, BootstrapParams::default()).expect("finite values");
            assert!(ours.low.abs() < 1e-12 * size, "{ours:?}");
            assert!((ours.high / size - 6.0).abs() < 1e-12, "{ours:?}");
        }
    }
}

#[test]
fn says_what_is_wrong_with_values_and_parameters() {
    let refused = |pairs, params| {
        BOTH.map(|difference| difference(pairs, params).expect_err("refused").to_string())
    };
    let default = BootstrapParams::default();
    let pairs = |actual, a, b| PairedPredictions { actual, a, b };
    let cases: [(PairedPredictions<'_>, &str); 6] = [
        (pairs(&[], &[], &[]), "there are no rows to score; expected at least one"),
        (
            pairs(&[1.0], &[1.0, 2.0], &[1.0]),
            "there are 1 actual values and 2 predictions; expected as many",
        ),
        (
            pairs(&[1.0], &[1.0], &[]),
            "there are 1 actual values and 0 predictions; expected as many",
        ),
        (
            pairs(&[f64::NAN], &[1.0], &[1.0]),
            "the actual value in row 0 is NaN; expected a finite number",
        ),
        (
            pairs(&[1.0; 2], &[1.0, f64::NAN], &[1.0; 2]),
            "the predicted (a) value in row 1 is NaN; expected a finite number",
        ),
        (
            pairs(&[1.0], &[1.0], &[f64::INFINITY]),
            "the predicted (b) value in row 0 is inf; expected a finite number",
        ),
    ];
    for (pairs, expected) in cases {
        assert_eq!(refused(pairs, default), [expected, expected]);
    }
    let good = pairs(&[1.0], &[1.0], &[1.0]);
    for n_resamples in [0, 99] {
        let said = refused(good, BootstrapParams { n_resamples, ..default });
        assert_eq!(
            said[0],
            format!("the bootstrap has {n_resamples} resamples; expected at least 100")
        );
    }
    for confidence in [0.0, 1.0, 95.0, f64::NAN] {
        let said = refused(good, BootstrapParams { confidence, ..default });
        let expected = "expected a number above 0 and below 1, such as 0.95";
        assert_eq!(said[1], format!("the confidence is {confidence}; {expected}"));
    }
}

#[test]
fn an_interval_is_json() {
    let interval = Interval { estimate: 1.5, low: -0.5, high: 2.0 };
    let json = serde_json::to_string(&interval).expect("an interval is JSON");
    assert_eq!(json, r#"{"estimate":1.5,"low":-0.5,"high":2.0}"#);
}

proptest! {
    #[test]
    fn an_interval_is_finite_in_order_and_within_what_the_rows_allow(
        rows in proptest::collection::vec(proptest::array::uniform3(-1e6..1e6), 1..40),
        seed in any::<u64>(),
        confidence in 0.01..0.99,
    ) {
        let column = |idx: usize| rows.iter().map(|row| row[idx]).collect::<Vec<f64>>();
        let (actual, a, b) = (column(0), column(1), column(2));
        let pairs = PairedPredictions { actual: &actual, a: &a, b: &b };
        let params = BootstrapParams { n_resamples: 100, confidence, seed };
        let greatest = rows.iter().flat_map(|row| [row[1] - row[0], row[2] - row[0]]);
        let greatest = greatest.fold(0.0, |greatest: f64, error| greatest.max(error.abs()));
        let one = |predicted: &[f64], score: fn(Pairs<'_>) -> f64| {
            score(Pairs { actual: &actual, predicted })
        };
        for (difference, score) in BOTH.into_iter().zip([rmse as fn(Pairs<'_>) -> f64, mae]) {
            let ours = difference(pairs, params).expect("finite values");
            prop_assert_eq!(ours.estimate, one(&b, score) - one(&a, score));
            prop_assert!(ours.low <= ours.high);
            prop_assert!(-greatest * 1.000_001 <= ours.low && ours.high <= greatest * 1.000_001);
        }
    }
}
