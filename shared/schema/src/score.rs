//! How good a model is: what an evaluation leaves in the manifest. The formulas are in `evaluation`.

use serde::{Deserialize, Serialize};

/// The scores of one set of predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Mean absolute error, in the target's unit, ≥ 0.
    pub mae: f64,
    /// Root mean squared error, in the target's unit, ≥ 0.
    pub rmse: f64,
    /// Coefficient of determination, at most 1; none where the target does not vary.
    pub r2: Option<f64>,
    /// Mean absolute percentage error as a ratio (0.1 is 10 %); none where the target has a zero.
    pub mape: Option<f64>,
    /// Median absolute error, in the target's unit, ≥ 0.
    pub median_absolute_error: f64,
}

/// A model's scores on the test split, beside those of the simplest predictor there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Rows of the test split.
    pub n_rows: u64,
    /// The model's scores.
    pub model: Scores,
    /// The scores of a predictor that always answers with the mean of the training target.
    pub constant_mean: Scores,
    /// How much each feature matters, in signature order.
    pub importances: Vec<FeatureImportance>,
}

/// How much a feature matters to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureImportance {
    /// The feature's name.
    pub feature: String,
    /// Permutation importance: by how much the test RMSE rises, in the target's unit, when this column is shuffled.
    pub importance: f64,
}
