//! From the sums of a window to its drift; the rule and the statistics are in `evaluation::drift`.

use evaluation::drift::{Drift, FeatureCounts, WindowCounts, check};
use schema::{Baseline, Distribution};

use crate::counts::{self, Counts};
use crate::fleet::Answered;

/// Compares what a version answered with what it was trained on; nothing answered is a window without rows.
///
/// # Errors
///
/// In words, where the counts are not of this baseline.
pub(crate) fn measure(
    baseline: &Baseline,
    answered: Option<&Answered>,
    alpha: f64,
) -> Result<Drift, String> {
    let empty = Counts::default();
    let counts = answered.map_or(&empty, |answered| &answered.counts);
    let window = window_counts(baseline, counts)?;
    check(baseline, &window, alpha).map_err(|error| error.to_string())
}

/// Puts the counts into the baseline's order. Bins that nothing fell into are not counted, so they may be absent.
fn window_counts(baseline: &Baseline, counts: &Counts) -> Result<WindowCounts, String> {
    let known = |name: &String| baseline.features.iter().any(|feature| feature.name == *name);
    if let Some(stranger) = counts.features.keys().find(|name| !known(name)) {
        return Err(format!(
            "the replicas count a feature `{stranger}` that the version's baseline does not have"
        ));
    }
    let features = baseline.features.iter().map(|feature| {
        let none = counts::FeatureCounts::default();
        let live = counts.features.get(&feature.name).unwrap_or(&none);
        let bins = padded(&live.bins, &feature.distribution, &feature.name)?;
        Ok(FeatureCounts { bins, missing: live.missing, unseen: live.unseen })
    });
    Ok(WindowCounts {
        features: features.collect::<Result<_, String>>()?,
        predictions: padded(&counts.predictions, &baseline.predictions, "the prediction")?,
    })
}

fn padded(live: &[u64], distribution: &Distribution, name: &str) -> Result<Vec<u64>, String> {
    let (Distribution::Histogram { counts, .. } | Distribution::Categories { counts, .. }) =
        distribution;
    let n_bins = counts.len();
    if live.len() > n_bins {
        return Err(format!(
            "the replicas count {} bins of `{name}` and the version's baseline has {n_bins}",
            live.len()
        ));
    }
    let mut bins = live.to_vec();
    bins.resize(n_bins, 0);
    Ok(bins)
}

#[cfg(test)]
mod tests {
    use evaluation::drift::DriftLevel;
    use testkit::draft;

    use super::*;

    fn answered(carat: [u64; 2], bins: &[u64]) -> Answered {
        let mut counts = Counts { predictions: bins.to_vec(), ..Counts::default() };
        counts.feature("carat").bins = carat.to_vec();
        counts.feature("cut").bins = vec![250, 750];
        // Nothing fell into the second bin.
        counts.feature("grade").bins = vec![1000];
        Answered { n_rows: 1000, counts, ..Answered::default() }
    }

    #[test]
    fn counts_are_put_into_the_baseline_s_order() {
        let baseline = draft("diamonds", 1.0).baseline;
        let drift = measure(&baseline, Some(&answered([500, 500], &[500, 500])), 1e-4).unwrap();
        assert_eq!(drift.level, DriftLevel::Alarm);
        assert_eq!(drift.features[0].name, "grade", "{:?}", drift.features);
        assert_eq!(drift.rows, 1000);
    }

    #[test]
    fn what_nobody_answered_is_unknown() {
        let baseline = draft("diamonds", 1.0).baseline;
        let drift = measure(&baseline, None, 1e-4).unwrap();
        assert_eq!((drift.level, drift.rows), (DriftLevel::Unknown, 0));
    }

    #[test]
    fn counts_of_another_baseline_are_not_compared() {
        let baseline = draft("diamonds", 1.0).baseline;
        let other = answered([500, 500], &[1, 2, 3]);
        assert!(measure(&baseline, Some(&other), 1e-4).unwrap_err().contains("3 bins"));
        let mut other = answered([500, 500], &[1, 2]);
        other.counts.feature("colour").missing = 1;
        assert!(measure(&baseline, Some(&other), 1e-4).unwrap_err().contains("`colour`"));
    }
}
