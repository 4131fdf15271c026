//! Live quality from moments, against the scores and the bootstrap of the same pairs.

use evaluation::live::{Figure, Moments, Quality, Unit, worse_than_training};
use evaluation::{
    BootstrapParams, PairedPredictions, Pairs, mae, mae_difference, r2, rmse, rmse_difference,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schema::Distribution;

fn unit(mean: f64, standard_deviation: f64) -> Unit {
    Unit::of(&Distribution::Histogram {
        mean,
        standard_deviation,
        minimum: mean,
        maximum: mean,
        edges: vec![],
        counts: vec![1],
    })
}

fn moments(unit: Unit, pairs: Pairs<'_>) -> Moments {
    let mut moments = Moments::default();
    for (prediction, actual) in pairs.predicted.iter().zip(pairs.actual) {
        moments.add(unit, *prediction, *actual).expect("finite values");
    }
    moments
}

fn quality(unit: Unit, pairs: Pairs<'_>) -> Quality {
    moments(unit, pairs).quality(unit).expect("pairs")
}

/// A normal number of mean 0 and deviation 1: twelve uniform ones, as exact as a test needs.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// Prices and what a model made of them: 5 % too much, with errors that grow with the price.
fn prices(n_rows: usize, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..n_rows)
        .map(|_| {
            let actual = 4000.0 * (0.8 * normal(&mut rng)).exp();
            (actual, actual * (1.05 + 0.1 * normal(&mut rng)))
        })
        .unzip()
}

fn near(ours: f64, theirs: f64, tolerance: f64) -> bool {
    (ours - theirs).abs() <= tolerance * theirs.abs()
}

#[test]
fn equals_the_scores_of_the_same_pairs() {
    for seed in 0..5 {
        let (actual, predicted) = prices(5000, seed);
        let pairs = Pairs { actual: &actual, predicted: &predicted };
        let live = quality(unit(3900.0, 4000.0), pairs);
        assert_eq!(live.pairs, 5000);
        assert!(near(live.mae.value, mae(pairs), 1e-12), "{live:?}");
        assert!(near(live.rmse.value, rmse(pairs), 1e-12), "{live:?}");
        let errors = predicted.iter().zip(&actual).map(|(p, a)| p - a);
        assert!(near(live.bias.value, errors.sum::<f64>() / 5000.0, 1e-12), "{live:?}");
        let live_r2 = live.r2.expect("a varied target").value;
        assert!(near(live_r2, r2(pairs).expect("a varied target"), 1e-12), "{live:?}");
    }
}

/// A perfect model beside ours: the difference of their errors is the error of ours, with its bootstrap interval.
#[test]
fn intervals_are_those_of_the_bootstrap() {
    let (actual, predicted) = prices(5000, 7);
    let pairs = PairedPredictions { actual: &actual, a: &actual, b: &predicted };
    let params = BootstrapParams { n_resamples: 2000, ..BootstrapParams::default() };
    let live = quality(unit(3900.0, 4000.0), Pairs { actual: &actual, predicted: &predicted });
    for (ours, theirs) in [
        (live.mae, mae_difference(pairs, params).expect("finite values")),
        (live.rmse, rmse_difference(pairs, params).expect("finite values")),
    ] {
        let width = theirs.high - theirs.low;
        let (low, high) = (ours.low.expect("pairs"), ours.high.expect("pairs"));
        assert!((low - theirs.low).abs() < 0.1 * width, "{ours:?} where bootstrap says {theirs:?}");
        assert!(
            (high - theirs.high).abs() < 0.1 * width,
            "{ours:?} where bootstrap says {theirs:?}"
        );
    }
}

/// Of 2000 samples of 400 pairs about 1900 intervals hold the value of all samples together.
#[test]
fn nineteen_of_twenty_intervals_hold_the_truth() {
    let unit = unit(0.0, 1.0);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let samples: Vec<Moments> = (0..2000)
        .map(|_| {
            let mut sample = Moments::default();
            for _ in 0..400 {
                let actual = normal(&mut rng);
                let prediction = 0.9 * actual + 0.3 * normal(&mut rng) + 0.02;
                sample.add(unit, prediction, actual).expect("finite values");
            }
            sample
        })
        .collect();
    let mut all = Moments::default();
    samples.iter().for_each(|sample| all += *sample);
    let truth = all.quality(unit).expect("pairs");
    let figures: [fn(&Quality) -> Figure; 4] =
        [|q| q.mae, |q| q.rmse, |q| q.bias, |q| q.r2.expect("a varied target")];
    for (index, figure) in figures.into_iter().enumerate() {
        let truth = figure(&truth).value;
        let held = samples.iter().filter(|sample| {
            let Figure { low, high, .. } = figure(&sample.quality(unit).expect("pairs"));
            low.is_some_and(|low| low <= truth) && high.is_some_and(|high| truth <= high)
        });
        let held = held.count();
        assert!((1870..=1930).contains(&held), "{held} of 2000 hold figure {index}");
    }
}

#[test]
fn one_pair_has_scores_and_no_interval() {
    let unit = unit(0.0, 1.0);
    assert_eq!(Moments::default().quality(unit), None);
    let live = quality(unit, Pairs { actual: &[3.0], predicted: &[5.0] });
    let two = Figure { value: 2.0, low: None, high: None };
    assert_eq!((live.mae, live.rmse, live.bias, live.r2), (two, two, two, None));
    assert_eq!(worse_than_training(live.rmse, 1.0), None);
}

#[test]
fn a_target_that_does_not_vary_has_no_r2() {
    for value in [0.0, 0.1, 1234.567] {
        let actual = vec![value; 10_000];
        let predicted: Vec<f64> = (0..10_000).map(|row| value + f64::from(row % 7)).collect();
        let live = quality(unit(0.3, 2.0), Pairs { actual: &actual, predicted: &predicted });
        assert_eq!(live.r2, None, "of {value}");
    }
}

#[test]
fn a_perfect_model_has_no_error_and_explains_all() {
    let actual: Vec<f64> = (0..100).map(f64::from).collect();
    let live = quality(unit(50.0, 29.0), Pairs { actual: &actual, predicted: &actual });
    let none = Figure { value: 0.0, low: Some(0.0), high: Some(0.0) };
    assert_eq!((live.mae, live.rmse, live.bias), (none, none, none));
    assert_eq!(live.r2, Some(Figure { value: 1.0, low: Some(1.0), high: Some(1.0) }));
}

#[test]
fn what_cannot_be_summed_is_refused_and_changes_nothing() {
    let unit = unit(0.0, 1.0);
    let mut moments = Moments::default();
    moments.add(unit, 1.0, 2.0).expect("finite values");
    let before = moments;
    for (prediction, actual) in [
        (f64::NAN, 1.0),
        (1.0, f64::NAN),
        (f64::INFINITY, f64::INFINITY),
        (1e300, 1.0),
        (1.0, -1e300),
        (1.7e308, -1.7e308),
    ] {
        let error = moments.add(unit, prediction, actual).expect_err("not to be summed");
        assert!(error.to_string().contains("cannot be summed"), "{error}");
        assert_eq!(moments, before);
    }
}

#[test]
fn huge_and_tiny_targets_are_scored_in_their_own_unit() {
    for scale in [1e300, 1e-300] {
        let actual = [1.0, 2.0, 3.0, 4.0].map(|value| value * scale);
        let predicted = [4.0, 3.0, 2.0, 1.0].map(|value| value * scale);
        let live =
            quality(unit(2.0 * scale, scale), Pairs { actual: &actual, predicted: &predicted });
        assert!(near(live.mae.value / scale, 2.0, 1e-12), "{live:?}");
        assert!(near(live.rmse.value / scale, 5.0_f64.sqrt(), 1e-12), "{live:?}");
        assert!(near(live.r2.expect("a varied target").value, -3.0, 1e-12), "{live:?}");
    }
}

#[test]
fn an_error_above_that_of_training_shows() {
    let (actual, predicted) = prices(2000, 1);
    let live = quality(unit(4000.0, 4000.0), Pairs { actual: &actual, predicted: &predicted });
    assert_eq!(worse_than_training(live.rmse, live.rmse.value * 0.5), Some(true));
    assert_eq!(worse_than_training(live.rmse, live.rmse.value), Some(false));
    assert_eq!(worse_than_training(live.rmse, f64::NAN), None);
}

#[test]
fn moments_come_back_from_json_as_they_were() {
    let (actual, predicted) = prices(100, 2);
    let moments = moments(unit(4000.0, 4000.0), Pairs { actual: &actual, predicted: &predicted });
    let json = serde_json::to_string(&moments).expect("numbers");
    assert_eq!(serde_json::from_str::<Moments>(&json).expect("as written"), moments);
}

proptest! {
    #[test]
    fn minutes_add_up_in_any_order(
        pairs in proptest::collection::vec((-1e4..1e4_f64, -1e4..1e4_f64), 1..200),
        cut in 0..200_usize,
    ) {
        let unit = unit(10.0, 3000.0);
        let (actual, predicted): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let cut = cut.min(actual.len());
        let part = |rows: std::ops::Range<usize>| {
            moments(unit, Pairs { actual: &actual[rows.clone()], predicted: &predicted[rows] })
        };
        let (first, second) = (part(0..cut), part(cut..actual.len()));
        let (mut there, mut back) = (first, second);
        there += second;
        back += first;
        prop_assert_eq!(there, back);
        let whole = part(0..actual.len()).quality(unit).expect("pairs");
        let sum = there.quality(unit).expect("pairs");
        prop_assert_eq!(sum.pairs, whole.pairs);
        prop_assert!(near(sum.mae.value, whole.mae.value, 1e-12));
        prop_assert!(near(sum.rmse.value, whole.rmse.value, 1e-12));
    }

    #[test]
    fn every_figure_is_finite_and_in_its_interval(
        pairs in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..50),
        scale in any::<f64>(),
    ) {
        let unit = unit(0.0, scale);
        let mut moments = Moments::default();
        for (prediction, actual) in pairs {
            let _ = moments.add(unit, prediction, actual);
        }
        if let Some(quality) = moments.quality(unit) {
            for figure in [quality.mae, quality.rmse, quality.bias].into_iter().chain(quality.r2) {
                prop_assert!(figure.value.is_finite());
                prop_assert!(figure.low.is_none_or(|low| low.is_finite() && low <= figure.value));
                prop_assert!(figure.high.is_none_or(|high| high.is_finite() && high >= figure.value));
            }
        }
    }
}
