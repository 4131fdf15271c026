//! How often something is tried again.

use std::time::{Duration, Instant};

pub(crate) use service_kit::complaint::{Complaint, chain};

/// What failed is tried again after this long at first, then each time twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// And never less often than this.
const LAST_WAIT: Duration = Duration::from_secs(300);

/// When something that failed may be tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    wait: Duration,
    retry_at: Instant,
}

impl Backoff {
    /// After the first failure, or after one more.
    pub(crate) fn after(before: Option<Self>, now: Instant) -> Self {
        let wait = before.map_or(FIRST_WAIT, |before| (before.wait * 2).min(LAST_WAIT));
        Self { wait, retry_at: now + wait }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.retry_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_twice_as_long_each_time_up_to_five_minutes() {
        let now = Instant::now();
        let mut backoff = None;
        let mut waits = Vec::new();
        for _ in 0..7 {
            let next = Backoff::after(backoff, now);
            assert!(!next.is_over(now) && next.is_over(now + next.wait));
            waits.push(next.wait.as_secs());
            backoff = Some(next);
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    }
}
