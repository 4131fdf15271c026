//! The three stores that every promise is kept on: a folder, memory, and a real S3 server.

use std::any::Any;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use registry::{Action, CHAMPION, Entry, ModelName, Move, Registry, RegistryError, Standing, s3};
use testkit::{S3Server, TESTS, TempRegistry, draft};
use tokio_util::sync::CancellationToken;

/// Runs each test on every store.
macro_rules! on_every_store {
    ($($(#[$attribute:meta])* $name:ident),* $(,)?) => {
        mod folder {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(crate::place::Place::folder()).await; })*
        }
        mod memory {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(crate::place::Place::memory()).await; })*
        }
        mod s3 {
            $($(#[$attribute])* #[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(crate::place::Place::s3()).await; })*
        }
    };
}
pub(crate) use on_every_store;

/// A registry, and the store under it for what happens behind its back.
pub(crate) struct Place {
    pub(crate) registry: Registry,
    pub(crate) store: Arc<dyn ObjectStore>,
    _kept: Box<dyn Any + Send + Sync>,
}

pub(crate) fn diamonds() -> ModelName {
    "diamonds".parse().expect("a valid name")
}

pub(crate) fn champion_path() -> Path {
    Path::from("diamonds/aliases/champion.json")
}

pub(crate) fn entry_path(entry: u64) -> Path {
    Path::from(format!("diamonds/ledger/{entry:08}.json"))
}

pub(crate) fn promotion(version: u64) -> Move {
    Move::new(Action::Promoted, CHAMPION, Some(version))
}

impl Place {
    pub(crate) fn folder() -> Self {
        let temp = TempRegistry::new();
        let store = LocalFileSystem::new_with_prefix(temp.location()).expect("a folder");
        Self { registry: temp.registry.clone(), store: Arc::new(store), _kept: Box::new(temp) }
    }

    pub(crate) fn memory() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let registry = Registry::over(Arc::clone(&store), "memory");
        Self { registry, store, _kept: Box::new(()) }
    }

    pub(crate) fn s3() -> Self {
        let server = S3Server::start("models");
        let variables = server.variables();
        let registry = Registry::open_with(&server.url(), &variables).expect("a bucket");
        let store = s3::builder("models", &variables).expect("settings").build().expect("a client");
        Self { registry, store: Arc::new(store), _kept: Box::new(server) }
    }

    /// Publishes versions 1 to `n`; the first is the champion.
    pub(crate) async fn publish(&self, n: u64) {
        for version in 1..=n {
            let never = CancellationToken::new();
            let draft = draft("diamonds", 100.0 * version as f64);
            let published = self.registry.publish(draft, TESTS, None, &never).await;
            assert_eq!(published.expect("published").version, version);
        }
    }

    pub(crate) async fn promote(&self, version: u64) -> Entry {
        self.move_to(promotion(version)).await.expect("promoted")
    }

    pub(crate) async fn roll_back(&self, version: u64) -> Entry {
        let wanted = Move::new(Action::RolledBack, CHAMPION, Some(version));
        self.move_to(wanted).await.expect("rolled back")
    }

    pub(crate) async fn move_to(&self, wanted: Move) -> Result<Entry, RegistryError> {
        self.registry.move_alias(&diamonds(), &wanted, TESTS).await
    }

    pub(crate) async fn settle(&self) -> Standing {
        self.registry.settle(&diamonds(), CHAMPION).await.expect("settled")
    }

    pub(crate) async fn champion(&self) -> Option<u64> {
        self.registry.alias(&diamonds(), CHAMPION).await.expect("looked up")
    }

    pub(crate) async fn versions(&self) -> Vec<u64> {
        self.registry.versions(&diamonds()).await.expect("listed")
    }

    /// The entries of a ledger in which nothing is wrong.
    pub(crate) async fn entries(&self) -> Vec<Entry> {
        let checked = self.registry.check_ledger(&diamonds()).await;
        let (ledger, fault) = checked.expect("read");
        assert_eq!(fault, None);
        ledger.entries
    }

    /// What is wrong with the ledger, in words.
    pub(crate) async fn fault(&self) -> String {
        let checked = self.registry.check_ledger(&diamonds()).await;
        checked.expect("read").1.map_or("nothing".to_owned(), |fault| fault.to_string())
    }

    pub(crate) async fn read(&self, path: &Path) -> Vec<u8> {
        let found = self.store.get(path).await.expect("it is there");
        found.bytes().await.expect("it can be read").to_vec()
    }

    pub(crate) async fn write(&self, path: &Path, bytes: impl Into<Vec<u8>>) {
        self.store.put(path, bytes.into().into()).await.expect("the store takes it");
    }

    pub(crate) async fn delete(&self, path: &Path) {
        self.store.delete(path).await.expect("removed");
    }
}
