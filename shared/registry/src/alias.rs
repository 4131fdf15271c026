//! Where an alias stands: which version it names, and which entry of the ledger put it there.

use object_store::path::Path;
use object_store::{ObjectStoreExt, UpdateVersion};
use serde::{Deserialize, Serialize};

use crate::name::is_name;
use crate::{ModelName, Registry, RegistryError};

/// The alias of the version that answers.
pub const CHAMPION: &str = "champion";
/// The alias of the version that is tried beside the champion.
pub const CHALLENGER: &str = "challenger";

/// How a challenger is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It predicts beside the champion and never answers.
    Shadow,
    /// It answers a share of the requests.
    Canary,
}

/// What an alias says of its version beside the number; what is absent is up to the server's own settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// How the challenger is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The share of requests that a canary answers, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}

/// Where an alias stands: the content of `aliases/<alias>.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The version it names; none where it was taken away.
    pub version: Option<u64>,
    /// The ledger's entry that put it there, or, once a writer has seen that it was written by hand, the last one
    /// before; none where it was written by hand since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// SHA-256 of that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_sha256: Option<String>,
    /// How a challenger is tried.
    #[serde(flatten)]
    pub trial: Trial,
}

/// An alias file as it was read, to be replaced only if it is still the same.
pub(crate) struct Read {
    /// What it says, or why it says nothing.
    pub(crate) standing: Result<Standing, RegistryError>,
    pub(crate) version: UpdateVersion,
}

impl Registry {
    /// The version an alias names; none where it names none.
    ///
    /// # Errors
    ///
    /// Where the alias cannot be read, or no alias can have this name.
    pub async fn alias(
        &self,
        model: &ModelName,
        alias: &str,
    ) -> Result<Option<u64>, RegistryError> {
        Ok(self.standing(model, alias).await?.and_then(|standing| standing.version))
    }

    /// Where an alias stands; none where it was never set.
    ///
    /// # Errors
    ///
    /// Where the alias cannot be read, or no alias can have this name.
    pub async fn standing(
        &self,
        model: &ModelName,
        alias: &str,
    ) -> Result<Option<Standing>, RegistryError> {
        self.read_alias(model, alias).await?.map(|read| read.standing).transpose()
    }

    /// The aliases that name a version, with it, sorted by name.
    ///
    /// # Errors
    ///
    /// Where one cannot be read.
    pub async fn aliases(
        &self,
        model: &ModelName,
    ) -> Result<Vec<(String, Standing)>, RegistryError> {
        let mut aliases = Vec::new();
        for alias in self.alias_names(model).await? {
            if let Some(standing) = self.standing(model, &alias).await?
                && standing.version.is_some()
            {
                aliases.push((alias, standing));
            }
        }
        Ok(aliases)
    }

    /// The names of the aliases that have a file, whatever it says, sorted.
    ///
    /// # Errors
    ///
    /// Where listing fails.
    pub async fn alias_names(&self, model: &ModelName) -> Result<Vec<String>, RegistryError> {
        let folder = Path::from_iter([model.as_str(), "aliases"]);
        let files = self.file_names(&folder).await?;
        let names = files.iter().filter_map(|file| file.strip_suffix(".json"));
        let mut names: Vec<String> =
            names.filter(|alias| is_name(alias)).map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    pub(crate) async fn read_alias(
        &self,
        model: &ModelName,
        alias: &str,
    ) -> Result<Option<Read>, RegistryError> {
        let path = alias_path(model, alias)?;
        let found = match self.store.get(&path).await {
            Ok(found) => found,
            Err(error) if self.is_absent(&error) => return Ok(None),
            Err(source) => return Err(self.failed("reading", &path, source)),
        };
        let version =
            UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
        let bytes = found.bytes().await.map_err(|source| self.failed("reading", &path, source))?;
        let standing = serde_json::from_slice(&bytes).map_err(|error| {
            RegistryError::UnreadableAlias { path: path.to_string(), reason: error.to_string() }
        });
        Ok(Some(Read { standing, version }))
    }
}

pub(crate) fn alias_path(model: &ModelName, alias: &str) -> Result<Path, RegistryError> {
    if !is_name(alias) {
        return Err(RegistryError::InvalidAlias(alias.to_owned()));
    }
    Ok(Path::from_iter([model.as_str(), "aliases", &format!("{alias}.json")]))
}
