//! `rollback`: the champion before the present one is back within one look of the servers at the registry.

use anyhow::Context as _;
use registry::{Action, CHAMPION, Move};

use crate::actor;
use crate::champion::{self, Candidate};
use crate::config::{Output, RollbackArgs};
use crate::context::Context;
use crate::history::known;
use crate::promote::is_recorded;
use crate::to_json;
use crate::warning;

pub(crate) fn rollback(args: &RollbackArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let model = &args.model;
    known(&registry, model, context)?;
    let standing = context.wait(registry.settle(model, CHAMPION))?;
    let before = standing.version;
    let version = match args.to {
        Some(version) => version,
        None => {
            let ledger = context.wait(registry.ledger(model))?;
            let versions = context.wait(registry.versions(model))?;
            ledger.champion_before(before).with_context(|| {
                let versions: Vec<_> = versions.iter().map(u64::to_string).collect();
                format!(
                    "the ledger of `{model}` names no champion before the present one; say which version with --to \
                     (there are: {})",
                    if versions.is_empty() { "none".to_owned() } else { versions.join(", ") }
                )
            })?
        }
    };
    // Whatever was true when it was promoted: what is damaged since would not be served.
    let loaded = context.wait(registry.load(model, version)).with_context(|| {
        format!("version {version} cannot be brought back; choose another with --to")
    })?;
    if before == Some(version) && is_recorded(&registry, model, CHAMPION, version, context)? {
        return Ok(said(args, version, None, None));
    }
    let signature = &loaded.manifest.signature;
    let candidate = Candidate { model, version: Some(version), signature };
    warning::log(&champion::compare(&registry, candidate, context)?);
    let wanted = Move {
        reason: args.act.reason.clone(),
        expected: Some(standing),
        ..Move::new(Action::RolledBack, CHAMPION, Some(version))
    };
    let by = actor::name(args.act.by.as_deref());
    let entry = context.wait(registry.move_alias(model, &wanted, context.stamp(&by)))?;
    tracing::info!(model.name = %model, model.version = version, "rolled back");
    Ok(said(args, version, before, Some(entry.entry)))
}

fn said(args: &RollbackArgs, version: u64, before: Option<u64>, entry: Option<u64>) -> String {
    let model = &args.model;
    match (args.common.output, entry) {
        (Output::Json, _) => to_json(&serde_json::json!({
            "model": model, "champion": version, "previous": before, "entry": entry,
        })),
        (Output::Text, None) => format!("{model} version {version} is the champion already"),
        (Output::Text, Some(entry)) => {
            let before = before.filter(|before| *before != version);
            let before = before.map(|before| format!(" in place of version {before}"));
            format!(
                "{model} version {version} is the champion again{} (ledger entry {entry})",
                before.unwrap_or_default()
            )
        }
    }
}
