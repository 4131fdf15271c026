//! What the counters of a replica are compared with: how they were at one look, and which process had them.

use std::collections::VecDeque;
use std::time::Duration;

use super::client::Trouble;
use super::counter::{Values, gains};
use crate::clock::Millis;
use crate::store::{LastSeen, Taken};

/// The clocks of two machines are not further apart.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Start times that are remembered.
const MAX_STARTS: usize = 32;
/// Two looks are never at one moment, whatever the clock says.
const MIN_SECONDS: f64 = 1e-3;

/// The counters as they were at one look.
#[derive(Debug, Default)]
pub(super) struct Baseline {
    pub(super) process_start_seconds: Option<f64>,
    /// When that was; none where there was no look yet.
    pub(super) seen: Option<Millis>,
    values: Values,
    /// When the processes before the present one started.
    earlier_starts: VecDeque<f64>,
}

/// A later look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) url: &'a str,
    pub(super) process_start_seconds: Option<f64>,
    pub(super) seen: Millis,
    pub(super) values: &'a Values,
}

impl From<LastSeen> for Baseline {
    fn from(LastSeen { process_start_seconds, seen, values }: LastSeen) -> Self {
        Self { process_start_seconds, seen: Some(seen), values, ..Self::default() }
    }
}

impl Baseline {
    /// What a look adds; the baseline stays where it is.
    ///
    /// # Errors
    ///
    /// Where several servers answer at this address in turn: their counters cannot be told apart.
    pub(super) fn compare(&self, look: Look<'_>) -> Result<Taken, Trouble> {
        let is_restart = self.is_restart(look)?;
        let is_changed = |counter, value| is_restart || self.values.get(counter) != Some(value);
        let changed = look.values.iter().filter(|(counter, value)| is_changed(*counter, *value));
        Ok(Taken {
            url: look.url.to_owned(),
            process_start_seconds: look.process_start_seconds,
            seen: look.seen,
            is_restart,
            changed: changed.map(|(counter, &value)| (counter.clone(), value)).collect(),
            seconds: self.seconds(look, is_restart),
            gains: gains(&self.values, look.values, is_restart),
        })
    }

    /// Whether another process answers than before.
    ///
    /// Its start time alone does not say so: it moves when the clock is set. But a process that started since the
    /// last look is another one, and so is one with another start time whose counters are less than they were.
    fn is_restart(&self, look: Look<'_>) -> Result<bool, Trouble> {
        let fell = || look.values.iter().any(|(counter, now)| Some(now) < self.values.get(counter));
        let (before, now) = (self.process_start_seconds, look.process_start_seconds);
        let (Some(before), Some(now)) = (before, now) else { return Ok(fell()) };
        if before == now {
            // What fell all the same is counted from 0 by itself.
            return Ok(false);
        }
        if self.earlier_starts.contains(&now) {
            let reason = "several servers answer at this address in turn; name them all, with \
                dns+http:// where it is a name of theirs";
            return Err(Trouble::Invalid(reason.to_owned()));
        }
        let last = self.seen.map(|seen| seen.minus(CLOCK_SKEW));
        Ok(last.is_none_or(|last| Millis::from_seconds(now) >= last) || fell())
    }

    /// The time that the gains are of: since the last look, or since the process started.
    fn seconds(&self, look: Look<'_>, is_restart: bool) -> f64 {
        let since = |earlier| look.seen.seconds_since(earlier);
        let is_whole_past = is_restart || self.seen.is_none();
        let start = look.process_start_seconds.filter(|_| is_whole_past);
        let since_start = start.map(|start| since(Millis::from_seconds(start)));
        let seconds = match (self.seen.map(since), since_start) {
            (Some(look), Some(start)) => look.min(start),
            (look, start) => look.or(start).unwrap_or(0.0),
        };
        seconds.max(MIN_SECONDS)
    }

    /// Moves to the look that something was taken at.
    pub(super) fn move_to(&mut self, taken: Taken) {
        if taken.is_restart {
            self.values = Values::new();
            self.earlier_starts.extend(self.process_start_seconds);
            if self.earlier_starts.len() > MAX_STARTS {
                self.earlier_starts.pop_front();
            }
        }
        self.values.extend(taken.changed);
        self.seen = Some(taken.seen);
        self.process_start_seconds = taken.process_start_seconds;
    }
}
