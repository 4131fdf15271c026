//! The unit that moments are summed in.

use schema::Distribution;

/// Where sums have their zero and what they are measured in: mean and standard deviation of the training target.
///
/// Near the values' own mean and spread, fourth powers lose no digits and huge targets do not overflow. It is the same
/// for all moments of a model version, whose baseline never changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    origin: f64,
    scale: f64,
}

impl Unit {
    /// The unit of a target with this distribution in training; 0 and 1 for categories and where it has no spread.
    pub fn of(target: &Distribution) -> Self {
        let origin = match target {
            Distribution::Histogram { mean, .. } if mean.is_finite() => *mean,
            Distribution::Histogram { .. } | Distribution::Categories { .. } => 0.0,
        };
        Self { origin, scale: target.scale() }
    }

    /// A value as deviations from the training mean.
    pub(super) fn standardised(&self, value: f64) -> f64 {
        value / self.scale - self.origin / self.scale
    }

    /// A difference of values in deviations, from the target's unit.
    pub(super) fn scaled(&self, difference: f64) -> f64 {
        difference / self.scale
    }

    /// A difference in the target's unit, from deviations; finite.
    pub(super) fn unscaled(&self, difference: f64) -> f64 {
        (difference * self.scale).clamp(-f64::MAX, f64::MAX)
    }
}
