//! Kolmogorov–Smirnov test of two samples, on bins.

use std::f64::consts::PI;

use super::Bins;

/// A distance and how probable it is where nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KolmogorovSmirnov {
    /// The greatest distance of the two distribution functions: 0 (equal) to 1 (apart).
    pub distance: f64,
    /// The chance of a distance as great or greater without any change: 0 to 1.
    pub p_value: f64,
}

/// Kolmogorov–Smirnov distance on ordered bins: `D = max |F(eᵢ) − G(eᵢ)|` over the inner edges `eᵢ`, and its asymptotic
/// p-value `Q(√(n m / (n + m)) D)` with Kolmogorov's `Q(x) = 2 Σ (−1)ᵏ⁻¹ exp(−2 k² x²)`.
///
/// Between edges the distance may be greater, so on bins `D` is a lower bound and the p-value an upper one: the test
/// says less, and never raises an alarm that the values themselves would not. None where there is nothing to compare
/// (see [`Bins`]); a single bin has distance 0.
///
/// Source: Kolmogorov (1933), Smirnov (1948). SciPy, for `D` from the counts:
/// `scipy.stats.kstwobign.sf(sqrt(n * m / (n + m)) * D)`.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{Bins, kolmogorov_smirnov};
///
/// let ks = kolmogorov_smirnov(Bins { baseline: &[50, 50], live: &[25, 75] }).expect("rows");
/// assert_eq!(ks.distance, 0.25);
/// assert!((ks.p_value - 0.003860).abs() < 1e-6);
/// ```
pub fn kolmogorov_smirnov(bins: Bins<'_>) -> Option<KolmogorovSmirnov> {
    let (n, m) = bins.totals()?;
    let (mut below, mut distance) = ((0.0, 0.0), 0.0_f64);
    for (baseline, live) in bins.pairs() {
        below = (below.0 + baseline, below.1 + live);
        distance = distance.max((below.0 / n - below.1 / m).abs());
    }
    let distance = distance.min(1.0);
    let p_value = survival((n / (n + m) * m).sqrt() * distance);
    Some(KolmogorovSmirnov { distance, p_value })
}

/// The upper tail of Kolmogorov's distribution, by whichever of its two series converges at once: four terms of
/// either are right to the last bit on its side of 1.
fn survival(x: f64) -> f64 {
    const TERMS: std::ops::RangeInclusive<i32> = 1..=4;
    if x <= 0.0 {
        return 1.0;
    }
    let tail = if x < 1.0 {
        // Jacobi's theta transformation of the series below.
        let term = |k: i32| (-(f64::from(2 * k - 1) * PI / x).powi(2) / 8.0).exp();
        1.0 - (2.0 * PI).sqrt() / x * TERMS.map(term).sum::<f64>()
    } else {
        let term = |k: i32| (-2.0 * (f64::from(k) * x).powi(2)).exp();
        2.0 * TERMS.map(|k| if k % 2 == 1 { term(k) } else { -term(k) }).sum::<f64>()
    };
    tail.clamp(0.0, 1.0)
}
