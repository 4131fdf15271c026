//! Jensen–Shannon divergence.

use super::Bins;

/// Jensen–Shannon divergence to base 2: `½ Σ pᵢ log₂(pᵢ / mᵢ) + ½ Σ qᵢ log₂(qᵢ / mᵢ)` with the shares `q` of training
/// and `p` of the window and `mᵢ = (pᵢ + qᵢ) / 2`. Nothing is added to the counts: an empty bin adds 0.
///
/// Range: 0 (equal shares) to 1 (no bin has rows of both sides); no unit. The same whichever side is which, and in
/// whatever order the bins stand. None where there is nothing to compare (see [`Bins`]).
///
/// Source: Lin, Divergence measures based on the Shannon entropy (1991).
/// SciPy: `scipy.spatial.distance.jensenshannon(p, q, base=2) ** 2`, whose root is the distance.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{Bins, jensen_shannon};
///
/// assert_eq!(jensen_shannon(Bins { baseline: &[5, 0], live: &[0, 2] }), Some(1.0));
/// ```
pub fn jensen_shannon(bins: Bins<'_>) -> Option<f64> {
    let (n, m) = bins.totals()?;
    let terms = bins.pairs().map(|(baseline, live)| {
        let (q, p) = (baseline / n, live / m);
        let middle = (p + q) / 2.0;
        relative_entropy(p, middle) + relative_entropy(q, middle)
    });
    // Rounding must not leave the range.
    Some((terms.sum::<f64>() / 2.0).clamp(0.0, 1.0))
}

/// `share · log₂(share / of)`, which is 0 for a share of 0.
fn relative_entropy(share: f64, of: f64) -> f64 {
    if share == 0.0 { 0.0 } else { share * (share / of).log2() }
}
