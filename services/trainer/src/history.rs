//! `history`: the ledger, for a person or a program.

use registry::{Action, Entry, ModelName, Registry, RegistryError, Verdict};

use crate::alias::tried;
use crate::config::{HistoryArgs, Output};
use crate::context::Context;
use crate::promote::verdict;
use crate::text::{clean, count, table};
use crate::to_json;

pub(crate) fn history(args: &HistoryArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let model = &args.model;
    known(&registry, model, context)?;
    let (ledger, fault) = context.wait(registry.check_ledger(model))?;
    if let Some(fault) = &fault {
        tracing::warn!(model.name = %model, "the ledger is not what was written: {fault}");
    }
    Ok(match args.common.output {
        Output::Json => to_json(&serde_json::json!({
            "model": model,
            "entries": ledger.entries,
            "fault": fault.map(|fault| fault.to_string()),
        })),
        Output::Text => {
            let entries = match &ledger.entries[..] {
                [] => format!("{model} has no entry in its ledger"),
                entries => in_words(entries),
            };
            let fault = fault.map(|fault| format!("\nNOT AS IT WAS WRITTEN: {fault}"));
            entries + &fault.unwrap_or_default()
        }
    })
}

/// Checks the chain; says what it proved.
pub(crate) fn checked(
    registry: &Registry,
    model: &ModelName,
    context: &Context<'_>,
) -> anyhow::Result<usize> {
    known(registry, model, context)?;
    let (ledger, fault) = context.wait(registry.check_ledger(model))?;
    match fault {
        None => Ok(ledger.entries.len()),
        Some(fault) => Err(anyhow::Error::from(fault)
            .context(format!("the ledger of `{model}` is not what was written"))),
    }
}

/// Fails where neither a version nor a move of the model is known: its name may be misspelt.
pub(crate) fn known(
    registry: &Registry,
    model: &ModelName,
    context: &Context<'_>,
) -> Result<(), RegistryError> {
    let versions = context.wait(registry.versions(model))?;
    if versions.is_empty() && context.wait(registry.ledger(model))?.entries.is_empty() {
        let location = registry.location().to_owned();
        return Err(RegistryError::UnknownModel(model.to_string(), location));
    }
    Ok(())
}

fn in_words(entries: &[Entry]) -> String {
    let heads: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            vec![format!("#{}", entry.entry), entry.at.clone(), clean(&entry.by), what(entry)]
        })
        .collect();
    let heads = table(&heads, &[0]);
    let mut text = String::new();
    for (head, entry) in heads.lines().zip(entries) {
        text.push_str(head.trim_end());
        text.push('\n');
        for line in details(entry) {
            text.push_str(&format!("      {line}\n"));
        }
    }
    text.push_str(&format!("{} in the ledger", n_entries(entries.len())));
    text
}

/// A number of entries, in words.
pub(crate) fn n_entries(n: usize) -> String {
    if n == 1 { "1 entry".to_owned() } else { format!("{} entries", count(n as u64)) }
}

fn what(entry: &Entry) -> String {
    let Entry { alias, .. } = entry;
    let version =
        |version: Option<u64>| version.map_or("none".to_owned(), |version| version.to_string());
    let (from, to) = (version(entry.from), version(entry.to));
    let forced = if entry.forced { ", by force" } else { "" };
    match entry.action {
        Action::Promoted => {
            let how = tried(entry.trial).map(|how| format!(", {how}")).unwrap_or_default();
            format!("{alias} {from} → {to}: promoted{forced}{how}")
        }
        Action::RolledBack => format!("{alias} {from} → {to}: rolled back"),
        Action::Refused => format!("{alias} stays {from}: version {to} refused"),
        Action::TrialStopped => format!("{alias} {from} → none: stopped"),
        Action::Vetoed => format!("{alias} {from} → none: VETOED"),
        Action::Pruned => {
            let pruned: Vec<_> = entry.pruned.iter().map(u64::to_string).collect();
            format!("removed: {}", pruned.join(", "))
        }
        Action::TrialSet => {
            let how = tried(entry.trial);
            format!("{alias} {to}: {}", how.as_deref().unwrap_or("as the servers have it"))
        }
    }
}

/// Why, and what the gates said that had something to judge by.
fn details(entry: &Entry) -> Vec<String> {
    let reason = entry.reason.as_ref().map(|reason| format!("why: {}", clean(reason)));
    let gates = entry.gates.iter().filter(|gate| gate.verdict != Verdict::Skipped);
    let gates = gates
        .map(|gate| format!("{} {}: {}", gate.gate, verdict(gate.verdict), clean(&gate.detail)));
    reason.into_iter().chain(gates).collect()
}
