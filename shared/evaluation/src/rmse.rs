//! Root mean squared error.

use crate::Pairs;
use crate::pairs::scaled_mean_square;

/// Root mean squared error: `√(Σ (predicted − actual)² / n)`.
///
/// Range: 0 (perfect) upwards, in the target's unit, and never below [`mae`](crate::mae()) but for rounding.
/// scikit-learn: `root_mean_squared_error`.
///
/// Squares are scaled by a power of two: errors near 1e300 or 1e-300 neither overflow nor vanish.
///
/// # Panics
///
/// If the lengths differ or are 0 (see [`Pairs`]).
///
/// # Examples
///
/// ```
/// use evaluation::{Pairs, rmse};
///
/// let pairs = Pairs { actual: &[1.0, 2.0, 3.0, 4.0], predicted: &[3.0, 4.0, 5.0, 6.0] };
/// assert_eq!(rmse(pairs), 2.0);
/// ```
pub fn rmse(pairs: Pairs<'_>) -> f64 {
    let (mean_square, scale) = scaled_mean_square(pairs.errors());
    mean_square.sqrt() / scale
}
