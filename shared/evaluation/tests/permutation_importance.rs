//! Permutation importance of models whose true importances are known.

use evaluation::{PermutationParams, TestRows, permutation_importance};
use schema::{Rows, Signature};

fn signature() -> Signature {
    serde_json::from_str(
        r#"{
            "features": [
                {"name": "strong", "dtype": "number"},
                {"name": "weak", "dtype": "number"},
                {"name": "unused", "dtype": "number", "nullable": true}
            ],
            "outputs": [{"name": "y", "dtype": "number", "range": {"minimum": 0, "maximum": 1}}]
        }"#,
    )
    .expect("a valid signature")
}

/// Three columns without a common pattern, the last one missing in every fifth row.
fn rows(n_rows: usize) -> Rows {
    let values = (0..n_rows).flat_map(|row| {
        let unused = if row % 5 == 0 { f64::NAN } else { 1.0 };
        [(row * 37 % 101) as f64, (row * 53 % 97) as f64, unused]
    });
    Rows::new(3, values.collect())
}

fn predict(rows: &Rows) -> Vec<f64> {
    rows.iter().map(|row| 10.0 * row[0] + row[1]).collect()
}

#[test]
fn ranks_features_by_what_the_model_makes_of_them() {
    let (signature, rows) = (signature(), rows(1000));
    let actual = predict(&rows);
    let test = TestRows { signature: &signature, rows: &rows, actual: &actual };
    let params = PermutationParams::default();
    let importances = permutation_importance(test, params, &predict).expect("finite values");
    let names: Vec<_> = importances.iter().map(|i| i.feature.as_str()).collect();
    assert_eq!(names, ["strong", "weak", "unused"]);
    // Closed form for a perfect linear model: coefficient × √2 × standard deviation of the column, here
    // 10 × √2 × 29.15 and 1 × √2 × 28.0; a permutation of 1000 rows comes within 10 %.
    assert!((importances[0].importance / 412.3 - 1.0).abs() < 0.1);
    assert!((importances[1].importance / 39.6 - 1.0).abs() < 0.1);
    assert_eq!(importances[2].importance, 0.0);
    let again = permutation_importance(test, params, &predict).expect("finite values");
    assert_eq!(importances, again);
}

#[test]
fn uses_the_first_rows_only() {
    let (signature, rows) = (signature(), rows(50));
    let actual = predict(&rows);
    let test = TestRows { signature: &signature, rows: &rows, actual: &actual };
    let params = PermutationParams { max_rows: 7, ..PermutationParams::default() };
    let counting = |rows: &Rows| {
        assert_eq!(rows.n_rows(), 7);
        predict(rows)
    };
    permutation_importance(test, params, &counting).expect("finite values");
}

#[test]
fn refuses_rows_without_their_actual_value_and_predictions_that_are_no_numbers() {
    let (signature, rows) = (signature(), rows(5));
    let test = |actual| TestRows { signature: &signature, rows: &rows, actual };
    let params = PermutationParams::default();
    let error = permutation_importance(test(&[1.0]), params, &predict).expect_err("too few");
    assert!(error.to_string().starts_with("there are 1 actual values and 5"));
    let error = permutation_importance(test(&[1.0; 5]), params, &|_| vec![f64::NAN; 5])
        .expect_err("not finite");
    assert_eq!(error.to_string(), "the predicted value in row 0 is NaN; expected a finite number");
}
