//! Coefficient of determination.

use crate::Pairs;
use crate::pairs::{mean, scale_for, scaled_mean_square};

/// Coefficient of determination: `1 − Σ (predicted − actual)² / Σ (actual − mean(actual))²`.
///
/// Range: at most 1 (perfect); 0 is as good as always answering with the mean, below 0 is worse. No unit.
/// None where the actual values do not vary: there is nothing to explain. (scikit-learn's `r2_score` answers
/// 1 or 0 there.) A value below the least 64-bit number is given as that number.
///
/// # Panics
///
/// If the lengths differ or are 0 (see [`Pairs`]).
///
/// # Examples
///
/// ```
/// use evaluation::{Pairs, r2};
///
/// let actual = [1.0, 2.0, 3.0, 4.0];
/// assert_eq!(r2(Pairs { actual: &actual, predicted: &actual }), Some(1.0));
/// assert_eq!(r2(Pairs { actual: &actual, predicted: &[2.5; 4] }), Some(0.0));
/// assert_eq!(r2(Pairs { actual: &[5.0; 4], predicted: &actual }), None);
/// ```
pub fn r2(pairs: Pairs<'_>) -> Option<f64> {
    let errors = pairs.errors();
    let actual = pairs.actual;
    if actual.iter().all(|value| *value == actual[0]) {
        return None;
    }
    // A ratio does not change with the unit, so that one may be chosen in which nothing overflows.
    let scale = scale_for(actual.iter().copied().chain(errors.clone()));
    let centre = mean(actual.iter().map(|value| value * scale));
    let spread = actual.iter().map(|value| value * scale - centre);
    let (unexplained, error_scale) = scaled_mean_square(errors.map(|error| error * scale));
    let (total, spread_scale) = scaled_mean_square(spread);
    let factor = spread_scale / error_scale;
    // `clamp` leaves NaN as it is.
    Some((1.0 - unexplained / total * factor * factor).clamp(f64::MIN, 1.0))
}
