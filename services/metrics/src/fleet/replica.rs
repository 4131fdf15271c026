//! One replica as the rounds know it: its state, what its counters are compared with, and what it did in the last
//! minute.
//!
//! What is shown of it is what it said last. What counts is what is stored: where that fails, the next round counts
//! from the same baseline again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use registry::ModelName;
use serde::Serialize;

use super::baseline::{Baseline, Look};
use super::client::Trouble;
use super::counter::{Counter, Gains, Traffic, Values};
use super::reading::Reading;
use crate::clock::Millis;
use crate::store::{LastSeen, Taken};

/// What rates are over.
const RECENT: Duration = Duration::from_secs(60);

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
    /// What is counted from: the last look that was stored. None until the store has said which that is.
    stored: Option<Baseline>,
    /// What rates are counted from: the last look, stored or not, with the counters that rates are of.
    heard: Baseline,
    recent: VecDeque<Recent>,
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
    /// A replica that is now in the list.
    pub(super) fn new(url: &str) -> Self {
        let view = ReplicaView {
            url: url.to_owned(),
            state: State::Unreachable,
            reason: None,
            champions: BTreeMap::new(),
            memory_bytes: None,
            started_at: None,
            seen_at: None,
            rates: None,
        };
        Self { view, stored: None, heard: Baseline::default(), recent: VecDeque::new() }
    }

    pub(super) fn view(&self) -> ReplicaView {
        self.view.clone()
    }

    /// Whether the store has said what it knows of it.
    pub(super) fn is_remembered(&self) -> bool {
        self.stored.is_some()
    }

    /// Takes over what the store knows of it.
    pub(super) fn remember(&mut self, last: Option<LastSeen>) {
        if let (Some(last), None) = (&last, self.heard.seen) {
            self.view.seen_at = Some(last.seen);
            self.view.started_at = last.process_start_seconds.map(Millis::from_seconds);
            self.heard = LastSeen { values: of_rates(&last.values), ..last.clone() }.into();
        }
        self.stored = Some(last.map(Baseline::from).unwrap_or_default());
    }

    /// Takes in what it says of itself; gives what that adds to what is stored, none while that is not known.
    ///
    /// # Errors
    ///
    /// Where several servers answer at this address in turn; nothing is taken in then.
    pub(super) fn hear(
        &mut self,
        reading: Reading,
        not_ready: Option<String>,
        seen: Millis,
    ) -> Result<Option<Taken>, Trouble> {
        let Reading { process_start_seconds, memory_bytes, champions, values } = reading;
        let url = &self.view.url;
        let look = Look { url, process_start_seconds, seen, values: &values };
        let taken = self.stored.as_ref().map(|stored| stored.compare(look)).transpose()?;
        let shown = self.heard.compare(Look { values: &of_rates(&values), ..look })?;
        self.recent.push_back(Recent { at: seen, rates: Rates::of(shown.seconds, &shown.gains) });
        self.heard.move_to(shown);
        self.view = ReplicaView {
            url: std::mem::take(&mut self.view.url),
            state: if not_ready.is_some() { State::NotReady } else { State::Ready },
            reason: not_ready,
            champions,
            memory_bytes,
            started_at: process_start_seconds.map(Millis::from_seconds),
            seen_at: Some(seen),
            rates: None,
        };
        Ok(taken)
    }

    /// Counts from what was stored now.
    pub(super) fn accept(&mut self, taken: Taken) {
        if let Some(stored) = &mut self.stored {
            stored.move_to(taken);
        }
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

impl Rates {
    fn of(seconds: f64, gains: &Gains) -> Self {
        let mut traffic = Traffic::default();
        for (route, gained) in &gains.routes {
            traffic.add(&gained.of_route(*route));
        }
        let rows = gains.versions.iter();
        let rows = rows.map(|(version, answered)| (version.clone(), answered.n_rows)).collect();
        Self { seconds, traffic, rows }
    }
}

/// The counters that rates are of.
fn of_rates(values: &Values) -> Values {
    let is_of_rates = |counter: &Counter| {
        matches!(counter, Counter::Requests { .. } | Counter::Latency { .. } | Counter::Rows { .. })
    };
    let values = values.iter().filter(|(counter, _)| is_of_rates(counter));
    values.map(|(counter, &value)| (counter.clone(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::reading;
    use super::*;

    /// So many requests, ten seconds after the start for each.
    fn hear(replica: &mut Replica, requests: u64) -> Option<Taken> {
        let text = format!(
            "canopy_process_start_time_seconds 1000\n\
             http_requests_total{{route=\"/predict\",status=\"200\"}} {requests}\n"
        );
        let seen = Millis::from_seconds(1000.0 + 10.0 * requests as f64);
        replica.hear(reading::read(&text).unwrap(), None, seen).unwrap()
    }

    fn answered(taken: &Taken) -> u64 {
        taken.gains.routes.values().map(|traffic| traffic.answered).sum()
    }

    #[test]
    fn what_is_not_stored_counts_again_and_is_shown_once() {
        let mut replica = Replica::new("http://a:1");
        assert!(hear(&mut replica, 1).is_none(), "nobody knows what was stored");
        replica.remember(None);
        let taken = hear(&mut replica, 2).unwrap();
        assert_eq!((answered(&taken), taken.seconds), (2, 20.0));
        // That was not stored, and this is.
        let taken = hear(&mut replica, 3).unwrap();
        assert_eq!((answered(&taken), taken.seconds), (3, 30.0));
        replica.accept(taken);
        let taken = hear(&mut replica, 4).unwrap();
        assert_eq!((answered(&taken), taken.seconds), (1, 10.0));
        replica.sum_up(Millis::from_seconds(1040.0));
        let rates = replica.view().rates.unwrap();
        assert_eq!((rates.traffic.answered, rates.seconds), (4, 40.0));
        assert_eq!(replica.view().state, State::Ready);
    }
}
