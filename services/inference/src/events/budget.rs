//! How many events a second a server sends: a token bucket that holds a second's worth.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SECOND_NS: u64 = 1_000_000_000;

/// Tokens for events, taken without a lock.
///
/// Under more traffic than it has tokens they come one by one, so that the sample is spread over each second.
#[derive(Debug)]
pub(super) struct Budget {
    /// Between two tokens.
    period_ns: u64,
    /// When the oldest token that is left came; a bucket older than a second is full.
    oldest_ns: AtomicU64,
}

impl Budget {
    /// A full bucket; none for a rate of 0.
    pub(super) fn new(per_second: u32) -> Option<Self> {
        let period_ns = SECOND_NS.checked_div(per_second.into())?;
        Some(Self { period_ns, oldest_ns: AtomicU64::new(0) })
    }

    /// Takes up to so many tokens; `now` is the time since the start.
    pub(super) fn take(&self, n_wanted: usize, now: Duration) -> usize {
        // The bucket was full at the start.
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).saturating_add(SECOND_NS);
        let mut n_taken = 0;
        let _ = self.oldest_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |oldest_ns| {
            let oldest_ns = oldest_ns.max(now_ns - SECOND_NS);
            let n_there = now_ns.saturating_sub(oldest_ns) / self.period_ns;
            n_taken = n_there.min(n_wanted as u64);
            (n_taken > 0).then(|| oldest_ns + n_taken * self.period_ns)
        });
        n_taken as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn no_rate_is_no_bucket() {
        assert!(Budget::new(0).is_none());
    }

    #[test]
    fn a_bucket_holds_a_second_s_worth_and_fills_at_its_rate() {
        let budget = Budget::new(4).expect("a rate");
        assert_eq!(budget.take(3, Duration::ZERO), 3);
        assert_eq!(budget.take(3, Duration::ZERO), 1);
        assert_eq!(budget.take(3, Duration::from_millis(249)), 0);
        assert_eq!(budget.take(3, Duration::from_millis(250)), 1);
        assert_eq!(budget.take(3, Duration::from_millis(750)), 2);
        assert_eq!(budget.take(100, 100 * SECOND), 4);
    }

    #[test]
    fn more_traffic_than_tokens_gets_them_evenly() {
        let budget = Budget::new(10).expect("a rate");
        budget.take(10, Duration::ZERO);
        let taken_at: Vec<_> =
            (0..=1_000).filter(|ms| budget.take(1, Duration::from_millis(*ms)) == 1).collect();
        assert_eq!(taken_at, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000]);
    }

    #[test]
    fn threads_share_one_bucket() {
        let budget = Budget::new(1_000).expect("a rate");
        let take = || (0..1_000).map(|_| budget.take(1, Duration::ZERO)).sum::<usize>();
        let taken: usize = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(take));
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!(taken, 1_000);
    }
}
