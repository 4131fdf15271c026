//! Scores against scikit-learn and against their laws.
//!
//! The expected numbers are those of scikit-learn 1.9.1 (numpy 2.4.6): `mean_absolute_error`,
//! `root_mean_squared_error`, `r2_score`, `mean_absolute_percentage_error`, `median_absolute_error`,
//! printed with `repr`; they are matched to a relative 1e-12.

use evaluation::{
    EvaluationError, Pairs, constant_mean, mae, mape, median_absolute_error, r2, rmse, scores,
};
use proptest::prelude::*;

fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-12 * theirs.abs().max(1e-300)
}

#[test]
fn agrees_with_scikit_learn() {
    let cases: [(&[f64], &[f64], [f64; 5]); 4] = [
        (
            &[3.0, -0.5, 2.0, 7.0],
            &[2.5, 0.0, 2.0, 8.0],
            [0.5, 0.6123724356957945, 0.9486081370449679, 0.3273809523809524, 0.5],
        ),
        (
            &[326.0, 2757.0, 554.0, 18823.0, 5000.5, 612.25, 1200.0],
            &[400.0, 2500.0, 610.5, 17000.0, 5100.0, 580.0, 1333.75],
            [353.7142857142857, 699.6811135898165, 0.9871520754110308, 0.10043959903047721, 99.5],
        ),
        (
            &[1.0, 2.0, 3.0, 4.0],
            &[4.0, 3.0, 2.0, 1.0],
            [2.0, 2.23606797749979, -3.0, 1.1458333333333335, 2.0],
        ),
        (
            &[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0, 1e9 + 4.0, 1e9 + 5.0],
            &[1e9 + 1.5, 1e9 + 2.0, 1e9 + 2.5, 1e9 + 4.25, 1e9 + 5.0],
            [0.25, 0.33541019662496846, 0.94375, 2.499999994e-10, 0.25],
        ),
    ];
    for (actual, predicted, theirs) in cases {
        let ours = scores(Pairs { actual, predicted }).expect("finite values");
        let ours = [
            ours.mae,
            ours.rmse,
            ours.r2.expect("a varied target"),
            ours.mape.expect("no zeros"),
            ours.median_absolute_error,
        ];
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!(close(*ours, theirs), "{ours} is not {theirs} for {actual:?}");
        }
    }
}

#[test]
fn has_no_percentage_of_zero_and_nothing_to_explain_in_a_constant() {
    let zero = Pairs { actual: &[0.0, 1.0, 2.0], predicted: &[0.5, 1.0, 2.5] };
    assert_eq!(mape(zero), None);
    assert_eq!(r2(zero).map(|r2| close(r2, 0.75)), Some(true));
    let constant = Pairs { actual: &[0.1; 7], predicted: &[0.1; 7] };
    assert_eq!(r2(constant), None);
    // 1e300 / 1e-300 exceeds 64 bits.
    let near_zero = Pairs { actual: &[1e-300], predicted: &[1e300] };
    assert_eq!(mape(near_zero), None);
}

#[test]
fn refuses_what_has_no_score() {
    let cases: [(&[f64], &[f64], &str); 5] = [
        (&[1.0, 2.0], &[1.0], "there are 2 actual values and 1 predictions; expected as many"),
        (&[], &[], "there are no rows to score; expected at least one"),
        (
            &[1.0, f64::NAN],
            &[1.0, 1.0],
            "the actual value in row 1 is NaN; expected a finite number",
        ),
        (&[1.0], &[f64::INFINITY], "the predicted value in row 0 is inf; expected a finite number"),
        (&[-1.5e308], &[1.5e308], "is so far from the actual value"),
    ];
    for (actual, predicted, message) in cases {
        let error = scores(Pairs { actual, predicted }).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(constant_mean(&[], &[1.0]), Err(EvaluationError::Empty));
}

#[test]
fn huge_and_tiny_errors_neither_overflow_nor_vanish() {
    for unit in [1e300, 1e-300, 1e-310] {
        let actual = [1.0, 2.0, 3.0, 4.0].map(|value| value * unit);
        let predicted = [4.0, 3.0, 2.0, 1.0].map(|value| value * unit);
        let pairs = Pairs { actual: &actual, predicted: &predicted };
        // Numbers near 1e-310 have 45 bits at most.
        let near = |ours: f64, theirs: f64| (ours / theirs - 1.0).abs() < 1e-12;
        assert!(near(mae(pairs) / unit, 2.0));
        assert!(near(rmse(pairs) / unit, 5.0_f64.sqrt()));
        assert!(near(r2(pairs).expect("a varied target"), -3.0));
    }
    let opposite = [1.7e308, -1.7e308, -1.7e308];
    let perfect = scores(Pairs { actual: &opposite, predicted: &opposite });
    assert_eq!(perfect.expect("finite values").r2, Some(1.0));
    let hopeless = Pairs { actual: &[0.0, 1e-300], predicted: &[1e300, 1e300] };
    assert_eq!(r2(hopeless), Some(f64::MIN));
}

#[test]
fn the_mean_of_the_training_target_explains_nothing_of_itself() {
    let target = [3.0, 5.0, 10.0];
    let scores = constant_mean(&target, &target).expect("finite values");
    assert_eq!(scores.r2, Some(0.0));
    assert_eq!(scores.median_absolute_error, 3.0);
}

fn pairs() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let value = prop_oneof![-1e6..1e6, -1e300..1e300, -1e-300..1e-300, Just(0.0)];
    proptest::collection::vec((value.clone(), value), 1..50)
        .prop_map(|pairs| pairs.into_iter().unzip())
}

proptest! {
    #[test]
    fn every_score_is_finite_and_in_range((actual, predicted) in pairs()) {
        let pairs = Pairs { actual: &actual, predicted: &predicted };
        let scores = scores(pairs).expect("finite values");
        prop_assert!(scores.mae >= 0.0 && scores.mae.is_finite());
        prop_assert!(scores.rmse >= scores.mae * (1.0 - 1e-12) && scores.rmse.is_finite());
        prop_assert!(scores.r2.is_none_or(|r2| r2 <= 1.0 && r2.is_finite()));
        prop_assert!(scores.mape.is_none_or(|mape| mape >= 0.0 && mape.is_finite()));
        prop_assert!(scores.median_absolute_error >= 0.0);
        let greatest = actual.iter().zip(&predicted).map(|(a, p)| (a - p).abs()).fold(0.0, f64::max);
        prop_assert!(median_absolute_error(pairs) <= greatest);
    }

    #[test]
    fn a_perfect_fit_to_a_varied_target_explains_all_of_it((actual, _) in pairs()) {
        let varied = actual.iter().any(|value| *value != actual[0]);
        let perfect = Pairs { actual: &actual, predicted: &actual };
        prop_assert_eq!(r2(perfect), varied.then_some(1.0));
        prop_assert_eq!(rmse(perfect), 0.0);
    }
}
