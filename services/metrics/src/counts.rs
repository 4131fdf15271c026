//! How the values that a version answered for are spread: counts by the bins of its baseline.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The counts of some rows; those of other rows are added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// By the feature's name.
    #[serde(default)]
    pub(crate) features: BTreeMap<String, FeatureCounts>,
    /// In each bin of the baseline's predictions.
    #[serde(default)]
    pub(crate) predictions: Vec<u64>,
}

/// One feature's counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeatureCounts {
    /// In each bin of the baseline, up to the last that has any.
    #[serde(default)]
    pub(crate) bins: Vec<u64>,
    #[serde(default)]
    pub(crate) missing: u64,
    /// Categories that training never saw.
    #[serde(default)]
    pub(crate) unseen: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        for (name, theirs) in &other.features {
            let ours = match self.features.get_mut(name) {
                Some(ours) => ours,
                None => self.features.entry(name.clone()).or_default(),
            };
            add_bins(&mut ours.bins, &theirs.bins);
            ours.missing = ours.missing.saturating_add(theirs.missing);
            ours.unseen = ours.unseen.saturating_add(theirs.unseen);
        }
        add_bins(&mut self.predictions, &other.predictions);
    }

    /// The feature's counts, which start at nothing.
    pub(crate) fn feature(&mut self, name: &str) -> &mut FeatureCounts {
        self.features.entry(name.to_owned()).or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.features.is_empty() && self.predictions.is_empty()
    }
}

/// Adds to one bin; those before it come with it.
pub(crate) fn add_to_bin(bins: &mut Vec<u64>, idx: usize, count: u64) {
    if bins.len() <= idx {
        bins.resize(idx + 1, 0);
    }
    bins[idx] = bins[idx].saturating_add(count);
}

fn add_bins(ours: &mut Vec<u64>, theirs: &[u64]) {
    for (idx, &count) in theirs.iter().enumerate() {
        add_to_bin(ours, idx, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_of_other_lengths_add_up() {
        let of = |bins: &[u64], missing| {
            let mut counts = Counts { predictions: bins.to_vec(), ..Counts::default() };
            *counts.feature("carat") = FeatureCounts { bins: bins.to_vec(), missing, unseen: 1 };
            counts
        };
        let mut sum = of(&[1, 2], 3);
        sum.add(&of(&[10, 20, 30], 4));
        let mut expected = of(&[11, 22, 30], 7);
        expected.feature("carat").unseen = 2;
        assert_eq!(sum, expected);
    }
}
