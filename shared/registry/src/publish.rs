//! Publishing: a version appears whole or not at all, whatever dies in between.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode};
use schema::{Baseline, Evaluation, Signature};
use tokio_util::sync::CancellationToken;

use crate::manifest::{EstimatorRecord, FORMAT, FileRecord, Manifest, Provenance};
use crate::store::{FILES, HOLDOUT, MANIFEST, SIGNATURE, file_path, versions_path};
use crate::{
    Action, CHAMPION, Golden, ModelName, Move, Registry, RegistryError, SigningKey, Stamp, Standing,
};

/// A folder without a manifest that is older than this was left by a publisher that died.
const STALE_AFTER: Duration = Duration::from_secs(3600);
/// The file that is written to find out whether one can be.
const WRITE_CHECK: &str = ".write-check";

/// Everything a version is made of, before it has a number.
#[derive(Debug)]
pub struct Draft {
    /// The model.
    pub model: ModelName,
    /// Features in order, and the output.
    pub signature: Signature,
    /// How it was fitted.
    pub estimator: EstimatorRecord,
    /// Scores on the test split.
    pub scores: Evaluation,
    /// What the training data looked like.
    pub baseline: Baseline,
    /// Where it comes from.
    pub provenance: Provenance,
    /// `weights.safetensors`.
    pub weights: Vec<u8>,
    /// `golden.json`.
    pub golden: Golden,
    /// `report.html`.
    pub report: String,
    /// `holdout.csv`: rows that it was not fitted to, with their targets; none where they are not to be kept.
    pub holdout: Option<Vec<u8>>,
}

/// What became of a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its number.
    pub version: u64,
    /// Whether it became the champion: there was none.
    pub is_champion: bool,
}

impl Registry {
    /// Publishes a version under the next free number; where the model has no champion yet, it becomes it.
    ///
    /// The stamp's time is what leftovers are judged by. With a key, the manifest is signed.
    ///
    /// # Errors
    ///
    /// Where writing fails or `cancelled` is triggered before the manifest is written: then nothing is published,
    /// and what had been written is removed as far as the store allows.
    /// [`RegistryError::NotChampion`] where the version is published and only its alias is not.
    pub async fn publish(
        &self,
        draft: Draft,
        stamp: Stamp<'_>,
        key: Option<&SigningKey>,
        cancelled: &CancellationToken,
    ) -> Result<Published, RegistryError> {
        self.sweep(&draft.model, stamp.now).await;
        let model = draft.model.clone();
        let mut files = vec![
            ("weights.safetensors", Bytes::from(draft.weights)),
            ("golden.json", Bytes::from(draft.golden.to_json())),
            ("report.html", Bytes::from(draft.report)),
        ];
        files.extend(draft.holdout.map(|csv| (HOLDOUT, Bytes::from(csv))));
        let records: BTreeMap<_, _> =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), FileRecord::of(bytes))).collect();
        let version = self.claim(&model, files[0].0, &files[0].1).await?;
        let manifest = Manifest {
            format: FORMAT,
            model: draft.model,
            version,
            signature: draft.signature,
            estimator: draft.estimator,
            scores: draft.scores,
            baseline: draft.baseline,
            provenance: draft.provenance,
            files: records,
        };
        let manifest = Bytes::from(manifest.to_sealed_json());
        let signature = key.map(|key| (SIGNATURE, Bytes::from(key.sign(&manifest))));
        let rest = files.into_iter().skip(1).chain(signature).chain([(MANIFEST, manifest)]);
        if let Err(error) = self.write_all(&model, version, rest, cancelled).await {
            self.abandon(&model, version).await;
            return Err(error);
        }
        let is_champion = self.crown(&model, version, stamp).await.map_err(|source| {
            RegistryError::NotChampion { model: model.to_string(), version, source: source.into() }
        })?;
        Ok(Published { version, is_champion })
    }

    /// Finds out whether versions of a model can be written: writes a file that says nothing, and removes it.
    ///
    /// # Errors
    ///
    /// Where listing or writing fails. Where removing does, the file stays, and no reader takes it for anything.
    pub async fn try_writing(&self, model: &ModelName) -> Result<(), RegistryError> {
        self.alias_names(model).await?; // some stores make a bucket by writing to it
        let path = Path::from_iter([model.as_str(), WRITE_CHECK]);
        let put = self.store.put(&path, Bytes::new().into()).await;
        put.map_err(|source| self.failed("writing", &path, source))?;
        if let Err(error) = self.store.delete(&path).await {
            tracing::debug!(%path, %error, "what was written to try it could not be removed");
        }
        Ok(())
    }

    /// Makes a version the champion where there never was one.
    async fn crown(
        &self,
        model: &ModelName,
        version: u64,
        stamp: Stamp<'_>,
    ) -> Result<bool, RegistryError> {
        match self.standing(model, CHAMPION).await {
            Ok(None) => {}
            // One that cannot be read is somebody's to repair, by a promotion.
            Ok(Some(_)) | Err(RegistryError::UnreadableAlias { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        let first = Move {
            reason: Some("the first version".to_owned()),
            expected: Some(Standing::default()),
            ..Move::new(Action::Promoted, CHAMPION, Some(version))
        };
        match self.move_alias(model, &first, stamp).await {
            Ok(_) => Ok(true),
            Err(RegistryError::Superseded { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the next free number by creating the first file of the version.
    async fn claim(
        &self,
        model: &ModelName,
        file: &str,
        bytes: &Bytes,
    ) -> Result<u64, RegistryError> {
        let mut version = self.next_free(model).await?;
        loop {
            let path = file_path(model, version, file);
            match self.store.put_opts(&path, bytes.clone().into(), PutMode::Create.into()).await {
                Ok(_) => return Ok(version),
                // Somebody else was faster.
                Err(object_store::Error::AlreadyExists { .. }) => version += 1,
                // The number may be somebody else's by now: nothing is removed, nothing was created.
                Err(source) => return Err(self.failed("writing", &path, source)),
            }
        }
    }

    /// The number behind the highest that holds a file, or of which the ledger tells; a folder that stayed empty is
    /// free again.
    async fn next_free(&self, model: &ModelName) -> Result<u64, RegistryError> {
        let mut highest = self.ledger(model).await?.highest_version();
        for version in self.numbers(model).await?.into_iter().rev() {
            if self.store.list(Some(&version_path(model, version))).next().await.is_some() {
                highest = highest.max(version);
                break;
            }
        }
        Ok(highest + 1)
    }

    async fn write_all(
        &self,
        model: &ModelName,
        version: u64,
        files: impl Iterator<Item = (&str, Bytes)>,
        cancelled: &CancellationToken,
    ) -> Result<(), RegistryError> {
        for (name, bytes) in files {
            if cancelled.is_cancelled() {
                return Err(RegistryError::Cancelled);
            }
            if name == MANIFEST {
                self.all_there(model, version).await?;
            }
            let path = file_path(model, version, name);
            let put = self.store.put_opts(&path, bytes.clone().into(), PutMode::Create.into());
            match put.await {
                Ok(_) => {}
                // Sent again because the answer was lost; the number is ours.
                Err(object_store::Error::AlreadyExists { .. })
                    if self.holds(&path, &bytes).await? => {}
                Err(source) => return Err(self.failed("writing", &path, source)),
            }
        }
        // Once more, for whoever was sweeping while the manifest was written.
        self.all_there(model, version).await
    }

    /// A publisher with another clock may have taken this one for dead: then its files are gone.
    async fn all_there(&self, model: &ModelName, version: u64) -> Result<(), RegistryError> {
        for name in FILES {
            let path = file_path(model, version, name);
            self.store.head(&path).await.map_err(|error| self.failed("finding", &path, error))?;
        }
        Ok(())
    }

    /// Removes what a dead publisher left. A failure only leaves it for the next time.
    async fn sweep(&self, model: &ModelName, now: u64) {
        if let Some(folder) = self.folder() {
            sweep_staged(&folder.join(model.as_str()), now);
        }
        let Ok(numbers) = self.numbers(model).await else {
            return;
        };
        for version in numbers {
            let manifest = file_path(model, version, MANIFEST);
            if matches!(self.exists(&manifest).await, Ok(false))
                && self.is_stale(model, version, now).await
            {
                tracing::info!(%model, version, "removing what a dead publisher left");
                self.abandon(model, version).await;
            }
        }
    }

    async fn is_stale(&self, model: &ModelName, version: u64, now: u64) -> bool {
        let mut files = self.store.list(Some(&version_path(model, version)));
        let mut newest = 0;
        while let Some(file) = files.next().await {
            let Ok(file) = file else { return false };
            newest = newest.max(u64::try_from(file.last_modified.timestamp()).unwrap_or(0));
        }
        newest != 0 && is_old(newest, now)
    }

    /// Removes what of a version was written. A failure only leaves it for the next time.
    async fn abandon(&self, model: &ModelName, version: u64) {
        if let Err(error) = self.remove(model, version).await {
            tracing::warn!(%model, version, %error, "a leftover could not be removed");
        }
    }

    /// Removes a version, its manifest first: without that it is none, whatever is left of it.
    pub(crate) async fn remove(
        &self,
        model: &ModelName,
        version: u64,
    ) -> Result<(), RegistryError> {
        let folder = version_path(model, version);
        let listed = self.store.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|source| self.failed("listing", &folder, source))?;
        let mut files: Vec<Path> = listed.into_iter().map(|file| file.location).collect();
        files.sort_by_key(|path| path.filename() != Some(MANIFEST));
        for path in files {
            match self.store.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(self.failed("removing", &path, source)),
            }
        }
        Ok(())
    }
}

/// Removes the files that the store writes under another name, `…#1`, before it puts them in their place.
fn sweep_staged(folder: &std::path::Path, now: u64) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            sweep_staged(&path, now);
        } else if is_staged(&path) && modified(&entry).is_some_and(|then| is_old(then, now)) {
            // As above: what cannot be removed is left for the next time.
            let _ = std::fs::remove_file(&path);
        }
    }
}

fn is_staged(path: &std::path::Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.as_deref().and_then(|name| name.rsplit_once('#')).is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn modified(entry: &std::fs::DirEntry) -> Option<u64> {
    let modified = entry.metadata().ok()?.modified().ok()?;
    modified.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

fn is_old(modified: u64, now: u64) -> bool {
    modified.saturating_add(STALE_AFTER.as_secs()) < now
}

fn version_path(model: &ModelName, version: u64) -> Path {
    versions_path(model).join(version.to_string().as_str())
}
