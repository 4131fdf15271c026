//! A registry in a temporary folder.

use std::path::PathBuf;

use registry::{Action, Draft, ModelName, Move, Registry, Stamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Who tests, and when.
pub const TESTS: Stamp<'static> = Stamp { now: 0, by: "tests@host" };

/// A registry that is removed with this value.
#[derive(Debug)]
pub struct TempRegistry {
    folder: TempDir,
    /// The registry.
    pub registry: Registry,
}

impl Default for TempRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl TempRegistry {
    /// Makes an empty registry.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let location = folder.path().to_str().expect("a path in UTF-8");
        let registry = Registry::open(location).expect("an empty folder is a registry");
        Self { folder, registry }
    }

    /// Its folder, as the command lines take it.
    pub fn location(&self) -> &str {
        self.registry.location()
    }

    /// A file of a version.
    pub fn file(&self, model: &str, version: u64, name: &str) -> PathBuf {
        let version = version.to_string();
        [self.folder.path(), model.as_ref(), "versions".as_ref(), version.as_ref(), name.as_ref()]
            .iter()
            .collect()
    }

    /// Publishes a draft and returns its number.
    pub async fn publish(&self, draft: Draft) -> u64 {
        let published = self.registry.publish(draft, TESTS, None, &CancellationToken::new()).await;
        published.expect("the draft is published").version
    }

    /// Moves an alias, whatever a gate would say.
    pub async fn set_alias(&self, model: &ModelName, alias: &str, version: u64) {
        let wanted = Move::new(Action::Promoted, alias, Some(version));
        self.registry.move_alias(model, &wanted, TESTS).await.expect("the alias is moved");
    }
}
