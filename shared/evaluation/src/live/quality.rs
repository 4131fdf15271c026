//! Live scores with their intervals.

use serde::{Deserialize, Serialize};

use super::{Moments, Unit};

/// The normal distribution's 97.5 % point: two-sided 95 % intervals.
const Z: f64 = 1.959963984540054;

/// A score and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The score of the pairs as they are.
    pub value: f64,
    /// The lower end; None of a single pair.
    pub low: Option<f64>,
    /// The upper end; None of a single pair.
    pub high: Option<f64>,
}

/// Live quality of a model version.
///
/// Intervals are normal approximations, `value ± 1.96 standard errors`, for pairs that do not depend on each other;
/// some tens of pairs are needed before they hold. An end that no score can have is moved to the nearest that one can.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Pairs of a prediction and an actual value, 1 upwards.
    pub pairs: u64,
    /// Mean absolute error, as [`mae`](crate::mae()); its standard error is that of a mean.
    pub mae: Figure,
    /// Root mean squared error, as [`rmse`](crate::rmse()); its standard error is that of the mean squared error over
    /// twice the value (delta method).
    pub rmse: Figure,
    /// Bias, the mean of prediction − actual, in the target's unit: above 0 the model says too much. Its standard
    /// error is that of a mean.
    pub bias: Figure,
    /// Coefficient of determination, as [`r2`](crate::r2()); None where the actual values do not vary. Its standard
    /// error is the root of `E ψ² / n` with the influence function `ψ = ((1 − R²) (y − ȳ)² − e²) / var y`
    /// (Hampel 1974).
    pub r2: Option<Figure>,
}

impl Moments {
    /// The scores of all pairs, in the target's unit; None of no pairs.
    ///
    /// They equal those of [`scores`](crate::scores()) to 1e-12 or so as long as the mean of the actual values lies
    /// within some hundred training deviations of the training mean.
    pub fn quality(&self, unit: Unit) -> Option<Quality> {
        if self.n == 0 {
            return None;
        }
        let n = self.n as f64;
        let [mean_e, mae, mse] = [self.e, self.abs_e, self.e2].map(|sum| sum / n);
        let rmse = mse.sqrt();
        let mse_error = self.standard_error(mse, self.e4 / n);
        let rmse_error = mse_error.map(|error| if rmse > 0.0 { error / (2.0 * rmse) } else { 0.0 });
        let figure = |value, error, least, greatest| {
            let Figure { value, low, high } = Figure::new(value, error, least, greatest);
            let unscaled = |value| unit.unscaled(value);
            Figure { value: unscaled(value), low: low.map(unscaled), high: high.map(unscaled) }
        };
        Some(Quality {
            pairs: self.n,
            mae: figure(mae, self.standard_error(mae, mse), 0.0, f64::INFINITY),
            rmse: figure(rmse, rmse_error, 0.0, f64::INFINITY),
            bias: figure(
                mean_e,
                self.standard_error(mean_e, mse),
                f64::NEG_INFINITY,
                f64::INFINITY,
            ),
            r2: self.r2(mse),
        })
    }

    /// Of a mean, from the mean of squares; None of a single pair.
    fn standard_error(&self, mean: f64, mean_square: f64) -> Option<f64> {
        (self.n > 1).then(|| ((mean_square - mean * mean).max(0.0) / (self.n - 1) as f64).sqrt())
    }

    fn r2(&self, mse: f64) -> Option<Figure> {
        let n = self.n as f64;
        let [mean, y2, y3, y4] = [self.y, self.y2, self.y3, self.y4].map(|sum| sum / n);
        let variance = y2 - mean * mean;
        // What rounding may leave of actual values that are all the same.
        if variance <= n * f64::EPSILON * y2 {
            return None;
        }
        let unexplained = mse / variance;
        // Fourth and mixed moments about the mean, from those about the origin.
        let fourth = y4 - mean * (4.0 * y3 - mean * (6.0 * y2 - 3.0 * mean * mean));
        let [e4, e2_y, e2_y2] = [self.e4, self.e2_y, self.e2_y2].map(|sum| sum / n);
        let mixed = e2_y2 - mean * (2.0 * e2_y - mean * mse);
        let spread = unexplained * unexplained * fourth - 2.0 * unexplained * mixed + e4;
        let error = (self.n > 1).then(|| (spread.max(0.0) / (self.n - 1) as f64).sqrt() / variance);
        Some(Figure::new(1.0 - unexplained, error, f64::MIN, 1.0))
    }
}

impl Figure {
    fn new(value: f64, standard_error: Option<f64>, least: f64, greatest: f64) -> Self {
        let end = |sign: f64| {
            standard_error.map(|error| (value + sign * Z * error).clamp(least, greatest))
        };
        Self { value: value.clamp(least, greatest), low: end(-1.0), high: end(1.0) }
    }
}

/// Says whether the live error is above that of training by more than its pairs leave open: whether the interval of
/// the live RMSE lies above it as a whole. None where there is no interval, or the training RMSE is not a number.
///
/// # Examples
///
/// ```
/// use evaluation::live::{Figure, worse_than_training};
///
/// let rmse = Figure { value: 560.0, low: Some(540.0), high: Some(580.0) };
/// assert_eq!(worse_than_training(rmse, 500.0), Some(true));
/// assert_eq!(worse_than_training(rmse, 550.0), Some(false));
/// ```
pub fn worse_than_training(live_rmse: Figure, training_rmse: f64) -> Option<bool> {
    live_rmse.low.filter(|_| training_rmse.is_finite()).map(|low| low > training_rmse)
}
