//! χ² test of homogeneity.

use statrs::function::gamma::checked_gamma_ur;

use super::Bins;

/// A χ² statistic and how probable it is where nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The statistic: 0 (equal shares) upwards.
    pub statistic: f64,
    /// The chance of a statistic as great or greater without any change: 0 to 1.
    pub p_value: f64,
    /// Bins with rows on either side, less one: at least 1.
    pub degrees_of_freedom: u32,
}

/// Pearson's χ² of the table of two samples by bins: `Σ (observed − expected)² / expected`, which for two rows is
/// `Σ (cᵢ n − bᵢ m)² / (n m (bᵢ + cᵢ))`, and its p-value from the regularised incomplete gamma function `Q(df/2, χ²/2)`.
///
/// The same whichever side is which, and in whatever order the bins stand. Bins that are empty on both sides are left
/// out. None where there is nothing to compare (see [`Bins`]) or fewer than two bins have rows. The p-value holds where
/// each bin expects five rows or so; [`Bins::merged`] sees to that.
///
/// Source: Pearson (1900); Cochran, Some methods for strengthening the common χ² tests (1954).
/// SciPy: `scipy.stats.chi2_contingency([baseline, live], correction=False)`.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{Bins, chi_square};
///
/// let test = chi_square(Bins { baseline: &[50, 50, 0], live: &[25, 75, 0] }).expect("two bins");
/// assert!((test.statistic - 13.333333333333334).abs() < 1e-12);
/// assert_eq!(test.degrees_of_freedom, 1);
/// ```
pub fn chi_square(bins: Bins<'_>) -> Option<ChiSquare> {
    let (n, m) = bins.totals()?;
    let filled = bins.pairs().filter(|(baseline, live)| baseline + live > 0.0);
    let degrees_of_freedom = u32::try_from(filled.clone().count() - 1).ok().filter(|df| *df > 0)?;
    let terms = filled.map(|(baseline, live)| {
        let difference = live * n - baseline * m;
        difference / n * difference / m / (baseline + live)
    });
    let statistic = terms.sum::<f64>();
    // The library takes no 0, beyond which everything lies.
    let tail = match statistic > 0.0 {
        true => checked_gamma_ur(f64::from(degrees_of_freedom) / 2.0, statistic / 2.0).ok()?,
        false => 1.0,
    };
    Some(ChiSquare { statistic, p_value: tail.clamp(0.0, 1.0), degrees_of_freedom })
}
