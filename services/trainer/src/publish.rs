//! The last step: the version goes into the registry, whole or not at all.

use std::path::{Path, PathBuf, absolute};

use anyhow::Context as _;
use clap::ValueEnum;
use dataset::HeldOut;
use registry::{CHAMPION, Draft, ModelName, Published, Registry, RegistryError, SigningKey, Trial};

use crate::actor;
use crate::champion;
use crate::config::{ActArgs, CommonArgs, GateArgs};
use crate::context::Context;
use crate::gates::Judged;
use crate::promote::{self, Wanted};
use crate::prune;
use crate::warning::{self, Warning};

/// How often a version is judged before it is given up that somebody else promotes all the time.
const ATTEMPTS: usize = 20;

/// What became of a draft.
pub(crate) struct Outcome {
    pub(crate) version: u64,
    /// The version that is served from now on, as far as its alias can be read.
    pub(crate) champion: Option<u64>,
    /// Where it lies.
    pub(crate) path: String,
    /// What the gates said, where they were asked.
    pub(crate) judged: Option<Judged>,
}

/// When a new version becomes the champion. The first version of a model always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Promote {
    /// Only by `canopy-trainer promote`.
    #[value(aliases = ["false", "no", "0"])]
    Never,
    /// Where it passes the gates, of which one is that it is not worse than the champion; else the exit code is 3.
    NotWorse,
    /// Whatever the gates say.
    #[value(aliases = ["true", "yes", "1"])]
    Always,
}

/// What becomes of a version once it is fitted.
pub(crate) struct Plan<'a> {
    pub(crate) when: Promote,
    pub(crate) limits: &'a GateArgs,
    /// Rows that the version was not fitted to.
    pub(crate) held_out: &'a HeldOut,
    pub(crate) act: &'a ActArgs,
    pub(crate) key: Option<&'a SigningKey>,
    /// How many versions stay; 0: all.
    pub(crate) keep: usize,
}

impl Plan<'_> {
    fn reason(&self) -> String {
        let how = match self.when {
            Promote::Never => "never",
            Promote::NotWorse => "not-worse",
            Promote::Always => "always",
        };
        self.act.reason.clone().unwrap_or_else(|| format!("fit --promote {how}"))
    }
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
pub(crate) fn open(
    common: &CommonArgs,
    model: &ModelName,
    context: &Context<'_>,
) -> anyhow::Result<Opened> {
    let location = common.registry.as_str();
    let is_folder = !location.contains("://");
    let made = if is_folder { Made::for_location(location) } else { Made(vec![]) };
    let registry = common.trusting(Registry::create(location)?)?;
    let refused =
        || format!("the registry {location} is not writable; choose another with --registry");
    if !is_folder {
        context.wait(registry.try_writing(model)).with_context(refused)?;
    } else {
        probe(Path::new(location)).with_context(refused)?;
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

/// Publishes, and promotes if the version passes the gates or is to be promoted whatever they say; `known` are
/// warnings that were told already.
pub(crate) fn publish(
    registry: &Registry,
    draft: Draft,
    plan: &Plan<'_>,
    known: &[Warning],
    context: &Context<'_>,
) -> anyhow::Result<Outcome> {
    let model = draft.model.clone();
    let by = actor::name(plan.act.by.as_deref());
    let stamp = context.stamp(&by);
    let published = context.wait(registry.publish(draft, stamp, plan.key, context.stop.token()));
    let Published { version, is_champion } = published.map_err(|error| match error {
        // Says itself what became of the version.
        error @ RegistryError::NotChampion { .. } => anyhow::Error::from(error),
        error => anyhow::Error::from(error).context(format!("publishing a version of {model}")),
    })?;
    tracing::info!(model.name = %model, model.version = version, "published");
    let mut judged = None;
    if plan.when != Promote::Never && !is_champion {
        let act = ActArgs { reason: Some(plan.reason()), ..plan.act.clone() };
        let wanted = Wanted {
            model: &model,
            version,
            alias: CHAMPION,
            trial: Trial::default(),
            limits: plan.limits,
            held_out: Ok(plan.held_out),
            force: plan.when == Promote::Always,
            act: &act,
            known,
        };
        let placed = place(registry, &wanted, context).with_context(|| {
            format!("version {version} of {model} is published, but could not be promoted")
        })?;
        judged = Some(placed.judged);
    }
    let (champion, unread) = champion::number(registry, &model, context);
    warning::log(unread.as_slice());
    if plan.keep > 0 {
        prune::pruned(registry, &model, plan.keep, plan.act, context).with_context(|| {
            format!("version {version} of {model} is published, but old ones could not be removed")
        })?;
    }
    let path = format!("{}/{model}/versions/{version}", registry.location().trim_end_matches('/'));
    Ok(Outcome { version, champion, path: whole_path(path), judged })
}

/// Judges again where the champion was replaced meanwhile: what was asked for holds against the new one, too.
fn place(
    registry: &Registry,
    wanted: &Wanted<'_>,
    context: &Context<'_>,
) -> anyhow::Result<promote::Outcome> {
    for _ in 1..ATTEMPTS {
        match promote::place(registry, wanted, context) {
            Err(error) if is_superseded(&error) => {
                tracing::warn!("{error:#}; judging again");
            }
            placed => return placed,
        }
    }
    promote::place(registry, wanted, context)
}

fn is_superseded(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(RegistryError::Superseded { .. }))
}

/// A path that can be opened from anywhere.
fn whole_path(path: String) -> String {
    if path.contains("://") {
        return path;
    }
    absolute(&path).map_or(path, |absolute| absolute.display().to_string())
}
