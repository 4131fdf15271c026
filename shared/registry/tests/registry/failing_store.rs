//! A store that fails at any write: a full disk, a lost connection. A fake, because each write must fail in turn.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use registry::{CHAMPION, ModelName, Registry};
use testkit::{TESTS, draft};
use tokio_util::sync::CancellationToken;

/// Memory whose n-th write fails.
#[derive(Debug)]
struct Failing {
    memory: InMemory,
    writes_left: AtomicUsize,
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
        if self.writes_left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.writes_left.store(usize::MAX, Ordering::Relaxed);
            let source = "no space left on device".into();
            return Err(object_store::Error::Generic { store: "failing", source });
        }
        self.memory.put_opts(at, bytes, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.memory.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.memory.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        at: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.memory.delete_stream(at)
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
    let store = Arc::new(Failing { memory: InMemory::new(), writes_left: AtomicUsize::new(4) });
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
        let store =
            Arc::new(Failing { memory: InMemory::new(), writes_left: AtomicUsize::new(nth) });
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
