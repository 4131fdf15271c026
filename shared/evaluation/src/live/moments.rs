//! Sums over pairs of predictions and actual values.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::Unit;
use crate::EvaluationError;

/// The greatest magnitude, in deviations, whose fourth power can still be summed over any number of pairs.
const GREATEST: f64 = 1e60;

/// Sums from which live quality follows: of the errors `e` (prediction − actual), the actual values `y` and their
/// powers, all in [`Unit`]s.
///
/// Additive: the moments of a day are the sum, field by field, of those of its minutes, in any order, so that a database
/// can add them up too. What is added stays; there is no taking away, which would leave rounding behind.
///
/// # Examples
///
/// ```
/// use evaluation::live::{Moments, Unit};
/// use schema::Distribution;
///
/// let unit = Unit::of(&Distribution::Histogram {
///     mean: 100.0,
///     standard_deviation: 20.0,
///     minimum: 50.0,
///     maximum: 150.0,
///     edges: vec![],
///     counts: vec![80],
/// });
/// let (mut first, mut second) = (Moments::default(), Moments::default());
/// first.add(unit, 90.0, 92.0)?; // a prediction, and what was true
/// second.add(unit, 105.0, 101.0)?;
/// first += second;
/// let quality = first.quality(unit).expect("pairs");
/// assert!((quality.mae.value - 3.0).abs() < 1e-12);
/// # Ok::<(), evaluation::EvaluationError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    /// Pairs.
    pub n: u64,
    /// `Σ e`.
    pub e: f64,
    /// `Σ |e|`.
    pub abs_e: f64,
    /// `Σ e²`.
    pub e2: f64,
    /// `Σ e⁴`.
    pub e4: f64,
    /// `Σ y`.
    pub y: f64,
    /// `Σ y²`.
    pub y2: f64,
    /// `Σ y³`.
    pub y3: f64,
    /// `Σ y⁴`.
    pub y4: f64,
    /// `Σ e² y`.
    pub e2_y: f64,
    /// `Σ e² y²`.
    pub e2_y2: f64,
}

impl Moments {
    /// Adds one pair, in the target's unit.
    ///
    /// # Errors
    ///
    /// If a value is not finite, or is 1e60 training deviations from the training mean or more: nothing is added then.
    pub fn add(&mut self, unit: Unit, prediction: f64, actual: f64) -> Result<(), EvaluationError> {
        // The difference first: two large and near values keep their last digits.
        let e = unit.scaled(prediction - actual);
        let y = unit.standardised(actual);
        // False for NaN too.
        if !(e.abs() < GREATEST && y.abs() < GREATEST) {
            return Err(EvaluationError::Moments { prediction, actual });
        }
        let (e2, y2) = (e * e, y * y);
        *self += Self {
            n: 1,
            e,
            abs_e: e.abs(),
            e2,
            e4: e2 * e2,
            y,
            y2,
            y3: y2 * y,
            y4: y2 * y2,
            e2_y: e2 * y,
            e2_y2: e2 * y2,
        };
        Ok(())
    }
}

impl AddAssign for Moments {
    /// Adds the pairs of `other`, which were summed in the same [`Unit`].
    fn add_assign(&mut self, other: Self) {
        self.n = self.n.saturating_add(other.n);
        self.e += other.e;
        self.abs_e += other.abs_e;
        self.e2 += other.e2;
        self.e4 += other.e4;
        self.y += other.y;
        self.y2 += other.y2;
        self.y3 += other.y3;
        self.y4 += other.y4;
        self.e2_y += other.e2_y;
        self.e2_y2 += other.e2_y2;
    }
}
