//! Mean absolute error.

use crate::Pairs;
use crate::pairs::mean;

/// Mean absolute error: `Σ |predicted − actual| / n`.
///
/// Range: 0 (perfect) upwards, in the target's unit. scikit-learn: `mean_absolute_error`.
///
/// # Panics
///
/// If the lengths differ or are 0 (see [`Pairs`]).
///
/// # Examples
///
/// ```
/// use evaluation::{Pairs, mae};
///
/// let pairs = Pairs { actual: &[3.0, -0.5, 2.0, 7.0], predicted: &[2.5, 0.0, 2.0, 8.0] };
/// assert_eq!(mae(pairs), 0.5);
/// ```
pub fn mae(pairs: Pairs<'_>) -> f64 {
    mean(pairs.errors().map(f64::abs))
}
