//! What keeps the service from knowing: each with what a person can do about it.

use serde::Serialize;

use crate::fleet::State;
use crate::snapshot::Snapshot;

/// Something that is not known, and how it could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) action: String,
}

/// All that is wrong now.
pub(crate) fn problems(snapshot: &Snapshot) -> Vec<Trouble> {
    let mut problems = Vec::new();
    let mut add = |code, text: String, action: &str| {
        problems.push(Trouble { code, text, action: action.to_owned() });
    };
    let fleet = &snapshot.fleet;
    if let Some(reason) = fleet.not_stored.as_ref().or(snapshot.not_read.as_ref()) {
        let text = format!("the database cannot be used: {reason}");
        add(
            "store_failed",
            text,
            "look whether the volume of --data is full or away; what replicas count meanwhile is made up for",
        );
    }
    for (target, reason) in &fleet.not_found {
        let text = format!("the target {target} cannot be looked up: {reason}");
        add(
            "target_not_found",
            text,
            "check the name in --targets (CANOPY_TARGETS), and that the Service exists",
        );
    }
    if !fleet.replicas.iter().any(|r| matches!(r.state, State::Ready | State::NotReady)) {
        let text = match fleet.replicas.len() {
            0 => "no replica is known".to_owned(),
            n => format!("none of {n} replicas can be reached"),
        };
        add(
            "no_replica_reachable",
            text,
            "check --targets (CANOPY_TARGETS), that inference servers run, and that a NetworkPolicy lets this service ask them",
        );
    }
    for replica in fleet.replicas.iter().filter(|replica| replica.state == State::Invalid) {
        let reason = replica.reason.as_deref().unwrap_or("it is not understood");
        let text = format!("{} answers what no inference server answers: {reason}", replica.url);
        add(
            "replica_invalid",
            text,
            "check that the address is that of canopy-inference, in a release that fits this one",
        );
    }
    if let Some(reason) = &snapshot.registry.unreadable {
        let text = format!("the registry cannot be read: {reason}");
        add(
            "registry_unreadable",
            text,
            "check --registry (CANOPY_REGISTRY), that its volume is mounted or its bucket reachable; drift and training scores wait for it",
        );
    }
    for (model, view) in &snapshot.registry.models {
        for (alias, reason) in &view.unreadable {
            let text = format!("the alias {alias} of {model} cannot be read: {reason}");
            add(
                "alias_unreadable",
                text,
                "move it anew with `canopy-trainer promote`, or `canary set` for a challenger; what it named before is shown until then",
            );
        }
        if let Some(fault) = &view.ledger.fault {
            let text = format!("the ledger of {model} is damaged: {fault}");
            add(
                "ledger_damaged",
                text,
                "look at it with `canopy-trainer verify --ledger`; the moves that can be read are shown",
            );
        }
        for (version, read) in &view.versions {
            if let Err(reason) = read {
                let text = format!("version {version} of {model} cannot be read: {reason}");
                add(
                    "version_unreadable",
                    text,
                    "verify it with `canopy-trainer verify`; without its manifest its drift is unknown",
                );
            }
        }
    }
    for (model, version, reason) in snapshot.not_measured() {
        let text = format!("the drift of {model} version {version} cannot be measured: {reason}");
        add(
            "drift_not_measured",
            text,
            "check that every replica serves from the same registry as this service reads",
        );
    }
    for (model, version) in snapshot.not_counted() {
        let text = format!("the replicas count no distributions for {model} version {version}");
        add(
            "distributions_missing",
            text,
            "update the inference servers to the release of this service",
        );
    }
    problems
}
