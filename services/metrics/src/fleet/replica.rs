//! One replica as the rounds know it: its state, its last counters, and what it did in the last minute.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use registry::ModelName;
use serde::Serialize;

use super::client::Trouble;
use super::counter::{Gains, Traffic, Values, gains};
use super::reading::Reading;
use crate::clock::Millis;
use crate::store::{LastSeen, Taken};

/// What rates are over.
const RECENT: Duration = Duration::from_secs(60);
/// The clocks of two machines are not further apart.
const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// Start times that are remembered.
const MAX_STARTS: usize = 32;

/// Whether a replica may be counted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It answers predictions.
    Ready,
    /// It answers that it does not.
    NotReady,
    /// It does not answer, or not in time.
    Unreachable,
    /// It answers what cannot be read.
    Invalid,
}

impl State {
    pub(crate) const ALL: [Self; 4] =
        [Self::Ready, Self::NotReady, Self::Unreachable, Self::Invalid];

    /// As labels and the state document have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not_ready",
            Self::Unreachable => "unreachable",
            Self::Invalid => "invalid",
        }
    }
}

/// A replica, and how it was at the last look.
#[derive(Debug)]
pub(super) struct Replica {
    view: ReplicaView,
    process_start_seconds: Option<f64>,
    values: Values,
    recent: VecDeque<Recent>,
    /// When the processes before the present one started.
    earlier_starts: VecDeque<f64>,
}

/// What others see of a replica.
#[derive(Debug, Clone)]
pub(crate) struct ReplicaView {
    pub(crate) url: String,
    pub(crate) state: State,
    /// Why it is not ready, in words.
    pub(crate) reason: Option<String>,
    /// The champion of each model.
    pub(crate) champions: BTreeMap<ModelName, u64>,
    pub(crate) memory_bytes: Option<f64>,
    pub(crate) started_at: Option<Millis>,
    pub(crate) seen_at: Option<Millis>,
    /// Over the last minute; none where it did not answer in it.
    pub(crate) rates: Option<Rates>,
}

/// What a replica did in a span of time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    pub(crate) seconds: f64,
    /// All requests but probes; latency is of predictions alone.
    pub(crate) traffic: Traffic,
    pub(crate) rows: BTreeMap<(ModelName, u64), u64>,
}

/// What lay between two looks.
#[derive(Debug)]
struct Recent {
    at: Millis,
    rates: Rates,
}

impl Replica {
    /// A replica that is now in the list; `last` is what the store knows of it.
    pub(super) fn new(url: &str, last: Option<LastSeen>) -> Self {
        let (process_start_seconds, seen_at, values) = match last {
            Some(last) => (last.process_start_seconds, Some(last.seen), last.values),
            None => (None, None, Values::new()),
        };
        let view = ReplicaView {
            url: url.to_owned(),
            state: State::Unreachable,
            reason: None,
            champions: BTreeMap::new(),
            memory_bytes: None,
            started_at: process_start_seconds.map(from_seconds),
            seen_at,
            rates: None,
        };
        let (recent, earlier_starts) = (VecDeque::new(), VecDeque::new());
        Self { view, process_start_seconds, values, recent, earlier_starts }
    }

    pub(super) fn view(&self) -> ReplicaView {
        self.view.clone()
    }

    /// What a reading adds to what was known; nothing is changed until it is stored.
    ///
    /// # Errors
    ///
    /// Where several servers answer at this address in turn: their counters cannot be told apart.
    pub(super) fn compare(&self, reading: &Reading, seen: Millis) -> Result<Taken, Trouble> {
        let is_restart = self.is_restart(reading)?;
        let is_changed = |counter, value| is_restart || self.values.get(counter) != Some(value);
        let changed = reading.values.iter().filter(|(counter, value)| is_changed(*counter, *value));
        Ok(Taken {
            url: self.view.url.clone(),
            process_start_seconds: reading.process_start_seconds,
            seen,
            is_restart,
            changed: changed.map(|(counter, &value)| (counter.clone(), value)).collect(),
            seconds: self.seconds(reading, seen, is_restart),
            gains: gains(&self.values, &reading.values, is_restart),
        })
    }

    /// Whether another process answers than before.
    ///
    /// Its start time alone does not say so: it moves when the clock is set. But a process that started since the
    /// last look is another one, and so is one with another start time whose counters are less than they were.
    fn is_restart(&self, reading: &Reading) -> Result<bool, Trouble> {
        let fell =
            || reading.values.iter().any(|(counter, now)| Some(now) < self.values.get(counter));
        let (before, now) = (self.process_start_seconds, reading.process_start_seconds);
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
        let last = self.view.seen_at.map(|seen| seen.minus(CLOCK_SKEW));
        Ok(last.is_none_or(|last| from_seconds(now) >= last) || fell())
    }

    /// The time that the gains are of: since the last look, or since the process started.
    fn seconds(&self, reading: &Reading, seen: Millis, is_restart: bool) -> f64 {
        let since_look = self.view.seen_at.map(|last| seen.seconds_since(last));
        let is_whole_past = is_restart || self.view.seen_at.is_none();
        let start = reading.process_start_seconds.filter(|_| is_whole_past).map(from_seconds);
        let since_start = start.map(|start| seen.seconds_since(start));
        let seconds = match (since_look, since_start) {
            (Some(look), Some(start)) => look.min(start),
            (look, start) => look.or(start).unwrap_or(0.0),
        };
        seconds.max(MIN_SECONDS)
    }

    /// Takes over what was stored.
    pub(super) fn accept(&mut self, reading: Reading, not_ready: Option<String>, taken: Taken) {
        let Taken { seen, is_restart, seconds, gains: Gains { routes, versions }, .. } = taken;
        let mut traffic = Traffic::default();
        for (route, gained) in routes {
            traffic.add(&gained.of_route(route));
        }
        let rows = versions.into_iter().map(|(version, answered)| (version, answered.n_rows));
        let rates = Rates { seconds, traffic, rows: rows.collect() };
        self.recent.push_back(Recent { at: seen, rates });
        if is_restart {
            self.values = HashMap::new();
        }
        self.values.extend(reading.values);
        if is_restart {
            self.earlier_starts.extend(self.process_start_seconds);
            if self.earlier_starts.len() > MAX_STARTS {
                self.earlier_starts.pop_front();
            }
        }
        self.process_start_seconds = reading.process_start_seconds;
        self.view = ReplicaView {
            url: std::mem::take(&mut self.view.url),
            state: if not_ready.is_some() { State::NotReady } else { State::Ready },
            reason: not_ready,
            champions: reading.champions,
            memory_bytes: reading.memory_bytes,
            started_at: reading.process_start_seconds.map(from_seconds),
            seen_at: Some(seen),
            rates: None,
        };
    }

    /// Notes that it gave nothing; what it was before stays.
    pub(super) fn miss(&mut self, trouble: &Trouble) {
        self.view.state = match trouble {
            Trouble::Unreachable(_) | Trouble::Timeout(_) => State::Unreachable,
            Trouble::Invalid(_) => State::Invalid,
        };
        self.view.reason = Some(trouble.to_string());
        self.view.memory_bytes = None;
    }

    /// Sums up the last minute.
    pub(super) fn sum_up(&mut self, now: Millis) {
        let first = now.minus(RECENT);
        while self.recent.front().is_some_and(|recent| recent.at <= first) {
            self.recent.pop_front();
        }
        let mut sum = Rates::default();
        for Recent { rates, .. } in &self.recent {
            sum.seconds += rates.seconds;
            sum.traffic.add(&rates.traffic);
            for (version, n_rows) in &rates.rows {
                *sum.rows.entry(version.clone()).or_default() += n_rows;
            }
        }
        self.view.rates = (!self.recent.is_empty()).then_some(sum);
    }
}

/// Two looks are never at one moment, whatever the clock says.
const MIN_SECONDS: f64 = 1e-3;

fn from_seconds(seconds: f64) -> Millis {
    Millis((seconds * 1e3) as i64)
}
