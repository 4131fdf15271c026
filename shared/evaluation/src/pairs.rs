//! Actual values and predictions under their names, and the arithmetic that all scores share.

use crate::EvaluationError;

/// What was true and what was predicted, row by row, both in the target's unit.
///
/// The two travel under names, so that they cannot be swapped silently. Every score of this crate panics
/// if they differ in length or are empty, and answers NaN to a value that is not finite;
/// [`Pairs::check`] turns all of these into errors.
///
/// # Examples
///
/// ```
/// use evaluation::Pairs;
///
/// let pairs = Pairs { actual: &[3.0, 5.0], predicted: &[2.5, 5.0] };
/// assert!(pairs.check().is_ok());
///
/// let ragged = Pairs { actual: &[3.0, 5.0], predicted: &[2.5] };
/// assert_eq!(
///     ragged.check().unwrap_err().to_string(),
///     "there are 2 actual values and 1 predictions; expected as many"
/// );
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a> {
    /// What was true, shape `(n_rows,)`.
    pub actual: &'a [f64],
    /// What the model said, shape `(n_rows,)`.
    pub predicted: &'a [f64],
}

impl Pairs<'_> {
    /// Says whether every score of these pairs means something.
    ///
    /// # Errors
    ///
    /// If the lengths differ or are 0, a value is not finite, or a difference exceeds 64 bits.
    pub fn check(self) -> Result<Self, EvaluationError> {
        if self.actual.len() != self.predicted.len() {
            return Err(EvaluationError::Lengths {
                actual: self.actual.len(),
                predicted: self.predicted.len(),
            });
        }
        if self.actual.is_empty() {
            return Err(EvaluationError::Empty);
        }
        for (row, (&actual, &predicted)) in self.actual.iter().zip(self.predicted).enumerate() {
            for (side, value) in [("actual", actual), ("predicted", predicted)] {
                if !value.is_finite() {
                    return Err(EvaluationError::NotFinite { side, row, value });
                }
            }
            if !(predicted - actual).is_finite() {
                return Err(EvaluationError::TooFarApart { row, actual, predicted });
            }
        }
        Ok(self)
    }

    /// Predicted minus actual, row by row.
    ///
    /// # Panics
    ///
    /// If the lengths differ or are 0: a sum over the shorter one would be silently wrong.
    pub(crate) fn errors(&self) -> impl Iterator<Item = f64> + Clone + '_ {
        assert_eq!(self.actual.len(), self.predicted.len(), "as many predictions as actual values");
        assert!(!self.actual.is_empty(), "at least one row");
        self.predicted.iter().zip(self.actual).map(|(predicted, actual)| predicted - actual)
    }
}

/// The power of two that brings the greatest magnitude to 1 or a little more, so that neither sums nor squares
/// leave 64 bits; multiplying by it is exact. 1 where all values are 0.
pub(crate) fn scale_for(values: impl Iterator<Item = f64>) -> f64 {
    let greatest = values.fold(0.0, |greatest: f64, value| greatest.max(value.abs()));
    if greatest == 0.0 || !greatest.is_finite() {
        return 1.0;
    }
    // The exponent of a 64-bit float is its bits 52 to 62, biased by 1023; 0 and 2047 mean other things.
    let exponent = (greatest.to_bits() >> 52).clamp(1, 2045);
    f64::from_bits((2046 - exponent) << 52)
}

/// The arithmetic mean, by Neumaier's compensated sum; exact to rounding for any finite values.
pub(crate) fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let scale = scale_for(values.clone());
    let (mut n, mut sum, mut lost) = (0_u64, 0.0_f64, 0.0);
    for value in values.map(|value| value * scale) {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
        n += 1;
    }
    (sum + lost) / n as f64 / scale
}

/// The mean of squares of the values times a power of two, and that power; the mean is 0 only if they are.
pub(crate) fn scaled_mean_square(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let scale = scale_for(values.clone());
    let mean_square = mean(values.map(|value| (value * scale) * (value * scale)));
    (mean_square, scale)
}
