use super::*;
use crate::fixture::{assert_parity, mixed_rows, signature, sklearn, target_of};
use crate::{Estimator, Silent};

fn fit(params: ElasticNetParams, scale: f64) -> Result<Fitted, FitError> {
    let (signature, rows) = (signature(), mixed_rows(300, 5));
    let target: Vec<f64> = target_of(&rows, 6).iter().map(|y| y * scale).collect();
    let training = Training { signature: &signature, rows: &rows, target: &target };
    params.checked()?.fit(&training, &Silent)
}

#[test]
fn equals_scikit_learn_to_a_millionth() {
    // scikit-learn 1.9.1, see tests/fixtures/linear.py: both descend to a duality gap of 1e-12.
    let params =
        |alpha, l1_ratio| ElasticNetParams { alpha, l1_ratio, max_iter: 100_000, tol: 1e-12 };
    sklearn(&Estimator::ElasticNet(params(0.8, 0.3)), "elastic-net", 1e-6);
    sklearn(&Estimator::ElasticNet(params(6.0, 1.0)), "lasso", 1e-6);
}

#[test]
fn predicts_as_the_library_does() {
    for alpha in [1e-3, 1.0, 1e3] {
        let params = ElasticNetParams { alpha, ..ElasticNetParams::default() };
        let fitted = fit(params, 1.0).expect("a fit");
        assert_parity(&fitted, &mixed_rows(500, 7));
    }
}

#[test]
fn does_not_depend_on_the_unit_of_the_target() {
    let predict = |scale: f64| {
        let params =
            ElasticNetParams { alpha: 0.1 * scale, l1_ratio: 1.0, ..ElasticNetParams::default() };
        let fitted = fit(params, scale).expect("a fit");
        let values = fitted.pipeline.predict(&mixed_rows(50, 7));
        values.iter().map(|value| value / scale).collect::<Vec<_>>()
    };
    for (tiny, plain) in predict(1e-30).iter().zip(predict(1.0)) {
        assert!((tiny - plain).abs() < 1e-9 * plain.abs().max(1.0), "{tiny} {plain}");
    }
}

#[test]
fn fails_where_it_does_not_converge() {
    let params = |max_iter| ElasticNetParams {
        alpha: 1e-3,
        max_iter,
        tol: 1e-10,
        ..ElasticNetParams::default()
    };
    for max_iter in [1, 2] {
        let error = fit(params(max_iter), 1.0).expect_err("too few steps");
        let start = format!("elastic-net did not converge in --max-iter {max_iter} steps");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
    fit(params(1000), 1.0).expect("enough steps");
}

#[test]
fn refuses_hyperparameters_outside_of_their_ranges() {
    let change = |change: fn(&mut ElasticNetParams)| {
        let mut params = ElasticNetParams::default();
        change(&mut params);
        params.checked().expect_err("out of range").to_string()
    };
    let cases = [
        (change(|p| p.alpha = 0.0), "--alpha is 0; expected a number above 0"),
        (change(|p| p.l1_ratio = 1.5), "--l1-ratio is 1.5; expected a number above 0 and up to 1"),
        (change(|p| p.l1_ratio = 0.0), "(for 0, use --estimator ridge)"),
        (change(|p| p.max_iter = 0), "--max-iter is 0; expected 1 to 1000000"),
        (change(|p| p.tol = f64::NAN), "--tol is NaN; expected a number above 0 and below 1"),
    ];
    for (error, expected) in cases {
        assert!(error.contains(expected), "{error}");
    }
}
