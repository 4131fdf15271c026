//! All scores at once, for a model and for the simplest predictor there is.

use schema::Scores;

use crate::pairs::mean;
use crate::{EvaluationError, Pairs, mae, mape, median_absolute_error, r2, rmse};

/// Checks the pairs and computes every score.
///
/// # Errors
///
/// As [`Pairs::check`]: no score is ever NaN or infinite.
///
/// # Examples
///
/// ```
/// use evaluation::{Pairs, scores};
///
/// let scores = scores(Pairs { actual: &[1.0, 2.0], predicted: &[1.0, 3.0] })?;
/// assert_eq!((scores.mae, scores.r2), (0.5, Some(-1.0)));
/// # Ok::<(), evaluation::EvaluationError>(())
/// ```
pub fn scores(pairs: Pairs<'_>) -> Result<Scores, EvaluationError> {
    let pairs = pairs.check()?;
    Ok(Scores {
        mae: mae(pairs),
        rmse: rmse(pairs),
        r2: r2(pairs),
        mape: mape(pairs),
        median_absolute_error: median_absolute_error(pairs),
    })
}

/// The scores of a predictor that always answers with the mean of the training target: a model that is not
/// better has learned nothing.
///
/// # Errors
///
/// As [`Pairs::check`], and [`EvaluationError::Empty`] without training rows.
///
/// # Examples
///
/// ```
/// let scores = evaluation::constant_mean(&[1.0, 3.0], &[2.0, 4.0])?;
/// assert_eq!(scores.mae, 1.0);
/// # Ok::<(), evaluation::EvaluationError>(())
/// ```
pub fn constant_mean(train_target: &[f64], test_target: &[f64]) -> Result<Scores, EvaluationError> {
    if train_target.is_empty() {
        return Err(EvaluationError::Empty);
    }
    let predicted = vec![mean(train_target.iter().copied()); test_target.len()];
    scores(Pairs { actual: test_target, predicted: &predicted })
}
