//! Fisher's exact test, for shares that may only rise.

use statrs::function::factorial::ln_binomial;

/// Rows with a property, out of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Rows that have it.
    pub rows: u64,
    /// All rows.
    pub of: u64,
}

impl Share {
    /// The share, 0 to 1; None of no rows.
    pub fn ratio(self) -> Option<f64> {
        (self.of > 0).then(|| (self.rows as f64 / self.of as f64).min(1.0))
    }
}

/// The chance that so many rows of the window or more have a property if its share is that of training: the upper
/// tail `Σ C(n, k − i) C(m, i) / C(n + m, k)` over `i ≥ live.rows`, where `k` rows of both sides together have it.
///
/// Range: 0 to 1; 1 where either side has no rows, where more rows have it than there are, and where the share has not
/// risen. Exact also where hardly any row has the property, as is usual for missing values, and where χ² would see
/// far too much in two or three rows. Right to about 1e-8 for a million rows.
///
/// Source: Fisher, Statistical Methods for Research Workers (1934), § 21.02. SciPy:
/// `scipy.stats.fisher_exact([[live.rows, live.of - live.rows], [baseline.rows, …]], alternative="greater")`.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{Share, fisher_exact_rise};
///
/// let baseline = Share { rows: 1, of: 15 };
/// let p = fisher_exact_rise(baseline, Share { rows: 4, of: 5 });
/// assert!((p - 0.00490196).abs() < 1e-8);
/// ```
pub fn fisher_exact_rise(baseline: Share, live: Share) -> f64 {
    let risen = match (baseline.ratio(), live.ratio()) {
        (Some(before), Some(now)) => now > before,
        _ => false,
    };
    let with = baseline.rows.saturating_add(live.rows);
    let all = baseline.of.saturating_add(live.of);
    if !risen || baseline.rows > baseline.of || live.rows > live.of {
        return 1.0;
    }
    let first = (ln_binomial(baseline.of, baseline.rows) + ln_binomial(live.of, live.rows)
        - ln_binomial(all, with))
    .exp();
    // Each term from the one before; above the expected count they only fall.
    let (mut term, mut tail) = (1.0, 1.0);
    let (mut of_live, mut of_baseline) = (live.rows as f64, baseline.rows as f64);
    let (n, m) = (baseline.of as f64, live.of as f64);
    while of_live < m && of_baseline > 0.0 && term > tail * f64::EPSILON / 16.0 {
        let further = (m - of_live) / (of_live + 1.0) * of_baseline / (n - of_baseline + 1.0);
        term *= further;
        tail += term;
        (of_live, of_baseline) = (of_live + 1.0, of_baseline - 1.0);
    }
    (first * tail).clamp(0.0, 1.0)
}
