//! The moves of the aliases, and those that were refused, from the ledger.

use registry::{Action, Entry, ModelName};
use serde::Serialize;

use crate::snapshot::Snapshot;

/// As many as people look at.
const MAX_MOVES: usize = 50;

/// One entry.
#[derive(Debug, Serialize)]
pub(super) struct AliasMove<'a> {
    time: &'a str,
    alias: &'a str,
    action: Action,
    from: Option<u64>,
    to: Option<u64>,
    by: &'a str,
    reason: Option<&'a str>,
}

/// The newest first.
pub(super) fn of<'a>(snapshot: &'a Snapshot, model: &ModelName) -> Vec<AliasMove<'a>> {
    let Some(model) = snapshot.model(model) else { return Vec::new() };
    let entries = model.ledger.entries.iter().rev();
    let moves = entries.filter(|entry| entry.action != Action::Pruned);
    moves.take(MAX_MOVES).map(AliasMove::of).collect()
}

impl<'a> AliasMove<'a> {
    fn of(entry: &'a Entry) -> Self {
        Self {
            time: &entry.at,
            alias: &entry.alias,
            action: entry.action,
            from: entry.from,
            to: entry.to,
            by: &entry.by,
            reason: entry.reason.as_deref(),
        }
    }
}
