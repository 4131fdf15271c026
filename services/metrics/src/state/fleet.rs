//! The replicas, and what they do together. Quantiles come from their buckets added up.

use registry::ModelName;
use serde::Serialize;

use crate::fleet::{Rates, ReplicaView, State, Traffic};
use crate::snapshot::Snapshot;

/// All replicas; rates are over the last minute.
#[derive(Debug, Serialize)]
pub(super) struct Fleet<'a> {
    replicas: Vec<Replica<'a>>,
    ready: usize,
    not_ready: usize,
    unreachable: usize,
    invalid: usize,
    version_skew: bool,
    #[serde(flatten)]
    figures: Figures,
}

/// One replica; `version` is the champion that it serves of the model asked for.
#[derive(Debug, Serialize)]
struct Replica<'a> {
    url: &'a str,
    state: State,
    reason: Option<&'a str>,
    version: Option<u64>,
    #[serde(flatten)]
    figures: Figures,
    memory_bytes: Option<f64>,
    uptime_seconds: Option<f64>,
    last_seen_at: Option<String>,
}

/// What was answered, and how fast; null where nothing is known.
#[derive(Debug, Serialize)]
struct Figures {
    requests_per_second: Option<f64>,
    error_ratio: Option<f64>,
    p50_seconds: Option<f64>,
    p95_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

impl<'a> Fleet<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, model: Option<&ModelName>) -> Self {
        let replicas = &snapshot.fleet.replicas;
        let n_in = |state| replicas.iter().filter(|replica| replica.state == state).count();
        let uptime = |replica: &ReplicaView| {
            let started = replica.started_at.filter(|_| is_there(replica))?;
            Some(snapshot.at.seconds_since(started))
        };
        let of_replica = |replica: &'a ReplicaView| Replica {
            url: &replica.url,
            state: replica.state,
            reason: replica.reason.as_deref(),
            version: model.and_then(|model| replica.champions.get(model)).copied(),
            figures: Figures::of(replica.rates.as_ref()),
            memory_bytes: replica.memory_bytes,
            uptime_seconds: uptime(replica),
            last_seen_at: replica.seen_at.map(crate::clock::Millis::rfc3339),
        };
        Self {
            ready: n_in(State::Ready),
            not_ready: n_in(State::NotReady),
            unreachable: n_in(State::Unreachable),
            invalid: n_in(State::Invalid),
            version_skew: model.is_some_and(|model| snapshot.has_version_skew(model)),
            figures: Figures::of_all(replicas.iter().filter_map(|replica| replica.rates.as_ref())),
            replicas: replicas.iter().map(of_replica).collect(),
        }
    }
}

fn is_there(replica: &ReplicaView) -> bool {
    matches!(replica.state, State::Ready | State::NotReady)
}

impl Figures {
    fn of(rates: Option<&Rates>) -> Self {
        Self::of_all(rates.into_iter())
    }

    fn of_all<'r>(all: impl Iterator<Item = &'r Rates>) -> Self {
        let mut traffic = Traffic::default();
        let mut requests_per_second = None;
        for rates in all {
            traffic.add(&rates.traffic);
            let rate = rates.traffic.requests() as f64 / rates.seconds;
            requests_per_second = Some(requests_per_second.unwrap_or(0.0) + rate);
        }
        Self {
            requests_per_second,
            error_ratio: traffic.error_ratio(),
            p50_seconds: traffic.latency.quantile(0.5),
            p95_seconds: traffic.latency.quantile(0.95),
            p99_seconds: traffic.latency.quantile(0.99),
        }
    }
}
