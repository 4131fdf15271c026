//! The registry itself: where it is, and what it holds.

use std::fmt;
use std::path::Path as FsPath;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::{ModelName, RegistryError, TrustedKey, s3};

pub(crate) const MANIFEST: &str = "manifest.json";
/// The files that every version has beside its manifest.
pub(crate) const FILES: [&str; 3] = ["golden.json", "report.html", "weights.safetensors"];

/// A signature over the manifest, where there is one.
pub(crate) const SIGNATURE: &str = "manifest.sig";
/// Rows to compare versions on, where they are kept; servers do not read them.
pub(crate) const HOLDOUT: &str = "holdout.csv";

/// A store of model versions.
#[derive(Clone)]
pub struct Registry {
    pub(crate) store: Arc<dyn ObjectStore>,
    location: String,
    is_folder: bool,
    /// The bucket, where it is one.
    bucket: Option<s3::Bucket>,
    /// Whose signature a version needs; none where it needs none.
    pub(crate) trusted: Option<Arc<[TrustedKey]>>,
    /// What the files of a version may take together, in bytes.
    pub(crate) max_bytes: u64,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.location).finish()
    }
}

impl Registry {
    /// Opens a registry that exists: a folder, or `s3://bucket/prefix` with the settings of the `AWS_…` variables.
    ///
    /// # Errors
    ///
    /// Where the location is no folder, or a URL of a kind that is not known, or settings are missing.
    pub fn open(location: &str) -> Result<Self, RegistryError> {
        Self::open_with(location, &s3::variables())
    }

    /// As [`Registry::open`], with these `AWS_…` variables instead of those of the process.
    ///
    /// # Errors
    ///
    /// As [`Registry::open`].
    pub fn open_with(
        location: &str,
        variables: &[(String, String)],
    ) -> Result<Self, RegistryError> {
        let refuse = |reason: &str| RegistryError::Location {
            location: location.to_owned(),
            reason: reason.to_owned(),
        };
        if let Some(rest) = location.strip_prefix("s3://") {
            let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if name.is_empty() {
                return Err(refuse("it names no bucket; write it as s3://bucket/prefix"));
            }
            let builder = s3::builder(name, variables).map_err(|error| refuse(&error))?;
            let store = builder.build().map_err(|error| refuse(&error.to_string()))?;
            let prefix = Path::parse(prefix).map_err(|error| refuse(&error.to_string()))?;
            let registry = Self::over(Arc::new(PrefixStore::new(store, prefix)), location);
            return Ok(Self { bucket: Some(s3::Bucket::new(name, variables)), ..registry });
        }
        if location.contains("://") {
            return Err(refuse("only folders and s3:// are known"));
        }
        if !FsPath::new(location).is_dir() {
            return Err(refuse("there is no such folder"));
        }
        let store = LocalFileSystem::new_with_prefix(location)
            .map_err(|error| refuse(&error.to_string()))?
            .with_automatic_cleanup(true) // a removed half version leaves no empty folder
            .with_fsync(true); // the manifest must not reach the disk before what it names
        Ok(Self { is_folder: true, ..Self::over(Arc::new(store), location) })
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
        let location = location.to_owned();
        Self { store, location, is_folder: false, bucket: None, trusted: None, max_bytes: u64::MAX }
    }

    /// Refuses versions that none of these keys has signed. Without a key: every version.
    #[must_use]
    pub fn trusting(self, keys: Vec<TrustedKey>) -> Self {
        Self { trusted: (!keys.is_empty()).then(|| keys.into()), ..self }
    }

    /// Refuses versions whose files take more than this together, before they are read.
    #[must_use]
    pub fn limited_to(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
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

    /// The numbers that are taken, by whole versions or half ones, ascending.
    pub(crate) async fn numbers(&self, model: &ModelName) -> Result<Vec<u64>, RegistryError> {
        let folders = self.folders(&versions_path(model)).await?;
        let number = |name: &String| {
            // Only as it would be written: `01` is nobody's.
            let number = name.parse::<u64>().ok().filter(|number| number.to_string() == *name);
            number.filter(|&number| number < u64::MAX) // the last number of all has none behind it
        };
        let mut numbers: Vec<u64> = folders.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) async fn exists(&self, path: &Path) -> Result<bool, RegistryError> {
        match self.store.head(path).await {
            Ok(_) => Ok(true),
            Err(error) if self.is_absent(&error) => Ok(false),
            Err(source) => Err(self.failed("looking for", path, source)),
        }
    }

    pub(crate) fn failed(
        &self,
        verb: &str,
        path: &Path,
        source: object_store::Error,
    ) -> RegistryError {
        let what = if path.is_root() { String::new() } else { format!("{path} in ") };
        let doing = format!("{verb} {what}registry {}", self.location);
        let advice = self.bucket.as_ref().and_then(|bucket| bucket.advice(&source));
        RegistryError::Store { doing, advice, source: s3::without_body(source) }
    }

    /// Whether an error says that there is no such file, and not that there is no such bucket.
    pub(crate) fn is_absent(&self, error: &object_store::Error) -> bool {
        matches!(error, object_store::Error::NotFound { .. })
            && s3::code(error).as_deref() != Some("NoSuchBucket")
    }

    /// Whether a file holds exactly these bytes.
    pub(crate) async fn holds(&self, path: &Path, bytes: &[u8]) -> Result<bool, RegistryError> {
        let found = match self.store.get(path).await {
            Ok(found) => found.bytes().await,
            Err(error) if self.is_absent(&error) => return Ok(false),
            Err(error) => Err(error),
        };
        found.map(|found| found == bytes).map_err(|source| self.failed("reading", path, source))
    }

    /// The names of the files directly in a folder.
    pub(crate) async fn file_names(&self, folder: &Path) -> Result<Vec<String>, RegistryError> {
        let listed = self.store.list_with_delimiter(Some(folder)).await;
        let listed = match listed {
            Err(error) if self.is_absent(&error) => return Ok(Vec::new()),
            other => other.map_err(|source| self.failed("listing", folder, source))?,
        };
        let names = listed.objects.iter().filter_map(|file| file.location.filename());
        Ok(names.map(str::to_owned).collect())
    }

    async fn folders(&self, under: &Path) -> Result<Vec<String>, RegistryError> {
        let listed = self.store.list_with_delimiter(Some(under)).await;
        let listed = match listed {
            Err(error) if self.is_absent(&error) => return Ok(Vec::new()),
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

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn a_file_is_absent_only_where_its_bucket_is_there() {
        let registry = Registry::over(Arc::new(InMemory::new()), "memory");
        // As S3 answers a GET; lists and HEADs come otherwise.
        for (code, is_absent) in [("NoSuchKey", true), ("NoSuchBucket", false)] {
            let source = format!("404 Not Found: <Error><Code>{code}</Code></Error>").into();
            let error = object_store::Error::NotFound { path: "a".to_owned(), source };
            assert_eq!(registry.is_absent(&error), is_absent, "{code}");
        }
    }
}
