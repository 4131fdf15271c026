//! The registry itself: where it is, what it holds, and which version an alias names.

use std::fmt;
use std::path::Path as FsPath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use serde::{Deserialize, Serialize};

use crate::{ModelName, RegistryError};

pub(crate) const MANIFEST: &str = "manifest.json";
/// The files that every version has beside its manifest.
pub(crate) const FILES: [&str; 3] = ["golden.json", "report.html", "weights.safetensors"];

/// The alias of the version that is served.
pub const CHAMPION: &str = "champion";

/// A store of model versions.
#[derive(Clone)]
pub struct Registry {
    pub(crate) store: Arc<dyn ObjectStore>,
    location: String,
    is_folder: bool,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.location).finish()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alias {
    version: u64,
}

impl Registry {
    /// Opens a registry that exists, to read from it.
    ///
    /// # Errors
    ///
    /// Where the location is no folder, or a URL of a kind that is not known.
    pub fn open(location: &str) -> Result<Self, RegistryError> {
        let refuse = |reason: &str| RegistryError::Location {
            location: location.to_owned(),
            reason: reason.to_owned(),
        };
        if location.contains("://") {
            return Err(refuse("only folders are known"));
        }
        if !FsPath::new(location).is_dir() {
            return Err(refuse("there is no such folder"));
        }
        let store = LocalFileSystem::new_with_prefix(location)
            .map_err(|error| refuse(&error.to_string()))?
            .with_automatic_cleanup(true) // a removed half version leaves no empty folder
            .with_fsync(true); // the manifest must not reach the disk before what it names
        Ok(Self { store: Arc::new(store), location: location.to_owned(), is_folder: true })
    }

    /// Opens a registry to write to it; a folder is made where there is none.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made or [`Registry::open`] fails.
    pub fn create(location: &str) -> Result<Self, RegistryError> {
        if !location.contains("://") {
            std::fs::create_dir_all(location).map_err(|error| RegistryError::Location {
                location: location.to_owned(),
                reason: format!("the folder cannot be made: {error}"),
            })?;
        }
        Self::open(location)
    }

    /// A registry over any object store; `location` is what messages call it.
    pub fn over(store: Arc<dyn ObjectStore>, location: &str) -> Self {
        Self { store, location: location.to_owned(), is_folder: false }
    }

    /// The folder it is, where it is one.
    pub(crate) fn folder(&self) -> Option<&FsPath> {
        self.is_folder.then(|| FsPath::new(&self.location))
    }

    /// Where it is, as it was given.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The models that have at least one version, sorted.
    ///
    /// # Errors
    ///
    /// Where listing fails.
    pub async fn models(&self) -> Result<Vec<ModelName>, RegistryError> {
        let mut models = Vec::new();
        for name in self.folders(&Path::default()).await? {
            if let Ok(name) = name.parse::<ModelName>()
                && !self.versions(&name).await?.is_empty()
            {
                models.push(name);
            }
        }
        models.sort();
        Ok(models)
    }

    /// The versions of a model, ascending; only whole ones. None where the model is unknown.
    ///
    /// # Errors
    ///
    /// Where listing fails.
    pub async fn versions(&self, model: &ModelName) -> Result<Vec<u64>, RegistryError> {
        let mut versions = Vec::new();
        for version in self.numbers(model).await? {
            if self.exists(&file_path(model, version, MANIFEST)).await? {
                versions.push(version);
            }
        }
        Ok(versions)
    }

    /// The version an alias names; none where the alias does not exist.
    ///
    /// # Errors
    ///
    /// Where the alias cannot be read.
    pub async fn alias(
        &self,
        model: &ModelName,
        alias: &str,
    ) -> Result<Option<u64>, RegistryError> {
        let path = alias_path(model, alias);
        let bytes = match self.store.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        }
        .map_err(|source| self.failed("reading", &path, source))?;
        let alias = serde_json::from_slice::<Alias>(&bytes);
        alias.map(|alias| Some(alias.version)).map_err(|error| RegistryError::UnreadableAlias {
            path: path.to_string(),
            reason: error.to_string(),
        })
    }

    /// Moves an alias to a version that exists.
    ///
    /// # Errors
    ///
    /// Where there is no such version, or writing fails.
    pub async fn set_alias(
        &self,
        model: &ModelName,
        alias: &str,
        version: u64,
    ) -> Result<(), RegistryError> {
        let known = self.versions(model).await?;
        if !known.contains(&version) {
            return Err(RegistryError::UnknownVersion { model: model.to_string(), version, known });
        }
        self.put_alias(model, alias, version, PutMode::Overwrite).await.map(drop)
    }

    /// Writes an alias; false where it must be new and is not.
    pub(crate) async fn put_alias(
        &self,
        model: &ModelName,
        alias: &str,
        version: u64,
        mode: PutMode,
    ) -> Result<bool, RegistryError> {
        let path = alias_path(model, alias);
        let json = serde_json::to_vec(&Alias { version }).expect("an alias is JSON");
        match self.store.put_opts(&path, PutPayload::from(json), mode.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(self.failed("writing", &path, source)),
        }
    }

    /// The numbers that are taken, by whole versions or half ones, ascending.
    pub(crate) async fn numbers(&self, model: &ModelName) -> Result<Vec<u64>, RegistryError> {
        let folders = self.folders(&versions_path(model)).await?;
        let number = |name: &String| {
            // Only as it would be written: `01` is nobody's.
            name.parse::<u64>().ok().filter(|number| number.to_string() == *name)
        };
        let mut numbers: Vec<u64> = folders.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) async fn exists(&self, path: &Path) -> Result<bool, RegistryError> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(self.failed("looking for", path, source)),
        }
    }

    pub(crate) fn failed(
        &self,
        verb: &str,
        path: &Path,
        source: object_store::Error,
    ) -> RegistryError {
        let doing = format!("{verb} {path} in registry {}", self.location);
        RegistryError::Store { doing, source }
    }

    async fn folders(&self, under: &Path) -> Result<Vec<String>, RegistryError> {
        let listed = self.store.list_with_delimiter(Some(under)).await;
        let listed = match listed {
            Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
            other => other.map_err(|source| self.failed("listing", under, source))?,
        };
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename());
        Ok(names.map(str::to_owned).collect())
    }
}

pub(crate) fn versions_path(model: &ModelName) -> Path {
    Path::from_iter([model.as_str(), "versions"])
}

pub(crate) fn file_path(model: &ModelName, version: u64, file: &str) -> Path {
    Path::from_iter([model.as_str(), "versions", &version.to_string(), file])
}

fn alias_path(model: &ModelName, alias: &str) -> Path {
    Path::from_iter([model.as_str(), "aliases", &format!("{alias}.json")])
}
