//! The last requests on which challenger and champion were compared, and what they come to.

use std::collections::VecDeque;

/// Compared requests that are remembered: a percentile of 99 then still stands on ten of them.
pub(crate) const WINDOW_REQUESTS: usize = 1_000;

/// What one request showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Compared {
    /// Both predicted.
    Both(Measured),
    /// The challenger could not answer what the champion answered.
    Failed,
}

/// A request that both predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    /// The mean over its rows, in standard deviations of the champion's training target.
    pub(crate) divergence: f64,
    pub(crate) n_rows: usize,
    /// What the champion's model alone took.
    pub(crate) champion_seconds: f64,
    /// What the challenger's model alone took.
    pub(crate) challenger_seconds: f64,
}

/// The last [`WINDOW_REQUESTS`] compared requests.
#[derive(Debug, Default)]
pub(crate) struct Window {
    requests: VecDeque<Compared>,
    n_errors: usize,
    /// Reused, so that a comparison allocates nothing.
    scratch: Vec<f64>,
}

/// Quantiles of the divergence of requests, and its mean over rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Divergence {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
}

impl Window {
    pub(crate) fn push(&mut self, compared: Compared) {
        if self.requests.len() == WINDOW_REQUESTS
            && self.requests.pop_front() == Some(Compared::Failed)
        {
            self.n_errors -= 1;
        }
        self.n_errors += usize::from(compared == Compared::Failed);
        self.requests.push_back(compared);
    }

    pub(crate) fn n_requests(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn n_errors(&self) -> usize {
        self.n_errors
    }

    /// The mean over all rows; none where no request was predicted by both.
    pub(crate) fn mean_divergence(&self) -> Option<f64> {
        let mut n_rows = 0.0;
        let mut sum = 0.0;
        for measured in self.measured() {
            n_rows += measured.n_rows as f64;
            sum += measured.divergence * measured.n_rows as f64;
        }
        (n_rows > 0.0).then(|| sum / n_rows)
    }

    /// None where no request was predicted by both.
    pub(crate) fn divergence(&mut self) -> Option<Divergence> {
        let mean = self.mean_divergence()?;
        self.gather(|measured| measured.divergence);
        self.scratch.sort_unstable_by(f64::total_cmp);
        let at = |quantile: f64| self.scratch[rank(self.scratch.len(), quantile)];
        Some(Divergence { mean, p50: at(0.5), p90: at(0.9), p99: at(0.99) })
    }

    /// The medians of the models' own times in seconds, champion first; none as above.
    pub(crate) fn median_seconds(&mut self) -> Option<(f64, f64)> {
        let champion = self.median(|measured| measured.champion_seconds)?;
        let challenger = self.median(|measured| measured.challenger_seconds)?;
        Some((champion, challenger))
    }

    fn median(&mut self, figure: impl Fn(&Measured) -> f64) -> Option<f64> {
        self.gather(figure);
        if self.scratch.is_empty() {
            return None;
        }
        let middle = rank(self.scratch.len(), 0.5);
        Some(*self.scratch.select_nth_unstable_by(middle, f64::total_cmp).1)
    }

    fn gather(&mut self, figure: impl Fn(&Measured) -> f64) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend(self.measured().map(figure));
        self.scratch = scratch;
    }

    fn measured(&self) -> impl Iterator<Item = &Measured> {
        self.requests.iter().filter_map(|compared| match compared {
            Compared::Both(measured) => Some(measured),
            Compared::Failed => None,
        })
    }
}

/// The nearest rank: the least value that at least this share of the values does not exceed.
fn rank(n_values: usize, quantile: f64) -> usize {
    ((n_values as f64 * quantile).ceil() as usize).clamp(1, n_values) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(divergence: f64, n_rows: usize) -> Compared {
        let seconds = divergence / 1e3;
        let (champion_seconds, challenger_seconds) = (seconds, 2.0 * seconds);
        Compared::Both(Measured { divergence, n_rows, champion_seconds, challenger_seconds })
    }

    #[test]
    fn nothing_compared_is_nothing_said() {
        let mut window = Window::default();
        window.push(Compared::Failed);
        assert_eq!((window.n_requests(), window.n_errors()), (1, 1));
        assert_eq!((window.divergence(), window.median_seconds()), (None, None));
    }

    #[test]
    fn the_mean_is_over_rows_and_quantiles_are_over_requests() {
        let mut window = Window::default();
        window.push(both(1.0, 99));
        window.push(both(101.0, 1));
        let divergence = window.divergence().expect("both predicted");
        assert_eq!(divergence, Divergence { mean: 2.0, p50: 1.0, p90: 101.0, p99: 101.0 });
    }

    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        let mut window = Window::default();
        (1..=100).rev().for_each(|rank| window.push(both(f64::from(rank), 1)));
        let divergence = window.divergence().expect("both predicted");
        assert_eq!((divergence.p50, divergence.p90, divergence.p99), (50.0, 90.0, 99.0));
        assert_eq!(window.median_seconds(), Some((0.05, 0.1)));
    }

    #[test]
    fn only_the_last_requests_count() {
        let mut window = Window::default();
        (0..10).for_each(|_| window.push(Compared::Failed));
        (0..WINDOW_REQUESTS).for_each(|_| window.push(both(3.0, 1)));
        assert_eq!((window.n_requests(), window.n_errors()), (WINDOW_REQUESTS, 0));
        assert_eq!(window.mean_divergence(), Some(3.0));
    }
}
