//! Median absolute error.

use crate::Pairs;

/// Median absolute error: the middle of `|predicted − actual|` in ascending order, and the mean of the two
/// middle ones for an even number of rows.
///
/// Range: 0 upwards, in the target's unit. Up to half of the rows may be arbitrarily wrong without moving it.
/// scikit-learn: `median_absolute_error`.
///
/// # Panics
///
/// If the lengths differ or are 0 (see [`Pairs`]).
///
/// # Examples
///
/// ```
/// use evaluation::{Pairs, median_absolute_error};
///
/// let pairs = Pairs { actual: &[1.0, 2.0, 3.0], predicted: &[1.5, 2.0, 900.0] };
/// assert_eq!(median_absolute_error(pairs), 0.5);
/// ```
pub fn median_absolute_error(pairs: Pairs<'_>) -> f64 {
    let mut errors: Vec<f64> = pairs.errors().map(f64::abs).collect();
    let middle = errors.len() / 2;
    let is_even = errors.len().is_multiple_of(2);
    let (below, upper, _) = errors.select_nth_unstable_by(middle, f64::total_cmp);
    if !is_even {
        return *upper;
    }
    let lower = below.iter().copied().fold(0.0, f64::max);
    // Halved first: the sum of two could overflow.
    lower / 2.0 + *upper / 2.0
}
