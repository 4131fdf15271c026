//! What the comparison of one feature found, as services write it.

use serde::{Deserialize, Serialize};

use super::DriftLevel;

/// One feature of a window, or the predictions, beside the baseline.
///
/// All distances are of the values that are present, in the bins that [`Bins::merged`](super::Bins::merged) leaves;
/// None where there is nothing to compare. Ratios are 0 to 1 and of all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureDrift {
    /// The feature's name; `prediction` for the predictions.
    pub name: String,
    /// How its values are spread.
    pub kind: Kind,
    /// How serious the difference is: the worst of its checks.
    pub level: DriftLevel,
    /// One sentence for a person, without a final stop.
    pub reason: String,
    /// Rows of the window.
    pub rows: u64,
    /// Population stability index, 0 upwards; what chance gives is not taken off.
    pub psi: Option<f64>,
    /// Jensen–Shannon divergence to base 2, 0 to 1.
    pub js: Option<f64>,
    /// Kolmogorov–Smirnov distance, 0 to 1; of histograms only.
    pub ks: Option<f64>,
    /// Its p-value, 0 to 1.
    pub ks_p: Option<f64>,
    /// χ² statistic, 0 upwards.
    pub chi2: Option<f64>,
    /// Its p-value, 0 to 1.
    pub chi2_p: Option<f64>,
    /// Its degrees of freedom, 1 upwards.
    pub chi2_df: Option<u32>,
    /// Rows without a value; None for predictions and without rows.
    pub missing_ratio: Option<f64>,
    /// Rows of training without a value; None for predictions and without rows.
    pub baseline_missing_ratio: Option<f64>,
    /// Rows with a category that training never saw; None for predictions and without rows.
    pub unseen_ratio: Option<f64>,
    /// Both distributions as shares of all rows, in the baseline's bins; then `missing` and `unseen`, where there are
    /// any.
    pub bins: Vec<BinShares>,
}

/// How the values of a feature are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers, in bins of the baseline.
    Histogram,
    /// Categories and booleans.
    Categories,
}

/// The share of rows in one bin; 0 where there are no rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinShares {
    /// The bin's name for a person, such as `0.35 to 0.4`.
    pub label: String,
    /// The share in training, 0 to 1.
    pub baseline: f64,
    /// The share in the window, 0 to 1.
    pub live: f64,
}
