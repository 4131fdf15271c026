//! What the unit tests share: a signature of every dtype and rows from a small generator.

use std::collections::HashMap;

use schema::{Rows, Signature};

use crate::{Estimator, Fitted, Silent, Training};

/// Two numbers, a category of three and a boolean.
pub(crate) fn signature() -> Signature {
    serde_json::from_str(
        r#"{
            "features": [
                {"name": "a", "dtype": "number"},
                {"name": "b", "dtype": "integer", "nullable": true},
                {"name": "c", "dtype": "category", "categories": ["x", "y", "z"]},
                {"name": "d", "dtype": "boolean"}
            ],
            "outputs": [{"name": "t", "dtype": "number", "range": {"minimum": 0, "maximum": 1}}]
        }"#,
    )
    .expect("a valid signature")
}

/// Numbers in [0, 1), the same for the same seed.
pub(crate) fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Rows of [`signature`]; the first is whole, a tenth of the other values is missing.
pub(crate) fn mixed_rows(n_rows: usize, seed: u64) -> Rows {
    let mut next = uniform(seed);
    let mut values = Vec::with_capacity(n_rows * 4);
    for row in 0..n_rows {
        for scale in [10.0, 100.0, 3.0, 2.0] {
            let value = next() * scale;
            let value = if scale == 10.0 { value } else { value.floor() };
            let is_missing = next() < 0.1 && row > 0;
            values.push(if is_missing { f64::NAN } else { value });
        }
    }
    Rows::new(4, values)
}

/// A target that depends on all four features, with noise.
pub(crate) fn target_of(rows: &Rows, seed: u64) -> Vec<f64> {
    let mut next = uniform(seed);
    let known = |value: f64| if value.is_nan() { 1.0 } else { value };
    rows.iter()
        .map(|row| {
            let [a, b, c, d] = [row[0], row[1], row[2], row[3]].map(known);
            3.0 * a + (b / 9.0).sin() * 20.0 + c * c * d + next()
        })
        .collect()
}

/// The published model and the training library agree on these rows to 1e-9.
pub(crate) fn assert_parity(fitted: &Fitted, rows: &Rows) {
    let (model, library) = (fitted.pipeline.predict(rows), fitted.library_predict(rows));
    let largest = library.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    for (row, (model, library)) in model.iter().zip(&library).enumerate() {
        // A prediction near 0 is a difference of large terms.
        let error = (model - library).abs() / library.abs().max(1e-3 * largest);
        assert!(model == library || error <= 1e-9, "row {row}: {model} {library}");
    }
}

/// Predictions equal those of scikit-learn in `tests/fixtures/linear.json` up to a relative tolerance.
pub(crate) fn sklearn(estimator: &Estimator, name: &str, tolerance: f64) {
    #[derive(serde::Deserialize)]
    struct Expected {
        rows: Vec<[Option<f64>; 4]>,
        target: Vec<f64>,
        predictions: HashMap<String, Vec<f64>>,
    }
    let json = include_str!("../tests/fixtures/linear.json");
    let expected: Expected = serde_json::from_str(json).expect("the fixture");
    let values = expected.rows.iter().flatten().map(|value| value.unwrap_or(f64::NAN));
    let (signature, rows) = (signature(), Rows::new(4, values.collect()));
    let training = Training { signature: &signature, rows: &rows, target: &expected.target };
    let fitted = estimator.fit(&training, &Silent).expect("a fit");
    let predicted = fitted.pipeline.predict(&rows);
    for (predicted, expected) in predicted.iter().zip(&expected.predictions[name]) {
        let error = (predicted / expected - 1.0).abs();
        assert!(error <= tolerance, "{predicted} {expected} {error:e}");
    }
}
