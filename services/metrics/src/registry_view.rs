//! What the registry says, read and never written: aliases, their history, and what each version was trained on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use registry::{Ledger, LedgerFault, Manifest, ModelName, Registry, RegistryError};
use service_kit::complaint::{Complaint, chain};
use tokio::task::JoinHandle;

use crate::volume::Volume;

/// A look that takes longer is complained of. It goes on all the same: a second one would hang as well.
const LOOK_LIMIT: Duration = Duration::from_secs(10);
/// A refusal moves no alias, and a registry may be made anew under the same numbers: at the latest after so long
/// everything is read again.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// The registry as the last look found it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RegistryView {
    /// Why it could not be read; what was read before stays.
    pub(crate) unreadable: Option<String>,
    pub(crate) models: BTreeMap<ModelName, ModelView>,
    /// The disk it is on, where it is a folder.
    pub(crate) volume: Option<Volume>,
}

/// One model.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelView {
    /// Those that name a version.
    pub(crate) aliases: BTreeMap<String, u64>,
    pub(crate) ledger: Arc<Ledger>,
    /// Alias files that say nothing, with the reason; what they said before stays.
    pub(crate) unreadable: BTreeMap<String, String>,
    /// What each version is, or why it is not known.
    pub(crate) versions: BTreeMap<u64, Result<Arc<Manifest>, String>>,
}

impl RegistryView {
    /// Whether anything that people see is another than before.
    pub(crate) fn differs_from(&self, before: &Self) -> bool {
        let models = |view: &Self| -> Vec<_> {
            view.models.iter().map(|(name, model)| (name.clone(), model.face())).collect()
        };
        self.unreadable != before.unreadable || models(self) != models(before)
    }
}

/// What of a model can change: its aliases, what is wrong with them and with the ledger, its last entry, and what each
/// version is.
type Face = (
    (BTreeMap<String, u64>, BTreeMap<String, String>),
    (Option<String>, Option<LedgerFault>),
    Vec<(u64, Result<String, String>)>,
);

impl ModelView {
    fn face(&self) -> Face {
        let versions = self.versions.iter().map(|(&version, read)| {
            let weights = |manifest: &Arc<Manifest>| format!("{:?}", manifest.files);
            (version, read.as_ref().map(weights).map_err(Clone::clone))
        });
        let last = self.ledger.entries.last().map(|entry| entry.id.clone());
        let aliases = (self.aliases.clone(), self.unreadable.clone());
        (aliases, (last, self.ledger.fault.clone()), versions.collect())
    }

    pub(crate) fn manifest(&self, version: u64) -> Option<&Manifest> {
        self.versions.get(&version)?.as_deref().ok()
    }
}

/// The versions that somebody answers with, by model: what is to be looked up.
pub(crate) type Wanted = BTreeMap<ModelName, BTreeSet<u64>>;

/// Looks at the registry, and keeps what does not change.
#[derive(Debug)]
pub(crate) struct RegistryReader {
    location: String,
    /// A bucket's client, kept for its connections; a folder is opened at each look, as it may come and go.
    bucket: Option<Registry>,
    view: Arc<RegistryView>,
    read_at: Option<Instant>,
    /// A look that has not come back yet.
    looking: Option<JoinHandle<Result<Found, String>>>,
    complaint: Complaint,
}

#[derive(Debug)]
struct Found {
    registry: Registry,
    view: RegistryView,
    is_whole: bool,
}

impl RegistryReader {
    pub(crate) fn new(location: String) -> Self {
        Self {
            location,
            bucket: None,
            view: Arc::default(),
            read_at: None,
            looking: None,
            complaint: Complaint::default(),
        }
    }

    /// Looks once; what could not be read is as it was.
    pub(crate) async fn look(&mut self, wanted: Wanted) -> Arc<RegistryView> {
        let view = match self.found(wanted).await {
            Ok(found) => {
                if found.is_whole {
                    self.read_at = Some(Instant::now());
                }
                if self.location.contains("://") {
                    self.bucket = Some(found.registry);
                }
                if let Some(over) = self.complaint.settle() {
                    tracing::info!(over, "the registry can be read again");
                }
                found.view
            }
            Err(reason) => {
                if self.complaint.is_new(&reason) {
                    tracing::warn!(
                        reason,
                        "the registry cannot be read; what was read before stays"
                    );
                }
                let models = self.view.models.clone();
                RegistryView { unreadable: Some(reason), models, volume: None }
            }
        };
        self.view = Arc::new(view);
        Arc::clone(&self.view)
    }

    /// Looks, or goes on waiting for the look that hangs: each would hold a thread for as long as the mount hangs.
    async fn found(&mut self, wanted: Wanted) -> Result<Found, String> {
        let mut looking = self.looking.take().unwrap_or_else(|| {
            let is_due = self.read_at.is_none_or(|read_at| read_at.elapsed() >= READ_AGAIN);
            let before = Before { view: Arc::clone(&self.view), is_current: !is_due };
            let (location, bucket) = (self.location.clone(), self.bucket.clone());
            tokio::spawn(look(location, bucket, wanted, before))
        });
        match tokio::time::timeout(LOOK_LIMIT, &mut looking).await {
            Ok(looked) => looked.map_err(|error| chain(&error))?,
            Err(_) => {
                self.looking = Some(looking);
                let seconds = LOOK_LIMIT.as_secs();
                Err(format!("the registry has not answered for more than {seconds} s"))
            }
        }
    }
}

/// What the look before found, and whether that still holds where no alias has moved.
#[derive(Debug)]
struct Before {
    view: Arc<RegistryView>,
    is_current: bool,
}

/// Reads what is wanted; what is current of a model whose aliases stand as they did is not read again.
async fn look(
    location: String,
    bucket: Option<Registry>,
    wanted: Wanted,
    before: Before,
) -> Result<Found, String> {
    let open = move || {
        let volume = Volume::of(Path::new(&location)).filter(|_| !location.contains("://"));
        bucket.map_or_else(|| Registry::open(&location), Ok).map(|registry| (registry, volume))
    };
    let opened = tokio::task::spawn_blocking(open).await.map_err(|error| chain(&error))?;
    let (registry, volume) = opened.map_err(|error| chain(&error))?;
    let mut view = RegistryView { volume, ..RegistryView::default() };
    for (model, seen) in wanted {
        let known = before.view.models.get(&model);
        let looked = look_at(&registry, &model, seen, known, before.is_current).await;
        view.models.insert(model, looked.map_err(|error| chain(&error))?);
    }
    Ok(Found { registry, view, is_whole: !before.is_current })
}

async fn look_at(
    registry: &Registry,
    model: &ModelName,
    mut wanted: BTreeSet<u64>,
    known: Option<&ModelView>,
    is_current: bool,
) -> Result<ModelView, RegistryError> {
    let (aliases, unreadable) = read_aliases(registry, model, known).await?;
    wanted.extend(aliases.values());
    let known = known.filter(|known| is_current && known.aliases == aliases);
    let ledger = match known {
        Some(known) => Arc::clone(&known.ledger),
        None => Arc::new(registry.ledger(model).await?),
    };
    let mut versions = BTreeMap::new();
    for version in wanted {
        let read = match known.and_then(|known| known.versions.get(&version)) {
            Some(Ok(manifest)) => Ok(Arc::clone(manifest)),
            _ => read_manifest(registry, model, version).await?,
        };
        versions.insert(version, read);
    }
    Ok(ModelView { aliases, ledger, unreadable, versions })
}

/// The aliases that name a version, and those whose file says nothing: that is no fault of the registry, nor of the
/// other aliases, and what it said before stays.
async fn read_aliases(
    registry: &Registry,
    model: &ModelName,
    known: Option<&ModelView>,
) -> Result<(BTreeMap<String, u64>, BTreeMap<String, String>), RegistryError> {
    let (mut aliases, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
    for alias in registry.alias_names(model).await? {
        let version = match registry.alias(model, &alias).await {
            Ok(version) => version,
            Err(error @ RegistryError::Store { .. }) => return Err(error),
            Err(error) => {
                unreadable.insert(alias.clone(), chain(&error));
                known.and_then(|known| known.aliases.get(&alias)).copied()
            }
        };
        aliases.extend(version.map(|version| (alias, version)));
    }
    Ok((aliases, unreadable))
}

/// A version that is refused, or gone, is no fault of the registry: the others are read all the same.
async fn read_manifest(
    registry: &Registry,
    model: &ModelName,
    version: u64,
) -> Result<Result<Arc<Manifest>, String>, RegistryError> {
    match registry.manifest(model, version).await {
        Ok(manifest) => Ok(Ok(Arc::new(manifest))),
        Err(error @ RegistryError::Store { .. }) => Err(error),
        Err(error) => Ok(Err(chain(&error))),
    }
}
