//! Why values cannot be scored.

/// Values that have no meaningful score.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The two sides do not belong together.
    #[error("there are {actual} actual values and {predicted} predictions; expected as many")]
    Lengths {
        /// Actual values.
        actual: usize,
        /// Predictions.
        predicted: usize,
    },
    /// There is nothing to score.
    #[error("there are no rows to score; expected at least one")]
    Empty,
    /// NaN or an infinity.
    #[error("the {side} value in row {row} is {value}; expected a finite number")]
    NotFinite {
        /// `actual` or `predicted`.
        side: &'static str,
        /// The row, from 0.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A finite pair whose difference is not.
    #[error(
        "the prediction {predicted} in row {row} is so far from the actual value {actual} that their difference is not a 64-bit number"
    )]
    TooFarApart {
        /// The row, from 0.
        row: usize,
        /// The actual value.
        actual: f64,
        /// The prediction.
        predicted: f64,
    },
    /// Too few resamples to take percentiles of.
    #[error("the bootstrap has {n_resamples} resamples; expected at least {minimum}")]
    Resamples {
        /// The number as given.
        n_resamples: usize,
        /// The least number of them.
        minimum: usize,
    },
    /// A confidence that no interval has.
    #[error("the confidence is {confidence}; expected a number above 0 and below 1, such as 0.95")]
    Confidence {
        /// The confidence as given.
        confidence: f64,
    },
    /// Counts of a window that belong to another baseline.
    #[error("the baseline has {baseline} features and the window {live}; expected as many")]
    Features {
        /// Features of the baseline.
        baseline: usize,
        /// Features that were counted.
        live: usize,
    },
    /// Counts of a feature that belong to another baseline.
    #[error(
        "the baseline of `{feature}` has {baseline} bins and the window {live}; expected as many"
    )]
    Bins {
        /// The feature, or `prediction`.
        feature: String,
        /// Bins of the baseline.
        baseline: usize,
        /// Bins that were counted.
        live: usize,
    },
    /// A chance of false alarms that no test has.
    #[error("alpha is {alpha}; expected a number above 0 and below 1, such as 0.0001")]
    Alpha {
        /// The chance as given.
        alpha: f64,
    },
    /// A pair of values of which no moments can be summed.
    #[error(
        "the prediction {prediction} and the actual value {actual} cannot be summed; expected finite numbers less than 1e60 training deviations from the training mean"
    )]
    Moments {
        /// What the model said.
        prediction: f64,
        /// What was true.
        actual: f64,
    },
}
