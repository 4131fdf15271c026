//! `prune`: old versions go.

use registry::{ModelName, Registry, RegistryError};

use crate::actor;
use crate::config::{Output, PruneArgs};
use crate::context::Context;
use crate::to_json;

pub(crate) fn prune(args: &PruneArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let model = &args.model;
    if context.wait(registry.versions(model))?.is_empty() {
        let location = registry.location().to_owned();
        return Err(RegistryError::UnknownModel(model.to_string(), location).into());
    }
    let pruned = if args.dry_run {
        context.wait(registry.prunable(model, args.keep))?
    } else {
        pruned(&registry, model, args.keep, args.act.by.as_deref(), context)?
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
    by: Option<&str>,
    context: &Context<'_>,
) -> anyhow::Result<Vec<u64>> {
    let by = actor::name(by);
    let pruned = context.wait(registry.prune(model, keep, context.stamp(&by)))?;
    if !pruned.is_empty() {
        tracing::info!(model.name = %model, ?pruned, "old versions removed");
    }
    Ok(pruned)
}

fn said(model: &ModelName, pruned: &[u64], is_dry_run: bool) -> String {
    if pruned.is_empty() {
        return format!("{model} has no version to remove");
    }
    let verb = if is_dry_run { "would be removed" } else { "are removed" };
    let versions: Vec<_> = pruned.iter().map(u64::to_string).collect();
    format!("{model}: versions {} {verb}", versions.join(", "))
}
