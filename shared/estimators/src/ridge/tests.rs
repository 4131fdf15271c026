use schema::Rows;

use super::*;
use crate::fixture::{assert_parity, mixed_rows, signature, sklearn, target_of};
use crate::{Estimator, Silent};

#[test]
fn equals_scikit_learn_to_a_millionth() {
    // scikit-learn 1.9.1, see tests/fixtures/linear.py. Both solve exactly: rounding is all that differs.
    let ridge = RidgeParams::default().alpha(7.5);
    sklearn(&Estimator::Ridge(ridge), "ridge", 1e-9);
}

#[test]
fn predicts_as_the_library_does() {
    let (signature, rows) = (signature(), mixed_rows(300, 5));
    let target = target_of(&rows, 6);
    let training = Training { signature: &signature, rows: &rows, target: &target };
    for alpha in [1e-9, 1.0, 1e9] {
        let fitted = Checked(RidgeParams { alpha }).fit(&training, &Silent);
        assert_parity(&fitted.expect("a fit"), &mixed_rows(500, 7));
    }
}

#[test]
fn solves_what_least_squares_cannot() {
    let signature = signature();
    // b = 2a, c and d constant.
    let rows = Rows::new(4, vec![1.0, 2.0, 1.0, 0.0, 2.0, 4.0, 1.0, 0.0, 3.0, 6.0, 1.0, 0.0]);
    let training = Training { signature: &signature, rows: &rows, target: &[1.0, 2.0, 3.0] };
    let fitted = Checked(RidgeParams { alpha: 1e-6 }).fit(&training, &Silent);
    let predicted = fitted.expect("a fit").pipeline.predict(&rows);
    for (predicted, actual) in predicted.iter().zip([1.0, 2.0, 3.0]) {
        assert!((predicted - actual).abs() < 1e-5, "{predicted} {actual}");
    }
    let error = Checked(RidgeParams { alpha: 1e-300 })
        .fit(&training, &Silent)
        .expect_err("as good as no penalty");
    assert!(error.to_string().contains("raise --alpha"), "{error}");
}

#[test]
fn refuses_a_penalty_outside_of_its_range() {
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = RidgeParams { alpha }.checked().expect_err("no penalty");
        let expected = format!(
            "--alpha is {alpha}; expected a number above 0 (for none at all, use --estimator linear)"
        );
        assert_eq!(error.to_string(), expected);
    }
}
