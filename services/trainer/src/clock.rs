//! What time it is: the one place that asks the system.

use std::time::{Duration, Instant, SystemTime};

use humantime::format_rfc3339_seconds;

/// Tells the time and measures it.
pub(crate) trait Clock: Sync {
    /// Now.
    fn now(&self) -> SystemTime;

    /// The result of some work, and how long it took.
    fn timed<T>(&self, work: impl FnOnce() -> T) -> (T, Duration)
    where
        Self: Sized;
}

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one real clock of the trainer")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> (T, Duration) {
        let start = Instant::now();
        (work(), start.elapsed())
    }
}

/// A time as the manifest has it: RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    format_rfc3339_seconds(time).to_string()
}

/// Seconds since the Unix epoch.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
