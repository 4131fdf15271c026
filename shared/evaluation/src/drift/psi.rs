//! Population stability index.

use super::Bins;

/// What is added to each count, so that an empty bin has a logarithm.
const SMOOTHING: f64 = 0.5;

/// Population stability index: `Σ (pᵢ − qᵢ) ln(pᵢ / qᵢ)` with the shares `qᵢ = (bᵢ + ½) / (n + B/2)` of training and
/// `pᵢ = (cᵢ + ½) / (m + B/2)` of the window, over all `B` bins; `n` and `m` are the rows of either side.
///
/// Range: 0 (equal shares) upwards, finite; no unit. The same whichever side is which, and in whatever order the bins
/// stand. None where there is nothing to compare (see [`Bins`]).
///
/// Source: Kullback & Leibler (1951), as `J(1, 2)`; the ½ is Jeffreys' prior. SciPy, with shares `p` and `q` as above:
/// `rel_entr(p, q).sum() + rel_entr(q, p).sum()`.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{Bins, psi};
///
/// let shifted = psi(Bins { baseline: &[500, 500], live: &[300, 700] });
/// assert!((shifted.expect("rows on both sides") - 0.1691).abs() < 1e-4);
/// ```
pub fn psi(bins: Bins<'_>) -> Option<f64> {
    let (n, m) = bins.totals()?;
    let smoothed = SMOOTHING * bins.baseline.len() as f64;
    let terms = bins.pairs().map(|(baseline, live)| {
        let q = (baseline + SMOOTHING) / (n + smoothed);
        let p = (live + SMOOTHING) / (m + smoothed);
        (p - q) * (p / q).ln()
    });
    Some(terms.sum())
}

/// What [`psi`] is on average where nothing has changed: `(B − 1) (1/n + 1/m)`.
///
/// Range: 0 upwards. None where there is nothing to compare (see [`Bins`]).
///
/// Source: Yurdakul, Statistical Properties of Population Stability Index (2018), theorem 3.1: under the null
/// hypothesis PSI is near `(1/n + 1/m) χ²(B − 1)`.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{Bins, psi_by_chance};
///
/// let bins = Bins { baseline: &[500, 500], live: &[3, 1] };
/// assert_eq!(psi_by_chance(bins), Some(0.251)); // four rows say nothing
/// ```
pub fn psi_by_chance(bins: Bins<'_>) -> Option<f64> {
    let (n, m) = bins.totals()?;
    Some((bins.baseline.len() as f64 - 1.0) * (1.0 / n + 1.0 / m))
}
