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
        let is_new = !without_times(&self.0).eq(without_times(reason));
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

/// The words but for spans of time: a store says how long it tried, which is never twice the same.
fn without_times(reason: &str) -> impl Iterator<Item = &str> {
    let is_time = |word: &&str| {
        let word = word.trim_end_matches([',', '.', ')']);
        word.ends_with('s') && word.starts_with(|first: char| first.is_ascii_digit())
    };
    reason.split_whitespace().filter(move |word| !is_time(word))
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

    #[test]
    fn how_long_it_took_makes_no_new_complaint() {
        let mut complaint = Complaint::default();
        let away = |time: &str| format!("no answer from http://s3 in {time}, after 3 retries");
        assert!(complaint.is_new(&away("734.576337ms")));
        assert!(!complaint.is_new(&away("1.078298521s")));
        assert!(
            complaint.is_new("version 2 is refused") && complaint.is_new("version 3 is refused")
        );
    }
}
