//! A histogram that takes as much memory after a million values as after one.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use metrics::HistogramFn;

/// How many values there were up to each upper bound, and their sum.
#[derive(Debug)]
pub(super) struct Buckets {
    /// Ascending.
    bounds: Arc<[f64]>,
    /// Of each bound, without those of the bounds below; the last is of values above all bounds.
    counts: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Buckets {
    pub(super) fn new(bounds: Arc<[f64]>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::default()).collect();
        Self { bounds, counts, sum: AtomicU64::default() }
    }

    pub(super) fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    pub(super) fn counts(&self) -> Vec<u64> {
        self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    pub(super) fn sum(&self) -> f64 {
        f64::from_bits(self.sum.load(Ordering::Relaxed))
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let place = self.bounds.iter().position(|&bound| value <= bound);
        self.counts[place.unwrap_or(self.bounds.len())].fetch_add(1, Ordering::Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // It always adds.
        let _ = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_what_is_no_number_to_the_last() {
        let buckets = Buckets::new([1.0, 2.0].into());
        for value in [-1.0, 1.0, 1.5, 2.0, 2.5, f64::INFINITY] {
            buckets.record(value);
        }
        assert_eq!(buckets.counts(), [2, 2, 2]);
        buckets.record(f64::NAN);
        assert_eq!(buckets.counts(), [2, 2, 3]);
    }

    #[test]
    fn loses_nothing_that_threads_record_together() {
        let buckets = Buckets::new([1.0].into());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| buckets.record(0.5)));
            }
        });
        assert_eq!((buckets.counts(), buckets.sum()), (vec![40_000, 0], 20_000.0));
    }
}
