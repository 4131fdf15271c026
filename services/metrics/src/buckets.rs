//! A histogram as counts between bounds: merged exactly, by adding; quantiles come from the merged counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What fell into each bucket alone, by its upper bound.
///
/// Where two histograms have other bounds, as during an upgrade, each count keeps the bound it was counted under.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(Option<f64>, u64)>", into = "Vec<(Option<f64>, u64)>")]
pub(crate) struct Buckets(BTreeMap<Bound, u64>);

/// An upper bound, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bound(f64);

impl Bound {
    /// A bound, unless it is not a number.
    pub(crate) fn new(bound: f64) -> Option<Self> {
        // One zero, so that equal bounds are one key.
        (!bound.is_nan()).then_some(Self(bound + 0.0))
    }
}

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl std::hash::Hash for Bound {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// A bucket as it is written: JSON has no word for the last bound, +∞.
type Written = (Option<f64>, u64);

impl From<Vec<Written>> for Buckets {
    fn from(written: Vec<Written>) -> Self {
        let mut buckets = Self::default();
        for (bound, count) in written {
            let bound = Bound::new(bound.unwrap_or(f64::INFINITY)).unwrap_or(Bound(f64::INFINITY));
            buckets.add(&Self(BTreeMap::from([(bound, count)])));
        }
        buckets
    }
}

impl From<Buckets> for Vec<Written> {
    fn from(buckets: Buckets) -> Self {
        let written =
            |(Bound(bound), count): (Bound, u64)| (bound.is_finite().then_some(bound), count);
        buckets.0.into_iter().map(written).collect()
    }
}

impl Buckets {
    /// Takes cumulative counts apart, as a scrape has them; a count that is less than the one below it adds nothing.
    pub(crate) fn from_cumulative(cumulative: &BTreeMap<Bound, u64>) -> Self {
        let mut below = 0;
        let alone = cumulative.iter().map(|(&bound, &count)| {
            let alone = count.saturating_sub(below);
            below = below.max(count);
            (bound, alone)
        });
        Self(alone.collect())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (&bound, &count) in &other.0 {
            let sum = self.0.entry(bound).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// The value below which a share `q` of all lie, in seconds; none where there is nothing.
    ///
    /// As Prometheus' `histogram_quantile`: linear within a bucket, whose lower end is the bound before (0 for the
    /// first), and the highest finite bound for what lies above it. So empty buckets are kept, too.
    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        let n = self.count();
        let rank = q * n as f64;
        let (mut below, mut lower) = (0.0, 0.0);
        for (&Bound(upper), &count) in &self.0 {
            let through = below + count as f64;
            if count > 0 && through >= rank {
                if upper.is_infinite() {
                    return Some(lower);
                }
                return Some(lower + (upper - lower) * (rank - below) / count as f64);
            }
            (below, lower) = (through, upper);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cumulative(counts: &[(f64, u64)]) -> Buckets {
        let counts = counts.iter().map(|&(bound, count)| (Bound::new(bound).unwrap(), count));
        Buckets::from_cumulative(&counts.collect())
    }

    #[test]
    fn quantiles_are_those_of_prometheus() {
        // promql/quantile.go: rank 0.5 · 10 = 5 lies in (0.1, 0.2], 2 of its 6 into it.
        let buckets = cumulative(&[(0.1, 3), (0.2, 9), (0.5, 9), (f64::INFINITY, 10)]);
        assert!((buckets.quantile(0.5).unwrap() - (0.1 + 0.1 * 2.0 / 6.0)).abs() < 1e-12);
        assert!(
            (buckets.quantile(0.1).unwrap() - 0.1 / 3.0).abs() < 1e-12,
            "the first starts at 0"
        );
        assert_eq!(buckets.quantile(0.99), Some(0.5), "above the last finite bound");
        assert_eq!(Buckets::default().quantile(0.5), None);
        assert_eq!(cumulative(&[(1.0, 0), (f64::INFINITY, 0)]).quantile(0.5), None);
    }

    #[test]
    fn merging_adds_and_never_averages() {
        // A busy fast replica and an idle slow one: the mean of their medians would be 0.3.
        let (fast, slow) = (cumulative(&[(0.1, 99), (0.5, 99)]), cumulative(&[(0.1, 0), (0.5, 1)]));
        let mut merged = fast.clone();
        merged.add(&slow);
        assert_eq!(merged, cumulative(&[(0.1, 99), (0.5, 100)]));
        assert!(merged.quantile(0.5).unwrap() < 0.1);
    }

    #[test]
    fn is_written_and_read_as_json() {
        let buckets = cumulative(&[(0.1, 3), (0.2, 3), (f64::INFINITY, 4)]);
        let json = serde_json::to_string(&buckets).unwrap();
        assert_eq!(json, "[[0.1,3],[0.2,0],[null,1]]");
        assert_eq!(serde_json::from_str::<Buckets>(&json).unwrap(), buckets);
    }
}
