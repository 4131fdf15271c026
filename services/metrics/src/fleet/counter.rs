//! The counters of an inference server that are followed, and what they rose by between two looks.

use std::collections::{BTreeMap, HashMap};

use registry::ModelName;
use serde::{Deserialize, Serialize};

use crate::buckets::{Bound, Buckets};
use crate::counts::{Counts, add_to_bin};

/// A counter that only rises while its process lives; as JSON it is the key in the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counter {
    /// Requests with one outcome, over all methods.
    Requests { route: Route, outcome: Outcome },
    /// Requests that took no longer than a bound.
    Latency { route: Route, le: Le },
    /// Rows that a version answered.
    Rows { model: ModelName, version: u64 },
    /// Times of the model alone.
    ModelLatency { model: ModelName, version: u64, le: Le },
    /// Values in a bin of a feature's baseline.
    Bin { model: ModelName, version: u64, feature: String, bin: usize },
    /// Rows without a value.
    Missing { model: ModelName, version: u64, feature: String },
    /// Categories never seen in training.
    Unseen { model: ModelName, version: u64, feature: String },
    /// Predictions in a bin of their baseline.
    PredictionBin { model: ModelName, version: u64, bin: usize },
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Route {
    /// Predictions.
    Predict,
    /// Everything else but probes.
    Other,
}

/// How a request ended, by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Below 400.
    Answered,
    /// 4xx.
    Refused,
    /// 5xx.
    Failed,
}

/// A bucket's bound as text, as the series has it: a key must be the same each time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Le(pub(crate) String);

impl Le {
    fn bound(&self) -> Option<Bound> {
        Bound::new(self.0.trim_start_matches('+').parse().ok()?)
    }
}

/// The last value of each counter of one process.
pub(crate) type Values = HashMap<Counter, f64>;

/// What a replica did between two looks.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Gains {
    pub(crate) routes: BTreeMap<Route, Traffic>,
    pub(crate) versions: BTreeMap<(ModelName, u64), Answered>,
}

/// Requests, and how long they took.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Traffic {
    pub(crate) answered: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
    pub(crate) latency: Buckets,
}

impl Traffic {
    pub(crate) fn requests(&self) -> u64 {
        self.answered.saturating_add(self.refused).saturating_add(self.failed)
    }

    /// The share that failed; none where nothing was asked.
    pub(crate) fn error_ratio(&self) -> Option<f64> {
        let requests = self.requests();
        (requests > 0).then(|| self.failed as f64 / requests as f64)
    }

    /// What it says of a route: how long requests took is told of predictions alone.
    pub(crate) fn of_route(&self, route: Route) -> Self {
        let latency = match route {
            Route::Predict => self.latency.clone(),
            Route::Other => Buckets::default(),
        };
        Self { latency, ..self.clone() }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.answered = self.answered.saturating_add(other.answered);
        self.refused = self.refused.saturating_add(other.refused);
        self.failed = self.failed.saturating_add(other.failed);
        self.latency.add(&other.latency);
    }
}

/// What a version answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Answered {
    pub(crate) n_rows: u64,
    pub(crate) counts: Counts,
    pub(crate) latency: Buckets,
}

impl Answered {
    pub(crate) fn add(&mut self, other: &Self) {
        self.n_rows = self.n_rows.saturating_add(other.n_rows);
        self.counts.add(&other.counts);
        self.latency.add(&other.latency);
    }
}

/// What the counters rose by; those of a process that began anew count from 0, and so does each that is less than
/// it was.
pub(crate) fn gains(before: &Values, now: &Values, is_restart: bool) -> Gains {
    let mut sums = Sums::default();
    for (counter, &value) in now {
        let before = before.get(counter).filter(|_| !is_restart).copied().unwrap_or(0.0);
        let gain = if value < before { value } else { value - before };
        // Counts are whole numbers, exact up to 2^53.
        sums.add(counter, gain.round() as u64);
    }
    sums.gains()
}

/// Gains whose buckets are still cumulative.
#[derive(Default)]
struct Sums {
    gains: Gains,
    latency: BTreeMap<Route, BTreeMap<Bound, u64>>,
    model_latency: BTreeMap<(ModelName, u64), BTreeMap<Bound, u64>>,
}

impl Sums {
    fn add(&mut self, counter: &Counter, gain: u64) {
        // Nothing is a gain too where it says that a bucket is empty.
        match counter {
            Counter::Latency { route, le } => {
                if let Some(bound) = le.bound() {
                    self.latency.entry(*route).or_default().insert(bound, gain);
                }
            }
            Counter::ModelLatency { model, version, le } => {
                if let Some(bound) = le.bound() {
                    let version = self.model_latency.entry((model.clone(), *version));
                    version.or_default().insert(bound, gain);
                }
            }
            _ if gain == 0 => {}
            Counter::Requests { route, outcome } => {
                let traffic = self.gains.routes.entry(*route).or_default();
                *match outcome {
                    Outcome::Answered => &mut traffic.answered,
                    Outcome::Refused => &mut traffic.refused,
                    Outcome::Failed => &mut traffic.failed,
                } = gain;
            }
            Counter::Rows { model, version } => self.version(model, *version).n_rows = gain,
            Counter::Bin { model, version, feature, bin } => {
                let counts = &mut self.version(model, *version).counts;
                add_to_bin(&mut counts.feature(feature).bins, *bin, gain);
            }
            Counter::Missing { model, version, feature } => {
                self.version(model, *version).counts.feature(feature).missing = gain;
            }
            Counter::Unseen { model, version, feature } => {
                self.version(model, *version).counts.feature(feature).unseen = gain;
            }
            Counter::PredictionBin { model, version, bin } => {
                add_to_bin(&mut self.version(model, *version).counts.predictions, *bin, gain);
            }
        }
    }

    fn version(&mut self, model: &ModelName, version: u64) -> &mut Answered {
        self.gains.versions.entry((model.clone(), version)).or_default()
    }

    fn gains(mut self) -> Gains {
        for (route, cumulative) in std::mem::take(&mut self.latency) {
            let latency = Buckets::from_cumulative(&cumulative);
            if latency.count() > 0 {
                self.gains.routes.entry(route).or_default().latency = latency;
            }
        }
        for ((model, version), cumulative) in std::mem::take(&mut self.model_latency) {
            let latency = Buckets::from_cumulative(&cumulative);
            if latency.count() > 0 {
                self.version(&model, version).latency = latency;
            }
        }
        self.gains
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(value: f64) -> Values {
        let model: ModelName = "diamonds".parse().unwrap();
        Values::from([(Counter::Rows { model, version: 3 }, value)])
    }

    fn gained(before: f64, now: f64, is_restart: bool) -> u64 {
        let gains = gains(&rows(before), &rows(now), is_restart);
        gains.versions.values().map(|answered| answered.n_rows).sum()
    }

    #[test]
    fn a_counter_gains_what_it_rose_by_and_from_0_after_a_restart() {
        assert_eq!(gained(10.0, 17.0, false), 7);
        assert_eq!(gained(10.0, 10.0, false), 0);
        assert_eq!(gained(10.0, 17.0, true), 17, "another process counted these");
        assert_eq!(gained(10.0, 4.0, false), 4, "it fell, so it began anew");
        assert_eq!(gains(&Values::new(), &rows(5.0), false).versions.len(), 1);
    }

    #[test]
    fn buckets_are_taken_apart_after_the_difference() {
        let values = |counts: [f64; 3]| -> Values {
            let bounds = ["0.001", "0.01", "+Inf"].map(|le| Le(le.to_owned()));
            let counter = |le| Counter::Latency { route: Route::Predict, le };
            bounds.into_iter().map(counter).zip(counts).collect()
        };
        let gains = gains(&values([5.0, 9.0, 9.0]), &values([5.0, 12.0, 13.0]), false);
        let latency = &gains.routes[&Route::Predict].latency;
        assert_eq!(serde_json::to_string(latency).unwrap(), "[[0.001,0],[0.01,3],[null,1]]");
    }

    proptest! {
        #[test]
        fn the_gains_of_any_looks_add_up_to_the_last_value(mut values in proptest::collection::vec(0u32..1_000_000, 1..20)) {
            values.sort_unstable();
            let mut before = 0.0;
            let mut sum = 0;
            for &value in &values {
                sum += gained(before, f64::from(value), false);
                before = f64::from(value);
            }
            prop_assert_eq!(sum, u64::from(*values.last().unwrap()));
        }
    }
}
