//! A column's thresholds, and how many of them a value is above: the one search that every prediction makes.
//!
//! The range is cut into equal buckets, and only the thresholds of a value's own bucket are compared with it. Where
//! thresholds lie apart as values do, that is two or three steps; where an outlier has stretched the range so that one
//! bucket holds nearly all of them, it is a binary search and no worse.

use std::hint::select_unpredictable;

/// Buckets for each threshold, so that most have one threshold or none.
const BUCKETS_EACH: usize = 4;

/// Distinct finite thresholds, ascending, behind a table of where to look.
#[derive(Debug, Clone)]
pub(super) struct Thresholds {
    sorted: Vec<f64>,
    /// Buckets to one unit of the column; 0 where the range is a point, or overflows.
    per_unit: f64,
    /// For each bucket, how many thresholds are in those before it.
    starts: Vec<u32>,
    /// Of the first step in a bucket, a power of two; halved for each further one.
    first_step: usize,
}

impl Thresholds {
    /// Takes at least one threshold.
    pub(super) fn new(sorted: Vec<f64>) -> Self {
        debug_assert!(sorted.is_sorted_by(|one, next| one < next), "ascending, none of them twice");
        let n_buckets = BUCKETS_EACH * sorted.len();
        let range = sorted[sorted.len() - 1] - sorted[0];
        let per_unit = Some((n_buckets - 1) as f64 / range).filter(|per_unit| per_unit.is_finite());
        let per_unit = per_unit.unwrap_or(0.0);
        let mut thresholds = Self { sorted, per_unit, starts: vec![0; n_buckets], first_step: 1 };
        thresholds.fill();
        thresholds
    }

    fn fill(&mut self) {
        let mut n_in = vec![0_u32; self.starts.len()];
        self.sorted.iter().for_each(|&threshold| n_in[self.bucket(threshold)] += 1);
        let mut before = 0;
        for (start, n_in) in self.starts.iter_mut().zip(&n_in) {
            *start = before;
            before += n_in;
        }
        let fullest = n_in.into_iter().max().unwrap_or_default();
        // Steps of 2^k, 2^(k-1), …, 1 reach 2^(k+1) - 1 places.
        self.first_step = 1 << fullest.ilog2();
    }

    /// A greater value is never in a bucket before: each step of this keeps the order, roundings included.
    #[inline(always)]
    fn bucket(&self, value: f64) -> usize {
        let bucket = (value - self.sorted[0]) * self.per_unit;
        (bucket as u32 as usize).min(self.starts.len() - 1)
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// How many thresholds a value is above; for a NaN anything up to all of them.
    #[inline(always)]
    pub(super) fn n_below(&self, value: f64) -> usize {
        let mut n_below = self.starts[self.bucket(value)] as usize;
        let mut step = self.first_step;
        while step > 0 {
            // What is behind the bucket is not below the value, and neither is what is behind the end.
            let is_below =
                self.sorted.get(n_below + step - 1).is_some_and(|&threshold| threshold < value);
            // As many steps for each value, and no jump that depends on it.
            n_below += select_unpredictable(is_below, step, 0);
            step /= 2;
        }
        n_below
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_counts(thresholds: &[f64], value: f64) {
        let mut ascending: Vec<f64> = thresholds.iter().map(|at| at + 0.0).collect();
        ascending.sort_unstable_by(f64::total_cmp);
        ascending.dedup();
        let n_below = ascending.iter().filter(|&&at| at < value).count();
        let found = Thresholds::new(ascending);
        assert_eq!(found.n_below(value), n_below, "{value} in {thresholds:?}");
        assert!(found.n_below(f64::NAN) <= found.len());
    }

    #[test]
    fn counts_what_is_below_at_the_ends_of_all_there_is() {
        let least = f64::from_bits(1);
        let ascending = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            -least,
            -0.0,
            0.0,
            least,
            1e-310,
            1.0,
            1.0 + f64::EPSILON,
            f64::MAX,
            f64::INFINITY,
        ];
        for from in 1..ascending.len() - 1 {
            for to in from + 1..ascending.len() {
                ascending.iter().for_each(|&value| assert_counts(&ascending[from..to], value));
            }
        }
    }

    #[test]
    fn an_outlier_leaves_a_search_of_few_steps() {
        let mut thresholds: Vec<_> = (0..1_000).map(f64::from).collect();
        assert_eq!(Thresholds::new(thresholds.clone()).first_step, 1);
        thresholds.push(1e300);
        assert_eq!(Thresholds::new(thresholds).first_step, 512);
    }

    proptest! {
        #[test]
        fn counts_what_is_below(
            thresholds in proptest::collection::vec(-20..20_i32, 1..60),
            scale in prop_oneof![Just(0.5), Just(1e-320), Just(1e300), any::<f64>()],
            value in -25..25_i32,
        ) {
            prop_assume!(scale.is_finite() && (scale * 40.0).is_finite());
            let thresholds: Vec<_> = thresholds.iter().map(|&at| f64::from(at) * scale).collect();
            assert_counts(&thresholds, f64::from(value) * scale);
        }

        #[test]
        fn counts_what_is_below_among_any_floats(
            thresholds in proptest::collection::vec(any::<f64>(), 1..60),
            value in any::<f64>(),
        ) {
            let thresholds: Vec<_> = thresholds.into_iter().filter(|at| at.is_finite()).collect();
            prop_assume!(!thresholds.is_empty() && !value.is_nan());
            assert_counts(&thresholds, value);
            thresholds.iter().for_each(|&threshold| assert_counts(&thresholds, threshold));
        }
    }
}
