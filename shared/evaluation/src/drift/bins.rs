//! Counts of two samples in the same bins, and the merging of bins that are too thin to compare.

/// The least number of rows that each bin is expected to hold in the smaller sample, after Cochran (1954).
pub const MIN_EXPECTED: f64 = 5.0;

/// Rows of training and of a window in the same bins, under names so that they cannot be swapped silently.
///
/// For a histogram the bins stand in the order of their values, for categories in any order, the same on both sides.
/// Statistics answer None to sides of different lengths and where a side has no rows: there is nothing to compare.
///
/// # Examples
///
/// ```
/// use evaluation::drift::{Bins, jensen_shannon};
///
/// let bins = Bins { baseline: &[30, 10], live: &[3, 1] };
/// assert_eq!(jensen_shannon(bins), Some(0.0)); // shares are compared, not counts
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Bins<'a> {
    /// Rows of training in each bin.
    pub baseline: &'a [u64],
    /// Rows of the window in each bin.
    pub live: &'a [u64],
}

impl Bins<'_> {
    /// The rows of either side, (baseline, live); None where there is nothing to compare.
    pub(super) fn totals(&self) -> Option<(f64, f64)> {
        let (baseline, live) = (total(self.baseline), total(self.live));
        let comparable = self.baseline.len() == self.live.len() && baseline > 0.0 && live > 0.0;
        comparable.then_some((baseline, live))
    }

    /// The counts of each bin, (baseline, live).
    pub(super) fn pairs(&self) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        self.baseline.iter().zip(self.live).map(|(&baseline, &live)| (baseline as f64, live as f64))
    }

    /// Merges bins until each is expected to hold [`MIN_EXPECTED`] rows of the smaller sample or more.
    ///
    /// What is expected follows from the baseline alone, so that the live counts do not choose the bins they are
    /// judged by. In a histogram (`ordered`) neighbours are merged; of categories all that are too rare become
    /// one, with the next rarer ones until it suffices. Every row stays counted.
    pub fn merged(&self, ordered: bool) -> MergedBins {
        let baseline_total = total(self.baseline);
        let smaller = (total(self.live) / baseline_total).min(1.0);
        let enough = |rows: u64| rows as f64 * smaller >= MIN_EXPECTED;
        let mut order: Vec<usize> = (0..self.baseline.len().min(self.live.len())).collect();
        if !ordered {
            order.sort_by_key(|&bin_idx| self.baseline[bin_idx]);
        }
        let (mut merged, mut open) = (MergedBins::default(), (0_u64, 0_u64));
        for bin_idx in order {
            let (baseline, live) = (self.baseline[bin_idx], self.live[bin_idx]);
            // The rare categories come first and share one bin; it is closed by the first that is not rare.
            if !ordered && enough(baseline) && enough(open.0) {
                merged.close(&mut open);
            }
            open = (open.0.saturating_add(baseline), open.1.saturating_add(live));
            if (ordered || enough(baseline)) && enough(open.0) {
                merged.close(&mut open);
            }
        }
        merged.close_last(open);
        merged
    }
}

/// Counts in bins that hold enough rows to be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergedBins {
    baseline: Vec<u64>,
    live: Vec<u64>,
}

impl MergedBins {
    /// The counts, for the statistics.
    pub fn bins(&self) -> Bins<'_> {
        Bins { baseline: &self.baseline, live: &self.live }
    }

    /// How many bins are left.
    pub fn n_bins(&self) -> usize {
        self.baseline.len()
    }

    fn close(&mut self, open: &mut (u64, u64)) {
        let (baseline, live) = std::mem::take(open);
        self.baseline.push(baseline);
        self.live.push(live);
    }

    /// What is left at the end is too thin by itself, and joins the bin before.
    fn close_last(&mut self, mut open: (u64, u64)) {
        if open == (0, 0) {
            return;
        }
        if let (Some(baseline), Some(live)) = (self.baseline.last_mut(), self.live.last_mut()) {
            *baseline = baseline.saturating_add(open.0);
            *live = live.saturating_add(open.1);
        } else {
            self.close(&mut open);
        }
    }
}

/// As floats: a sum of counts may exceed 64 bits.
pub(super) fn total(counts: &[u64]) -> f64 {
    counts.iter().map(|&count| count as f64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(baseline: &[u64], live: &[u64], ordered: bool) -> (Vec<u64>, Vec<u64>) {
        let merged = Bins { baseline, live }.merged(ordered);
        (merged.baseline, merged.live)
    }

    #[test]
    fn bins_with_rows_enough_stay_as_they_are() {
        let (baseline, live) = ([50, 60, 70], [10, 20, 30]);
        assert_eq!(merged(&baseline, &live, true), (baseline.to_vec(), live.to_vec()));
    }

    #[test]
    fn thin_neighbours_of_a_histogram_are_merged() {
        // 100 live rows of 1000: a bin needs 50 rows of training.
        let (baseline, live) = ([20, 30, 500, 400, 10, 40], [1, 2, 3, 4, 90, 0]);
        assert_eq!(merged(&baseline, &live, true), (vec![50, 500, 400, 50], vec![3, 3, 4, 90]));
        let (baseline, live) = ([500, 480, 20], [40, 50, 10]);
        assert_eq!(merged(&baseline, &live, true), (vec![500, 500], vec![40, 60]));
    }

    #[test]
    fn rare_categories_become_one() {
        let (baseline, live) = ([500, 20, 400, 30, 50], [50, 1, 40, 2, 7]);
        assert_eq!(merged(&baseline, &live, false), (vec![50, 50, 400, 500], vec![3, 7, 40, 50]));
        // The rare ones do not suffice: the next rarer joins them.
        let (baseline, live) = ([500, 10, 490], [60, 2, 38]);
        assert_eq!(merged(&baseline, &live, false), (vec![500, 500], vec![40, 60]));
    }

    #[test]
    fn where_a_side_is_too_small_one_bin_is_left() {
        assert_eq!(merged(&[500, 500], &[1, 2], true), (vec![1000], vec![3]));
        assert_eq!(merged(&[0, 0], &[1, 2], true), (vec![0], vec![3]));
        assert_eq!(merged(&[], &[], false), (vec![], vec![]));
    }
}
