use schema::{Rows, Signature};

use super::*;
use crate::fixture::{assert_parity, mixed_rows, signature, sklearn, target_of, uniform};
use crate::{Estimator, Silent};

fn fit(signature: &Signature, rows: &Rows, target: &[f64]) -> Result<Fitted, FitError> {
    let training = Training { signature, rows, target };
    Checked(LinearParams {}).fit(&training, &Silent)
}

fn numbers(n: usize) -> Signature {
    let names = ["u", "v", "w", "x"];
    let features: Vec<_> = names[..n]
        .iter()
        .map(|name| format!(r#"{{"name": "{name}", "dtype": "number"}}"#))
        .collect();
    let json = format!(
        r#"{{"features": [{}], "outputs": [{{"name": "y", "dtype": "number", "range": {{"minimum": 0, "maximum": 1}}}}]}}"#,
        features.join(",")
    );
    serde_json::from_str(&json).expect("a valid signature")
}

#[test]
fn equals_scikit_learn_to_a_millionth() {
    // scikit-learn 1.9.1, see tests/fixtures/linear.py. Both solve exactly: rounding is all that differs.
    sklearn(&Estimator::Linear(LinearParams {}), "linear", 1e-9);
}

#[test]
fn equals_the_closed_form_for_one_feature() {
    // slope = cov(x, y) / var(x), intercept = mean(y) − slope · mean(x).
    let (x, y) = ([1.0, 2.0, 4.0, 7.0], [2.0, 3.0, 9.0, 10.0]);
    let (mean_x, mean_y) = (3.5, 6.0);
    let cov: f64 = x.iter().zip(&y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let slope = cov / x.iter().map(|x| (x - mean_x).powi(2)).sum::<f64>();
    let fitted = fit(&numbers(1), &Rows::new(1, x.to_vec()), &y).expect("a line");
    let predicted = fitted.pipeline.predict(&Rows::new(1, vec![0.0, 10.0]));
    let expected = [mean_y - slope * mean_x, mean_y + slope * (10.0 - mean_x)];
    for (predicted, expected) in predicted.iter().zip(expected) {
        assert!((predicted - expected).abs() < 1e-12, "{predicted} {expected}");
    }
}

#[test]
fn predicts_as_the_library_does() {
    let rows = mixed_rows(300, 5);
    let fitted = fit(&signature(), &rows, &target_of(&rows, 6)).expect("a fit");
    assert_parity(&fitted, &mixed_rows(500, 7));
}

#[test]
fn names_the_columns_that_depend_on_each_other() {
    let mut next = uniform(3);
    let values = (0..40).flat_map(|_| {
        let (u, v, w) = (next(), next(), next());
        [u, v, w, 2.0 * u - v + 5.0]
    });
    let rows = Rows::new(4, values.collect());
    let target: Vec<f64> = rows.iter().map(|row| row[0]).collect();
    let error = fit(&numbers(4), &rows, &target).expect_err("x = 2u - v + 5");
    assert_eq!(
        error.to_string(),
        "column `x` is linearly dependent on `u`, `v`, so that their coefficients are not determined; \
         use --estimator ridge, or leave one of them out with --ignore"
    );
}

#[test]
fn refuses_fewer_rows_than_columns() {
    let rows = Rows::new(4, vec![1.0, 2.0, 3.0, 5.0, 4.0, 8.0, 6.0, 7.0]);
    let error = fit(&numbers(4), &rows, &[1.0, 2.0]).expect_err("two rows for four columns");
    assert_eq!(
        error.to_string(),
        "4 columns after spreading categories for 2 rows: least squares has no single answer; use \
         --estimator ridge, or leave columns out with --ignore"
    );
}

/// One category with a name for every row.
fn wide(n_rows: usize) -> (Signature, Rows, Vec<f64>) {
    let categories: Vec<String> = (0..n_rows).map(|row| format!("n{row:05}")).collect();
    let signature = serde_json::from_value(serde_json::json!({
        "features": [{"name": "name", "dtype": "category", "categories": categories}],
        "outputs": [{"name": "y", "dtype": "number", "range": {"minimum": 0, "maximum": 1}}],
    }));
    let values: Vec<f64> = (0..n_rows).map(|row| row as f64).collect();
    (signature.expect("a valid signature"), Rows::new(1, values.clone()), values)
}

#[test]
fn refuses_a_design_beyond_the_limit_before_it_is_made() {
    let (signature, rows, target) = wide(9000);
    let training = Training { signature: &signature, rows: &rows, target: &target };
    for estimator in [
        Estimator::Linear(LinearParams {}),
        Estimator::Ridge(crate::RidgeParams::default()),
        Estimator::ElasticNet(crate::ElasticNetParams::default()),
    ] {
        let error = estimator.fit(&training, &Silent).expect_err("618 MiB");
        assert_eq!(
            error.to_string(),
            "8999 columns after spreading categories for 9000 rows need 618 MiB, more than 512 MiB; \
             the widest category is `name` with 8999 of the columns: leave it out with --ignore name, \
             or use --estimator random-forest"
        );
    }
}

#[test]
fn leaves_constant_columns_out() {
    let rows = Rows::new(2, vec![1.0, 7.0, 2.0, 7.0, 3.0, 7.0]);
    let fitted = fit(&numbers(2), &rows, &[1.0, 2.0, 3.0]).expect("v is constant");
    let predicted = fitted.pipeline.predict(&Rows::new(2, vec![5.0, 7.0, 5.0, 99.0]));
    for value in predicted {
        assert!((value - 5.0).abs() < 1e-12, "v has the coefficient 0: {value}");
    }
}

#[test]
fn predicts_the_mean_where_nothing_varies() {
    let constant = fit(&numbers(1), &Rows::new(1, vec![1.0; 3]), &[1.0, 2.0, 6.0]).expect("a mean");
    assert_eq!(constant.pipeline.predict(&Rows::new(1, vec![9.0])), [3.0]);
    let rows = Rows::new(1, vec![1.0, 2.0, 3.0]);
    let flat = fit(&numbers(1), &rows, &[4.0; 3]).expect("a flat target");
    assert_eq!(flat.pipeline.predict(&rows), [4.0; 3]);
    assert_eq!(flat.library_predict(&rows), [4.0; 3]);
}

#[test]
fn copes_with_a_split_that_lacks_the_first_category() {
    let rows = mixed_rows(200, 9);
    let kept: Vec<usize> = (0..200).filter(|&row| rows.row(row)[2] > 0.0).collect();
    let rows = rows.select(&kept);
    let fitted = fit(&signature(), &rows, &target_of(&rows, 1)).expect("y is the reference");
    assert_parity(&fitted, &mixed_rows(50, 2));
}

#[test]
fn keeps_its_digits_in_awkward_units() {
    // Milliseconds since 1970 over one day, and a target around 1e-9.
    let mut next = uniform(4);
    let times: Vec<f64> = (0..500).map(|_| 1.7e12 + next() * 86_400_000.0).collect();
    let target: Vec<f64> = times.iter().map(|t| 1e-9 + (t - 1.7e12) * 1e-18).collect();
    let fitted = fit(&numbers(1), &Rows::new(1, times.clone()), &target).expect("a line");
    let rows = Rows::new(1, times);
    for predicted in [fitted.library_predict(&rows), fitted.pipeline.predict(&rows)] {
        for (predicted, actual) in predicted.iter().zip(&target) {
            assert!((predicted / actual - 1.0).abs() < 1e-9, "{predicted} {actual}");
        }
    }
}
