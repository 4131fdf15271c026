//! The last step: the version goes into the registry, whole or not at all.

use std::path::{Path, absolute};

use anyhow::Context as _;
use registry::{CHAMPION, Draft, Published, Registry};

use crate::clock::{Clock, unix_seconds};
use crate::context::Context;

/// What became of a draft.
pub(crate) struct Outcome {
    pub(crate) version: u64,
    /// The version that is served from now on.
    pub(crate) champion: Option<u64>,
    /// Where it lies.
    pub(crate) path: String,
}

/// Opens the registry before the long work, and finds out that it cannot be written to before it, too.
pub(crate) fn open(location: &str) -> anyhow::Result<Registry> {
    let registry = Registry::create(location)?;
    if !location.contains("://") {
        let probe = Path::new(location).join(".write-check");
        std::fs::write(&probe, []).with_context(|| {
            format!("the registry {location} is not writable; choose another with --registry")
        })?;
        let _ = std::fs::remove_file(&probe); // another trainer may have been faster
    }
    Ok(registry)
}

/// Publishes, and promotes where that is wanted.
pub(crate) fn publish(
    registry: &Registry,
    draft: Draft,
    promote: bool,
    context: &Context<'_>,
) -> anyhow::Result<Outcome> {
    let model = draft.model.clone();
    let now = unix_seconds(context.clock.now());
    let published = context
        .wait(registry.publish(draft, now, context.stop.token()))
        .with_context(|| format!("publishing a version of {model}"))?;
    let Published { version, is_champion } = published;
    tracing::info!(model.name = %model, model.version = version, "published");
    if promote && !is_champion {
        let promoted = async {
            registry.load(&model, version).await?;
            registry.set_alias(&model, CHAMPION, version).await
        };
        context.wait(promoted).with_context(|| {
            format!("version {version} of {model} is published, but could not be promoted")
        })?;
    }
    let champion = context
        .wait(registry.alias(&model, CHAMPION))
        .with_context(|| format!("version {version} of {model} is published"))?;
    let path = format!("{}/{model}/versions/{version}", registry.location().trim_end_matches('/'));
    Ok(Outcome { version, champion, path: whole_path(path) })
}

/// A path that can be opened from anywhere.
fn whole_path(path: String) -> String {
    if path.contains("://") {
        return path;
    }
    absolute(&path).map_or(path, |absolute| absolute.display().to_string())
}
