//! A store that fails at any write, a full disk or a lost connection, and one in which somebody else comes first.
//! A fake, because each write must fail in turn.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use registry::{CHAMPION, ModelName, Move, Registry, RegistryError};
use testkit::{TESTS, draft};
use tokio_util::sync::CancellationToken;

use crate::place::{champion_path, diamonds, entry_path, promotion};

/// Memory whose n-th write fails, and no other one.
#[derive(Debug)]
struct Failing {
    memory: InMemory,
    writes_left: AtomicUsize,
    /// Whether the write that fails is done all the same: only its answer is lost.
    is_done: bool,
    interruption: Mutex<Option<Interruption>>,
    /// The same, before a file is read.
    interrupted_reading: Mutex<Option<Interruption>>,
}

/// What happens right before a file is written or read.
struct Interruption {
    before: Path,
    what: BoxFuture<'static, ()>,
}

impl fmt::Debug for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Interruption").field(&self.before).finish()
    }
}

impl Failing {
    fn at(nth: usize) -> Self {
        Self {
            memory: InMemory::new(),
            writes_left: AtomicUsize::new(nth),
            is_done: false,
            interruption: Mutex::new(None),
            interrupted_reading: Mutex::new(None),
        }
    }

    fn interruption_before(&self, at: &Path) -> Option<Interruption> {
        self.interruption.lock().expect("no panic").take_if(|next| next.before == *at)
    }

    fn arm(&self, nth: usize) {
        self.writes_left.store(nth, Ordering::Relaxed);
    }

    /// Whether the write that was to fail has not come yet.
    fn is_armed(&self) -> bool {
        self.writes_left.load(Ordering::Relaxed) < usize::MAX / 2
    }

    /// Counts a write; an error is what it fails with.
    fn count(&self) -> Result<()> {
        if self.writes_left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.arm(usize::MAX);
            let source = "no space left on device".into();
            return Err(object_store::Error::Generic { store: "failing", source });
        }
        Ok(())
    }
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a failing store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Failing {
    async fn put_opts(
        &self,
        at: &Path,
        bytes: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if let Some(interruption) = self.interruption_before(at) {
            interruption.what.await;
        }
        let counted = self.count();
        if self.is_done || counted.is_ok() {
            let put = self.memory.put_opts(at, bytes, options).await;
            return counted.and(put);
        }
        counted.and(Err(object_store::Error::NotImplemented {
            operation: "a write that failed".to_owned(),
            implementer: "failing".to_owned(),
        }))
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.memory.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let next = |next: &mut Interruption| next.before == *at;
        let interruption = self.interrupted_reading.lock().expect("no panic").take_if(next);
        if let Some(interruption) = interruption {
            interruption.what.await;
        }
        self.memory.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        at: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.count() {
            Err(error) if self.is_done => {
                let deleted = self.memory.delete_stream(at).map(drop);
                let deleted = deleted.collect::<Vec<()>>();
                stream::once(deleted.map(|_| Err(error))).boxed()
            }
            Err(error) => stream::iter([Err(error)]).boxed(),
            Ok(()) => self.memory.delete_stream(at),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.memory.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.memory.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.memory.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_failed_alias_leaves_a_version_and_says_so() {
    let model: ModelName = "diamonds".parse().expect("a valid name");
    let store = Arc::new(Failing::at(4));
    let registry = Registry::over(store, "failing");
    let never = CancellationToken::new();
    let error =
        registry.publish(draft("diamonds", 1.0), TESTS, None, &never).await.expect_err("full");
    assert_eq!(
        error.to_string(),
        "version 1 of `diamonds` is published, but it could not be made the champion; promote it"
    );
    assert_eq!(registry.versions(&model).await.expect("listed"), [1]);
    assert_eq!(registry.alias(&model, CHAMPION).await.expect("looked up"), None);
}

#[tokio::test]
async fn a_failed_write_leaves_no_version_and_no_files() {
    let model: ModelName = "diamonds".parse().expect("a valid name");
    let never = CancellationToken::new();
    // Weights, golden rows, report, manifest.
    for nth in 0..4 {
        let store = Arc::new(Failing::at(nth));
        let registry = Registry::over(store.clone(), "failing");
        let error =
            registry.publish(draft("diamonds", 1.0), TESTS, None, &never).await.expect_err("full");
        assert!(error.to_string().starts_with("writing diamonds/versions/1/"), "{error}");
        assert_eq!(registry.versions(&model).await.expect("listed"), [0; 0], "write {nth}");
        let left = store.list_with_delimiter(None).await.expect("listed");
        assert!(left.common_prefixes.is_empty(), "write {nth} leaves {left:?}");

        // And the next one goes through, under the same number.
        let published = registry.publish(draft("diamonds", 1.0), TESTS, None, &never).await;
        assert_eq!(published.expect("space again").version, 1);
    }
}

/// What changes a registry.
#[derive(Debug, Clone, Copy)]
enum Change {
    Publish,
    Move,
    /// Over an alias that was written by hand.
    MoveFromHand,
    Prune,
}

impl Change {
    async fn make(self, registry: &Registry) -> std::result::Result<(), RegistryError> {
        let never = CancellationToken::new();
        match self {
            Self::Publish => {
                registry.publish(draft("diamonds", 5.0), TESTS, None, &never).await.map(drop)
            }
            Self::Move | Self::MoveFromHand => {
                registry.move_alias(&diamonds(), &promotion(4), TESTS).await.map(drop)
            }
            Self::Prune => registry.prune(&diamonds(), 1, TESTS).await.map(drop),
        }
    }

    /// The versions and the champion, before and after it.
    fn states(self) -> [(&'static [u64], u64); 2] {
        let before = [1, 2, 3, 4].as_slice();
        match self {
            Self::Publish => [(before, 3), (&[1, 2, 3, 4, 5], 3)],
            Self::Move | Self::MoveFromHand => [(before, 3), (before, 4)],
            Self::Prune => [(before, 3), (&[2, 3, 4], 3)],
        }
    }
}

/// Versions 1 to 4; the champions were 1, 2 and 3.
async fn filled(is_done: bool, change: Change) -> (Arc<Failing>, Registry) {
    let store = Arc::new(Failing { is_done, ..Failing::at(usize::MAX) });
    let registry = Registry::over(store.clone(), "failing");
    for base in 1..=4 {
        let never = CancellationToken::new();
        let draft = draft("diamonds", f64::from(base));
        registry.publish(draft, TESTS, None, &never).await.expect("published");
    }
    for version in [2, 3] {
        registry.move_alias(&diamonds(), &promotion(version), TESTS).await.expect("moved");
    }
    if matches!(change, Change::MoveFromHand) {
        let by_hand = r#"{"version":3}"#.into();
        store.put(&champion_path(), by_hand).await.expect("written");
    }
    (store, registry)
}

async fn state(registry: &Registry) -> (Vec<u64>, u64) {
    let versions = registry.versions(&diamonds()).await.expect("listed");
    for &version in &versions {
        registry.load(&diamonds(), version).await.expect("what can be seen is whole");
    }
    let champion = registry.alias(&diamonds(), CHAMPION).await.expect("looked up");
    (versions, champion.expect("there is always one"))
}

#[tokio::test]
async fn whichever_write_fails_the_change_is_made_or_not_and_the_next_writer_completes_it() {
    for (change, n_writes) in [
        (Change::Publish, 4),      // weights, golden rows, report, manifest
        (Change::Move, 2),         // entry, alias
        (Change::MoveFromHand, 3), // what the hand wrote comes behind the last entry first
        (Change::Prune, 5),        // entry, four files
    ] {
        for (is_done, nth) in [false, true]
            .into_iter()
            .flat_map(|is_done| (0..n_writes).map(move |nth| (is_done, nth)))
        {
            let case = format!("{change:?}, write {nth} fails, done: {is_done}");
            let (store, registry) = filled(is_done, change).await;
            store.arm(nth);
            change.make(&registry).await.expect_err(&case);
            assert!(!store.is_armed(), "{case}");

            let [before, after] = change.states();
            let (versions, champion) = state(&registry).await;
            assert!([before.1, after.1].contains(&champion), "{case}: {champion}");
            assert!([before.0, after.0].contains(&&versions[..]), "{case}: {versions:?}");

            // The next writer, whoever it is, leaves everything right.
            registry.settle(&diamonds(), CHAMPION).await.expect(&case);
            let (_, champion) = state(&registry).await;
            let (ledger, fault) = registry.check_ledger(&diamonds()).await.expect(&case);
            assert_eq!(fault, None, "{case}");
            assert_eq!(
                ledger.last_move(CHAMPION).and_then(|last| last.to),
                Some(champion),
                "{case}"
            );
            change.make(&registry).await.expect(&case);
            let (versions, champion) = state(&registry).await;
            assert_eq!(champion, after.1, "{case}");
            assert_eq!(versions.len(), after.0.len(), "{case}: {versions:?}");
            let (_, fault) = registry.check_ledger(&diamonds()).await.expect(&case);
            assert_eq!(fault, None, "{case}");
        }
        let (store, registry) = filled(false, change).await;
        store.arm(n_writes);
        change.make(&registry).await.expect("it needs no more writes");
    }
}

#[tokio::test]
async fn whoever_comes_in_between_is_neither_lost_nor_overwritten() {
    // Somebody promotes version 2 right before entry 4 is created, or right before the alias is written for it.
    for (before, expects, expected) in [
        (entry_path(4), false, [2, 4]),
        (entry_path(4), true, [2, 2]),
        (champion_path(), false, [4, 2]),
        (champion_path(), true, [4, 2]),
    ] {
        for is_deleted in [false, true] {
            let case = format!("{before}, expects: {expects}, deleted: {is_deleted}");
            let (store, registry) = filled(false, Change::Move).await;
            let standing = registry.settle(&diamonds(), CHAMPION).await.expect("settled");
            let other = registry.clone();
            let behind_our_back = store.clone();
            let what = async move {
                if is_deleted {
                    behind_our_back.delete(&champion_path()).await.expect("deleted");
                }
                other.move_alias(&diamonds(), &promotion(2), TESTS).await.expect("moved");
            };
            *store.interruption.lock().expect("no panic") =
                Some(Interruption { before: before.clone(), what: what.boxed() });
            let wanted = Move { expected: expects.then_some(standing), ..promotion(4) };
            let moved = registry.move_alias(&diamonds(), &wanted, TESTS).await;
            let is_late = expects && before == entry_path(4);
            assert_eq!(moved.is_err(), is_late, "{case}: {moved:?}");

            let (ledger, fault) = registry.check_ledger(&diamonds()).await.expect("read");
            assert_eq!(fault, None, "{case}");
            let to: Vec<_> = ledger.entries[3..].iter().filter_map(|entry| entry.to).collect();
            assert_eq!(to, if is_late { &expected[..1] } else { &expected[..] }, "{case}");
            let champion = registry.alias(&diamonds(), CHAMPION).await.expect("looked up");
            assert_eq!(champion, to.last().copied(), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_that_is_under_way_is_no_fault() {
    let (store, registry) = filled(false, Change::Move).await;
    // The entry stands, and its alias comes a little later.
    let late = tokio::time::sleep(Duration::from_millis(120)).boxed();
    *store.interruption.lock().expect("no panic") =
        Some(Interruption { before: champion_path(), what: late });
    let (diamonds, wanted) = (diamonds(), promotion(4));
    let check = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        registry.check_ledger(&diamonds).await.expect("read")
    };
    let moved = registry.move_alias(&diamonds, &wanted, TESTS);
    let (moved, (ledger, fault)) = tokio::join!(moved, check);
    moved.expect("moved");
    assert_eq!((ledger.entries.len(), fault), (4, None));
}

#[tokio::test]
async fn what_a_hand_wrote_behind_a_move_is_not_undone_by_who_has_not_seen_the_move() {
    let (store, registry) = filled(false, Change::Move).await;
    let (other, behind_our_back) = (registry.clone(), store.clone());
    let what = async move {
        other.move_alias(&diamonds(), &promotion(4), TESTS).await.expect("moved");
        let by_hand = r#"{"version":2}"#.into();
        behind_our_back.put(&champion_path(), by_hand).await.expect("written");
    };
    *store.interrupted_reading.lock().expect("no panic") =
        Some(Interruption { before: champion_path(), what: what.boxed() });
    for _ in 0..2 {
        let standing = registry.settle(&diamonds(), CHAMPION).await.expect("settled");
        assert_eq!((standing.version, standing.entry), (Some(2), Some(4)));
    }
}
