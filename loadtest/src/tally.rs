//! What became of the requests so far, counted as each ends. How it is told is in [`crate::summary`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::Value;
use tokio::time::Instant;

use crate::answer::Answer;
use crate::failure::{Failure, FailureKind};
use crate::text::{count, milliseconds, seconds};

/// Failures that are told one by one.
const TOLD_FAILURES: usize = 10;
/// A request sent this long after it was due is late: timers are no finer than a few milliseconds on a busy machine.
const LATE: Duration = Duration::from_millis(10);

/// What became of one request.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) due: Instant,
    /// None: never sent.
    pub(crate) sent: Option<Instant>,
    pub(crate) ended: Instant,
    pub(crate) result: Result<Answer, Failure>,
}

/// The counts of a run; times are offsets from where counting begins.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) duration: Duration,
    pub(crate) sent: u64,
    pub(crate) late: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: BTreeMap<FailureKind, u64>,
    pub(crate) first_failures: Vec<(Duration, Failure)>,
    /// Of the requests that succeeded, from when they were due, in microseconds.
    pub(crate) latency: Histogram<u64>,
    /// Of those that the server refused for its load or the key's rate (503, 429), in the same way.
    pub(crate) refused_latency: Histogram<u64>,
    /// By model and version.
    pub(crate) versions: BTreeMap<(String, u64), Version>,
    pub(crate) longest_gap: Gap,
    pub(crate) warm_up: WarmUp,
    last_success: Duration,
}

impl Counts {
    /// All requests that were due.
    pub(crate) fn requests(&self) -> u64 {
        self.succeeded + self.n_failed()
    }

    pub(crate) fn n_failed(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// What one version answered.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) n: u64,
    pub(crate) first: Duration,
    pub(crate) last: Duration,
    value: Option<Value>,
}

/// A time without a success.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gap {
    pub(crate) from: Duration,
    pub(crate) length: Duration,
}

/// Requests that were sent before counting begins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WarmUp {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
}

/// The counts of the interval that is reported next, warm-up included.
#[derive(Debug)]
struct Interval {
    requests: u64,
    failed: u64,
    latency: Histogram<u64>,
}

/// Counts that all connections write to.
#[derive(Debug)]
pub(crate) struct Tally {
    counted_from: Instant,
    state: Mutex<(Counts, Interval)>,
}

impl Tally {
    /// Counts requests that are due from `counted_from` on; earlier ones are warm-up.
    pub(crate) fn new(counted_from: Instant) -> Self {
        let counts = Counts {
            duration: Duration::ZERO,
            sent: 0,
            late: 0,
            succeeded: 0,
            failed: BTreeMap::new(),
            first_failures: Vec::new(),
            latency: histogram(),
            refused_latency: histogram(),
            versions: BTreeMap::new(),
            longest_gap: Gap::default(),
            warm_up: WarmUp::default(),
            last_success: Duration::ZERO,
        };
        let interval = Interval { requests: 0, failed: 0, latency: histogram() };
        Self { counted_from, state: Mutex::new((counts, interval)) }
    }

    /// Counts what became of a request.
    pub(crate) fn record(&self, outcome: Outcome) {
        let mut state = self.state();
        let (counts, interval) = &mut *state;
        interval.record(&outcome);
        if outcome.due < self.counted_from {
            counts.warm_up.requests += 1;
            counts.warm_up.failed += u64::from(outcome.result.is_err());
        } else {
            counts.record(outcome, self.counted_from);
        }
    }

    /// A line about the requests since the last one.
    pub(crate) fn next_interval(&self, now: Instant) -> String {
        let mut state = self.state();
        let interval = &mut state.1;
        let time = match now.checked_duration_since(self.counted_from) {
            Some(offset) => seconds(offset),
            None => "warm-up".to_owned(),
        };
        let p99 = match interval.latency.len() {
            0 => "-".to_owned(),
            _ => milliseconds(interval.latency.value_at_quantile(0.99)),
        };
        let (requests, failed) = (count(interval.requests), count(interval.failed));
        let line = format!("{time:>9}  {requests:>8} requests  {failed:>6} failed  p99 {p99}");
        (interval.requests, interval.failed) = (0, 0);
        interval.latency.reset();
        line
    }

    /// The counts at the end.
    pub(crate) fn finish(&self, now: Instant) -> Counts {
        let mut counts = self.state().0.clone();
        counts.duration = now.saturating_duration_since(self.counted_from);
        counts.end_gap(counts.duration);
        counts
    }

    fn state(&self) -> MutexGuard<'_, (Counts, Interval)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn record(&mut self, outcome: Outcome, counted_from: Instant) {
        let offset = outcome.ended.saturating_duration_since(counted_from);
        if let Some(sent) = outcome.sent {
            self.sent += 1;
            self.late += u64::from(sent - outcome.due > LATE);
        }
        match outcome.result.and_then(|answer| self.check(answer, offset)) {
            Ok(()) => {
                self.succeeded += 1;
                self.latency.saturating_record(microseconds(outcome.ended - outcome.due));
                self.end_gap(offset);
                self.last_success = self.last_success.max(offset);
            }
            Err(failure) => {
                if matches!(failure.kind, FailureKind::Status(429 | 503)) {
                    self.refused_latency
                        .saturating_record(microseconds(outcome.ended - outcome.due));
                }
                *self.failed.entry(failure.kind).or_default() += 1;
                if self.first_failures.len() < TOLD_FAILURES {
                    self.first_failures.push((offset, failure));
                }
            }
        }
    }

    /// Counts the answer for its version, and compares it with what the version answered first.
    fn check(&mut self, answer: Answer, offset: Duration) -> Result<(), Failure> {
        let value = answer.value().cloned();
        let key = (answer.model, answer.version);
        let Some(version) = self.versions.get_mut(&key) else {
            self.versions.insert(key, Version { n: 1, first: offset, last: offset, value });
            return Ok(());
        };
        version.n += 1;
        version.last = version.last.max(offset);
        if version.value == value {
            return Ok(());
        }
        let shown = |value: &Option<Value>| value.as_ref().map_or(String::new(), Value::to_string);
        let message = format!(
            "version {} answered {}, and before {}",
            key.1,
            shown(&value),
            shown(&version.value)
        );
        Err(Failure::new(FailureKind::Inconsistent, message))
    }

    fn end_gap(&mut self, at: Duration) {
        let length = at.saturating_sub(self.last_success);
        if length > self.longest_gap.length {
            self.longest_gap = Gap { from: self.last_success, length };
        }
    }
}

impl Interval {
    fn record(&mut self, outcome: &Outcome) {
        self.requests += 1;
        match outcome.result {
            Ok(_) => self.latency.saturating_record(microseconds(outcome.ended - outcome.due)),
            Err(_) => self.failed += 1,
        }
    }
}

/// From a microsecond to an hour, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("bounds that hdrhistogram allows")
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Counts answers that end at these milliseconds, one millisecond after they were sent and two after they were due.
    fn counts(outcomes: &[(u64, Result<Answer, Failure>)], warm_up_ms: u64) -> Counts {
        let start = Instant::now();
        let tally = Tally::new(start + Duration::from_millis(warm_up_ms));
        for (ended_ms, result) in outcomes {
            let at = |ms: u64| start + Duration::from_millis(ms);
            let (due, sent) = (at(ended_ms - 2), Some(at(ended_ms - 1)));
            tally.record(Outcome { due, sent, ended: at(*ended_ms), result: result.clone() });
        }
        tally.finish(start + Duration::from_millis(1000))
    }

    fn answer(version: u64, prediction: f64) -> Result<Answer, Failure> {
        let body = json!({"model": "m", "version": version, "prediction": prediction});
        Ok(serde_json::from_value(body).expect("an answer"))
    }

    fn failure() -> Result<Answer, Failure> {
        Err(Failure::new(FailureKind::Status(503), "no"))
    }

    #[test]
    fn finds_a_version_that_contradicts_itself() {
        let counts = counts(
            &[
                (10, answer(1, 5.0)),
                (20, answer(2, 6.0)),
                (30, answer(1, 5.0)),
                (40, answer(1, 5.5)),
                (50, answer(1, 5.0)),
            ],
            0,
        );
        assert_eq!((counts.succeeded, counts.n_failed()), (4, 1));
        let (offset, failure) = &counts.first_failures[0];
        assert_eq!(*offset, Duration::from_millis(40));
        assert_eq!(failure.kind, FailureKind::Inconsistent);
        assert_eq!(failure.message, "version 1 answered 5.5, and before 5.0");
        let first = &counts.versions[&("m".to_owned(), 1)];
        assert_eq!((first.n, first.first.as_millis(), first.last.as_millis()), (4, 10, 50));
    }

    #[test]
    fn measures_latency_from_when_a_request_was_due() {
        let counts = counts(&[(10, answer(1, 5.0)), (20, failure())], 0);
        assert_eq!((counts.latency.len(), counts.latency.max() / 1000), (1, 2));
        let refused = counts.refused_latency;
        assert_eq!((refused.len(), refused.max() / 1000), (1, 2), "the 503, and by itself");
        assert_eq!((counts.sent, counts.late), (2, 0));
    }

    #[test]
    fn finds_the_longest_gap_even_at_the_end() {
        let gap = |outcomes: &[_]| {
            let gap = counts(outcomes, 0).longest_gap;
            (gap.from.as_millis(), gap.length.as_millis())
        };
        assert_eq!(
            gap(&[(100, answer(1, 5.0)), (500, failure()), (900, answer(1, 5.0))]),
            (100, 800)
        );
        assert_eq!(gap(&[(100, answer(1, 5.0)), (300, answer(1, 5.0))]), (300, 700));
        assert_eq!(gap(&[]), (0, 1000));
    }

    #[test]
    fn keeps_the_warm_up_out_of_the_counts() {
        let outcomes = [(10, failure()), (20, answer(1, 5.0)), (200, answer(1, 6.0))];
        let counts = counts(&outcomes, 100);
        assert_eq!((counts.warm_up.requests, counts.warm_up.failed), (2, 1));
        assert_eq!((counts.requests(), counts.succeeded), (1, 1));
        assert_eq!(counts.duration, Duration::from_millis(900));
    }

    #[test]
    fn tells_an_interval_once() {
        let start = Instant::now();
        let tally = Tally::new(start);
        tally.record(Outcome { due: start, sent: None, ended: start, result: failure() });
        let line = tally.next_interval(start + Duration::from_secs(5));
        assert_eq!(line, "    5.0 s         1 requests       1 failed  p99 -");
        let line = tally.next_interval(start + Duration::from_secs(10));
        assert!(line.contains(" 0 requests"), "{line}");
    }
}
