//! Why there is no fitted model: one variant a cause, with the value at fault and what to do.

/// Why a model could not be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// A hyperparameter outside its range.
    #[error("--{flag} is {value}; expected {range}")]
    Hyperparameter {
        /// The flag of `canopy-trainer fit`, without its dashes.
        flag: &'static str,
        /// What was given.
        value: String,
        /// What may be given.
        range: &'static str,
    },
    /// There is nothing to learn from.
    #[error("there are no rows to fit")]
    NoRows,
    /// The parts of the training data do not fit together.
    #[error("the training data has {found} {what} where {expected} were expected")]
    Shape {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A value that no reader of tables gives: infinite, or no code of a category.
    #[error("feature `{feature}` is {value} in row {row}, which is no value of a {dtype}")]
    Value {
        /// The feature.
        feature: String,
        /// Its dtype.
        dtype: schema::Dtype,
        /// The row, from 0.
        row: usize,
        /// The value.
        value: f64,
    },
    /// Numbers so large or so small that sums of their squares are not.
    #[error(
        "`{name}` is {value:e} in row {row}; a fit needs finite numbers up to 1e100 in size, the largest \
         target no smaller than 1e-100: choose another unit for it"
    )]
    Magnitude {
        /// The feature or the target.
        name: String,
        /// The row, from 0.
        row: usize,
        /// The value.
        value: f64,
    },
    /// A feature without one value.
    #[error(
        "feature `{feature}` has no value in any training row; leave it out with --ignore {feature}"
    )]
    AllMissing {
        /// The feature.
        feature: String,
    },
    /// Columns of which one says nothing that the others do not.
    #[error(
        "column `{column}` is linearly dependent on {others}, so that their coefficients are not determined; {advice}"
    )]
    Dependent {
        /// The encoded column: `carat`, or `cut = Ideal`.
        column: String,
        /// The columns it follows from.
        others: String,
        /// What to do.
        advice: String,
    },
    /// Coordinate descent stopped too early.
    #[error(
        "elastic-net did not converge in --max-iter {max_iter} steps: its duality gap is {gap:.1e} of the \
         target's variance where --tol asks for {tol:e}; raise --max-iter, --tol or --alpha"
    )]
    NotConverged {
        /// The limit.
        max_iter: u32,
        /// The gap that is left, relative as the tolerance is.
        gap: f64,
        /// The gap asked for.
        tol: f64,
    },
    /// The training library failed, or its answer is unusable.
    #[error("{library} could not fit the model: {reason}")]
    Library {
        /// The library and its version.
        library: &'static str,
        /// What it said, or what is wrong with its answer.
        reason: String,
    },
    /// The fitted numbers make no model.
    #[error("the fitted numbers make no model")]
    Model(#[from] model::ModelError),
    /// [`crate::Progress::is_cancelled`] said so.
    #[error("the fit was cancelled")]
    Cancelled,
}
