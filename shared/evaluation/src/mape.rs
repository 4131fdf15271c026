//! Mean absolute percentage error.

use crate::Pairs;
use crate::pairs::mean;

/// Mean absolute percentage error, as a ratio: `Σ |predicted − actual| / |actual| / n`.
///
/// Range: 0 (perfect) upwards; 0.1 is 10 %. scikit-learn: `mean_absolute_percentage_error`.
/// None where an actual value is 0, or so near to 0 that a quotient exceeds 64 bits. (scikit-learn divides by
/// 2.2e-16 there, which gives a huge number that means nothing.)
///
/// # Panics
///
/// If the lengths differ or are 0 (see [`Pairs`]).
///
/// # Examples
///
/// ```
/// use evaluation::{Pairs, mape};
///
/// let predicted = [110.0, 180.0];
/// assert_eq!(mape(Pairs { actual: &[100.0, 200.0], predicted: &predicted }), Some(0.1));
/// assert_eq!(mape(Pairs { actual: &[0.0, 200.0], predicted: &predicted }), None);
/// ```
pub fn mape(pairs: Pairs<'_>) -> Option<f64> {
    let ratios = pairs.errors().zip(pairs.actual).map(|(error, actual)| error.abs() / actual.abs());
    if pairs.actual.contains(&0.0) || ratios.clone().any(f64::is_infinite) {
        return None;
    }
    Some(mean(ratios))
}
