//! What time it is: the one place that asks the system. Everything below takes the time as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, as the store has times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Millis(pub(crate) i64);

/// Whole minutes since the Unix epoch: what aggregates are kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Minute(pub(crate) i64);

/// Now.
#[expect(clippy::disallowed_methods, reason = "the one real clock of the service")]
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Millis {
    pub(crate) fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e3) as i64)
    }

    pub(crate) fn minute(self) -> Minute {
        Minute(self.0.div_euclid(60_000))
    }

    pub(crate) fn minus(self, span: Duration) -> Self {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(span))
    }

    /// Seconds since another time; 0 where that one is later.
    pub(crate) fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0).max(0) as f64 / 1e3
    }

    /// RFC 3339 in UTC, to the millisecond.
    pub(crate) fn rfc3339(self) -> String {
        let since = Duration::from_millis(u64::try_from(self.0).unwrap_or(0).min(LAST_MILLIS));
        humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
    }

    /// Reads RFC 3339; none where it is none, or before 1970.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let time = humantime::parse_rfc3339(text).ok()?;
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        Some(Self(i64::try_from(since.as_millis()).ok()?))
    }
}

/// The last millisecond of the year 9999, beyond which RFC 3339 has no words.
const LAST_MILLIS: u64 = 253_402_300_799_999;

impl Minute {
    pub(crate) fn start(self) -> Millis {
        Millis(self.0.saturating_mul(60_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_times_as_the_state_has_them() {
        let time = Millis(1_767_225_600_123);
        assert_eq!(time.rfc3339(), "2026-01-01T00:00:00.123Z");
        assert_eq!(Millis::parse("2026-01-01T00:00:00.123Z"), Some(time));
        assert_eq!(Millis::parse("yesterday"), None);
        assert_eq!(time.minute().start().rfc3339(), "2026-01-01T00:00:00.000Z");
        assert!(Millis(i64::MAX).rfc3339().starts_with("9999-12-31"));
    }
}
