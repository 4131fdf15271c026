//! Why there is no fitted model: one variant a cause, with the value at fault and what to do.

use schema::cleaned;

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
    #[error(
        "feature `{}` is {value} in row {row}, which is no value of a {dtype}",
        cleaned(feature)
    )]
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
        "`{}` is {value:e} in row {row}; a fit needs finite numbers up to 1e100 in size, the largest \
         target no smaller than 1e-100: choose another unit for it",
        cleaned(name)
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
        "feature `{0}` has no value in any training row; leave it out with --ignore {0}",
        cleaned(feature)
    )]
    AllMissing {
        /// The feature.
        feature: String,
    },
    /// Least squares has no single answer with as many columns as rows.
    #[error(
        "{n_columns} columns after spreading categories for {n_rows} rows: least squares has no single \
         answer; use --estimator ridge, or leave columns out with --ignore"
    )]
    TooFewRows {
        /// Encoded columns that vary.
        n_columns: usize,
        /// The training rows.
        n_rows: usize,
    },
    /// The design of a linear model, or the matrix of its correlations, would not fit in memory.
    #[error(
        "{n_columns} columns after spreading categories for {n_rows} rows need {mebibytes} MiB, more than \
         {limit_mebibytes} MiB; {advice}"
    )]
    TooLarge {
        /// The encoded columns.
        n_columns: usize,
        /// The training rows.
        n_rows: usize,
        /// The size of the larger matrix.
        mebibytes: usize,
        /// The largest size.
        limit_mebibytes: usize,
        /// What to do, with the widest category column.
        advice: String,
    },
    /// Columns of which one says nothing that the others do not.
    #[error(
        "column `{}` is linearly dependent on {}, so that their coefficients are not determined; {advice}",
        cleaned(column),
        cleaned(others)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_reach_the_terminal_raw() {
        let name = "a\u{1b}[2J\u{202e}\u{2066}\né".to_owned();
        let errors = [
            FitError::AllMissing { feature: name.clone() },
            FitError::Magnitude { name: name.clone(), row: 0, value: 1e101 },
            FitError::Dependent {
                column: name.clone(),
                others: name.clone(),
                advice: String::new(),
            },
            FitError::Value { feature: name, dtype: schema::Dtype::Number, row: 0, value: 1.0 },
        ];
        for error in errors {
            let text = error.to_string();
            assert!(text.contains("a\\u{1b}[2J\\u{202e}\\u{2066}\\né"), "{text}");
            assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        }
    }
}
