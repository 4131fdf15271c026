//! `prune`: old versions go.

use registry::{ModelName, Registry};

use crate::actor;
use crate::config::{ActArgs, Output, PruneArgs};
use crate::context::Context;
use crate::history::known;
use crate::to_json;

pub(crate) fn prune(args: &PruneArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let model = &args.model;
    known(&registry, model, context)?;
    let pruned = if args.dry_run {
        context.wait(registry.prunable(model, args.keep))?
    } else {
        pruned(&registry, model, args.keep, &args.act, context)?
    };
    Ok(match args.common.output {
        Output::Json => to_json(&serde_json::json!({
            "model": model, "pruned": pruned, "dry_run": args.dry_run,
        })),
        Output::Text => said(model, &pruned, args.dry_run),
    })
}

/// Removes all but the newest versions.
pub(crate) fn pruned(
    registry: &Registry,
    model: &ModelName,
    keep: usize,
    act: &ActArgs,
    context: &Context<'_>,
) -> anyhow::Result<Vec<u64>> {
    let by = actor::name(act.by.as_deref());
    let kept = format!("all but the newest {keep}");
    let reason = act.reason.as_deref().unwrap_or(&kept);
    let stamp = context.stamp(&by);
    let pruned = context.wait(registry.prune_because(Some(reason), model, keep, stamp))?;
    if !pruned.is_empty() {
        tracing::info!(model.name = %model, ?pruned, "old versions removed");
    }
    Ok(pruned)
}

fn said(model: &ModelName, pruned: &[u64], is_dry_run: bool) -> String {
    if pruned.is_empty() {
        return format!("{model} has no version to remove");
    }
    let verb = match (is_dry_run, pruned.len()) {
        (true, _) => "would be removed",
        (false, 1) => "is removed",
        (false, _) => "are removed",
    };
    let noun = if pruned.len() == 1 { "version" } else { "versions" };
    let versions: Vec<_> = pruned.iter().map(u64::to_string).collect();
    format!("{model}: {noun} {} {verb}", versions.join(", "))
}
