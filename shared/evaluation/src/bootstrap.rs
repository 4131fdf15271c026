//! How sure a difference between two models is: a paired bootstrap over the rows.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::pairs::scale_for;
use crate::{EvaluationError, Pairs, mae, rmse};

/// Fewer resamples than these have no percentiles to speak of.
const MIN_RESAMPLES: usize = 100;

/// What was true and what two models made of it, row by row, all in the target's unit.
#[derive(Debug, Clone, Copy)]
pub struct PairedPredictions<'a> {
    /// What was true, shape `(n_rows,)`.
    pub actual: &'a [f64],
    /// What the one model said, shape `(n_rows,)`.
    pub a: &'a [f64],
    /// What the other model said, shape `(n_rows,)`.
    pub b: &'a [f64],
}

/// How an interval is found.
///
/// | Name | Default | Range | Effect |
/// | --- | --- | --- | --- |
/// | `n_resamples` | 1000 | 100 upwards | steadier ends; time grows with rows × resamples |
/// | `confidence` | 0.95 | above 0, below 1 | the share of the resamples that the interval holds |
/// | `seed` | 0 | 64 bits | which rows are drawn, by ChaCha8 |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapParams {
    /// How often the rows are drawn anew.
    pub n_resamples: usize,
    /// The share of the resamples that the interval holds.
    pub confidence: f64,
    /// The seed of the draws.
    pub seed: u64,
}

impl Default for BootstrapParams {
    fn default() -> Self {
        Self { n_resamples: 1000, confidence: 0.95, seed: 0 }
    }
}

impl BootstrapParams {
    fn check(self) -> Result<Self, EvaluationError> {
        if self.n_resamples < MIN_RESAMPLES {
            let (n_resamples, minimum) = (self.n_resamples, MIN_RESAMPLES);
            return Err(EvaluationError::Resamples { n_resamples, minimum });
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(EvaluationError::Confidence { confidence: self.confidence });
        }
        Ok(self)
    }
}

/// A value and the interval around it that its rows allow for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The value for the rows as they are.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end, not below the lower one.
    pub high: f64,
}

/// The difference of root mean squared errors, `rmse(b) − rmse(a)`, with its bootstrap interval: above 0, `b` is worse.
///
/// Range: any finite numbers, in the target's unit. An interval that holds 0 means that these rows do not tell the
/// models apart. It speaks of rows like these and of these two fitted models; it does not say what another fit or other
/// times would bring.
///
/// Paired: each resample draws `n_rows` rows with replacement, the same for both models, and takes the difference.
/// The ends are the `(1 ∓ confidence) / 2` percentiles of all differences, interpolated linearly (type 7 of Hyndman
/// and Fan). Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13;
/// SciPy: `scipy.stats.bootstrap` with `paired=True` and `method="percentile"`.
///
/// A row is drawn as `⌊random × n_rows / 2⁶⁴⌋`, which prefers some rows by less than one in 2⁶⁴ / `n_rows`. Drawing and
/// summing have a fixed order on one thread: the same arguments give the same interval on every platform.
///
/// # Errors
///
/// As [`Pairs::check`], for either model; if the parameters are out of range.
///
/// # Examples
///
/// ```
/// use evaluation::{BootstrapParams, PairedPredictions, rmse_difference};
///
/// let actual: Vec<f64> = (0..100).map(f64::from).collect();
/// let a: Vec<f64> = actual.iter().map(|y| y + (y * 0.9).sin()).collect();
/// let b: Vec<f64> = actual.iter().map(|y| y + 3.0 * y.cos()).collect();
/// let pairs = PairedPredictions { actual: &actual, a: &a, b: &b };
/// let interval = rmse_difference(pairs, BootstrapParams::default())?;
/// assert!(0.0 < interval.low && interval.low < interval.estimate);
/// # Ok::<(), evaluation::EvaluationError>(())
/// ```
pub fn rmse_difference(
    pairs: PairedPredictions<'_>,
    params: BootstrapParams,
) -> Result<Interval, EvaluationError> {
    let [a, b] = checked(pairs)?;
    // One power of two for both models, so that their means can be subtracted.
    let scale = scale_for(a.errors().chain(b.errors()));
    let square = |error: f64| (error * scale) * (error * scale);
    let losses: Vec<_> = a.errors().map(square).zip(b.errors().map(square)).collect();
    let difference = |mean_a: f64, mean_b: f64| (mean_b.sqrt() - mean_a.sqrt()) / scale;
    interval(rmse(b) - rmse(a), &losses, difference, params)
}

/// The difference of mean absolute errors, `mae(b) − mae(a)`, with its bootstrap interval: above 0, `b` is worse.
///
/// Range, method and source are those of [`rmse_difference`].
///
/// # Errors
///
/// As [`rmse_difference`].
///
/// # Examples
///
/// ```
/// use evaluation::{BootstrapParams, PairedPredictions, mae_difference};
///
/// let pairs = PairedPredictions { actual: &[1.0, 2.0, 4.0], a: &[1.0, 3.0, 4.0], b: &[1.0, 3.0, 4.0] };
/// let interval = mae_difference(pairs, BootstrapParams::default())?;
/// assert_eq!((interval.low, interval.high), (0.0, 0.0));
/// # Ok::<(), evaluation::EvaluationError>(())
/// ```
pub fn mae_difference(
    pairs: PairedPredictions<'_>,
    params: BootstrapParams,
) -> Result<Interval, EvaluationError> {
    let [a, b] = checked(pairs)?;
    let scale = scale_for(a.errors().chain(b.errors()));
    let absolute = |error: f64| error.abs() * scale;
    let losses: Vec<_> = a.errors().map(absolute).zip(b.errors().map(absolute)).collect();
    interval(mae(b) - mae(a), &losses, |mean_a, mean_b| (mean_b - mean_a) / scale, params)
}

/// The pairs of either model; an error about a prediction says whose it is.
fn checked(pairs: PairedPredictions<'_>) -> Result<[Pairs<'_>; 2], EvaluationError> {
    let PairedPredictions { actual, a, b } = pairs;
    let check = |predicted, whose| {
        Pairs { actual, predicted }.check().map_err(|error| match error {
            EvaluationError::NotFinite { side: "predicted", row, value } => {
                EvaluationError::NotFinite { side: whose, row, value }
            }
            other => other,
        })
    };
    Ok([check(a, "predicted (a)")?, check(b, "predicted (b)")?])
}

/// The percentiles of `difference` over resamples of the rows' losses, given as (of a, of b).
fn interval(
    estimate: f64,
    losses: &[(f64, f64)],
    difference: impl Fn(f64, f64) -> f64,
    params: BootstrapParams,
) -> Result<Interval, EvaluationError> {
    let params = params.check()?;
    let n_rows = losses.len();
    let mut rng = ChaCha8Rng::seed_from_u64(params.seed);
    let mut differences: Vec<f64> = (0..params.n_resamples)
        .map(|_| {
            let (mut sum_a, mut sum_b) = (0.0, 0.0);
            for _ in 0..n_rows {
                let (loss_a, loss_b) = losses[draw(&mut rng, n_rows)];
                sum_a += loss_a;
                sum_b += loss_b;
            }
            difference(sum_a / n_rows as f64, sum_b / n_rows as f64)
        })
        .collect();
    differences.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - params.confidence) / 2.0;
    Ok(Interval {
        estimate,
        low: percentile(&differences, tail),
        high: percentile(&differences, 1.0 - tail),
    })
}

/// A row of `n_rows`: by hand, so that no release of a library changes what a seed draws.
fn draw(rng: &mut ChaCha8Rng, n_rows: usize) -> usize {
    ((u128::from(rng.next_u64()) * n_rows as u128) >> 64) as usize
}

/// Type 7: `share` of the way from the first to the last of these ascending values.
fn percentile(ascending: &[f64], share: f64) -> f64 {
    let place = share * (ascending.len() - 1) as f64;
    let (below, above) = (ascending[place.floor() as usize], ascending[place.ceil() as usize]);
    below + (above - below) * place.fract()
}
