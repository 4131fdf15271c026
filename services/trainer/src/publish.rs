//! The last step: the version goes into the registry, whole or not at all.

use std::path::{Path, PathBuf, absolute};

use anyhow::Context as _;
use registry::{
    Action, CHAMPION, Draft, ModelName, Move, Published, Registry, RegistryError, Stamp,
};

use crate::actor;
use crate::champion::{self, Candidate};
use crate::clock::{Clock, unix_seconds};
use crate::context::Context;
use crate::promotion::{Comparison, Gate, Promote};
use crate::warning::{self, Warning};

/// What became of a draft.
pub(crate) struct Outcome {
    pub(crate) version: u64,
    /// The version that is served from now on, as far as its alias can be read.
    pub(crate) champion: Option<u64>,
    /// Where it lies.
    pub(crate) path: String,
    /// The new version beside the champion before it, where that was to decide.
    pub(crate) comparison: Option<Comparison>,
}

/// A registry that can be written to.
pub(crate) struct Opened {
    pub(crate) registry: Registry,
    /// Dropped at the end of the run: what stayed empty is removed.
    _made: Made,
}

/// The folders of a registry that were made for it, innermost first.
struct Made(Vec<PathBuf>);

impl Made {
    /// What `create_dir_all` will have to make.
    fn for_location(location: &str) -> Self {
        let folders = Path::new(location).ancestors();
        let missing = folders.take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        Self(missing.map(Path::to_owned).collect())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // Fails where somebody put something there, which is then to stay.
        let _ = self.0.iter().try_for_each(std::fs::remove_dir);
    }
}

/// Opens the registry before the long work, and finds out that it cannot be written to before it, too.
pub(crate) fn open(location: &str, model: &ModelName) -> anyhow::Result<Opened> {
    let is_folder = !location.contains("://");
    let made = if is_folder { Made::for_location(location) } else { Made(vec![]) };
    let registry = Registry::create(location)?;
    if is_folder {
        probe(Path::new(location)).with_context(|| {
            format!("the registry {location} is not writable; choose another with --registry")
        })?;
        let versions = Path::new(location).join(model.as_str()).join("versions");
        if versions.exists() {
            probe(&versions).with_context(|| {
                format!("the folder {} of the registry is not writable", versions.display())
            })?;
        }
    }
    Ok(Opened { registry, _made: made })
}

fn probe(folder: &Path) -> std::io::Result<()> {
    let probe = folder.join(".write-check");
    std::fs::write(&probe, [])?;
    let _ = std::fs::remove_file(&probe); // another trainer may have been faster
    Ok(())
}

/// Publishes, and promotes where the gate lets it through; `known` are warnings that were told already.
pub(crate) fn publish(
    registry: &Registry,
    draft: Draft,
    gate: &Gate<'_>,
    known: &[Warning],
    context: &Context<'_>,
) -> anyhow::Result<Outcome> {
    let model = draft.model.clone();
    let signature = draft.signature.clone();
    let by = actor::name(None);
    let stamp = Stamp { now: unix_seconds(context.clock.now()), by: &by };
    let published = context.wait(registry.publish(draft, stamp, None, context.stop.token()));
    let Published { version, is_champion } = published.map_err(|error| match error {
        // Says itself what became of the version.
        error @ RegistryError::NotChampion { .. } => anyhow::Error::from(error),
        error => anyhow::Error::from(error).context(format!("publishing a version of {model}")),
    })?;
    tracing::info!(model.name = %model, model.version = version, "published");
    let mut comparison = None;
    if gate.when != Promote::Never && !is_champion {
        let candidate = Candidate { model: &model, version: Some(version), signature: &signature };
        comparison = promoted(registry, candidate, gate, known, context).with_context(|| {
            format!("version {version} of {model} is published, but could not be promoted")
        })?;
    }
    let (champion, unread) = champion::number(registry, &model, context);
    warning::log(unread.as_slice());
    let path = format!("{}/{model}/versions/{version}", registry.location().trim_end_matches('/'));
    Ok(Outcome { version, champion, path: whole_path(path), comparison })
}

/// Moves the alias, or says why it stays.
fn promoted(
    registry: &Registry,
    candidate: Candidate<'_>,
    gate: &Gate<'_>,
    known: &[Warning],
    context: &Context<'_>,
) -> anyhow::Result<Option<Comparison>> {
    // Somebody else may have promoted a version during the fit.
    let mut warnings = champion::compare(registry, candidate, context)?;
    warnings.retain(|warning| !known.contains(warning));
    warning::log(&warnings);
    let version = candidate.version.context("only what is published can be promoted")?;
    context.wait(registry.load(candidate.model, version))?;
    let comparison = match gate.when {
        Promote::NotWorse => gate.compare(registry, candidate.model, context)?,
        Promote::Always | Promote::Never => None,
    };
    if let Some(comparison) = comparison.as_ref().filter(|comparison| !comparison.is_passed()) {
        tracing::warn!(model.name = %candidate.model, model.version = version, "not promoted: {comparison}");
    } else {
        let by = actor::name(None);
        let stamp = Stamp { now: unix_seconds(context.clock.now()), by: &by };
        let wanted = Move::new(Action::Promoted, CHAMPION, Some(version));
        context.wait(registry.move_alias(candidate.model, &wanted, stamp))?;
        tracing::info!(model.name = %candidate.model, model.version = version, "promoted");
    }
    Ok(comparison)
}

/// A path that can be opened from anywhere.
fn whole_path(path: String) -> String {
    if path.contains("://") {
        return path;
    }
    absolute(&path).map_or(path, |absolute| absolute.display().to_string())
}
