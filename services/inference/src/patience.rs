//! How often something is tried again, and how often a complaint is logged.

use std::time::{Duration, Instant};

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

/// The last complaint, so that it is logged once and not at every poll.
#[derive(Debug, Default)]
pub(crate) struct Complaint(String);

impl Complaint {
    /// Whether this is to be logged: it differs from the last one.
    pub(crate) fn is_new(&mut self, reason: &str) -> bool {
        let is_new = self.0 != reason;
        if is_new {
            reason.clone_into(&mut self.0);
        }
        is_new
    }

    /// All is well: the complaint that is over, if there was one.
    pub(crate) fn settle(&mut self) -> Option<String> {
        Some(std::mem::take(&mut self.0)).filter(|complaint| !complaint.is_empty())
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
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

    #[test]
    fn a_complaint_is_new_until_it_is_settled() {
        let mut complaint = Complaint::default();
        assert!(complaint.is_new("away") && !complaint.is_new("away"));
        assert!(complaint.is_new("slow"));
        assert_eq!(complaint.settle(), Some("slow".to_owned()));
        assert_eq!(complaint.settle(), None);
        assert!(complaint.is_new("slow"));
    }
}
