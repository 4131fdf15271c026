//! Every truncation and every flipped byte of a version is refused with a reason, never a panic.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use proptest::prelude::*;
use registry::{ModelName, Refusal, Registry, RegistryError};
use testkit::{TESTS, draft};
use tokio_util::sync::CancellationToken;

const FILES: [&str; 4] = ["manifest.json", "weights.safetensors", "golden.json", "report.html"];

struct Version {
    store: Arc<dyn ObjectStore>,
    registry: Registry,
    model: ModelName,
}

impl Version {
    async fn publish() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let registry = Registry::over(Arc::clone(&store), "memory");
        let never = CancellationToken::new();
        registry.publish(draft("diamonds", 100.0), TESTS, None, &never).await.expect("published");
        Self { store, registry, model: "diamonds".parse().expect("a valid name") }
    }

    fn path(file: &str) -> Path {
        Path::from(format!("diamonds/versions/1/{file}"))
    }

    async fn read(&self, file: &str) -> Vec<u8> {
        let found = self.store.get(&Self::path(file)).await.expect("it is there");
        found.bytes().await.expect("it can be read").to_vec()
    }

    async fn write(&self, file: &str, bytes: Vec<u8>) {
        self.store.put(&Self::path(file), bytes.into()).await.expect("memory takes it");
    }

    /// Why the version is refused.
    async fn refusal(&self, what: &str) -> Refusal {
        match self.registry.load(&self.model, 1).await {
            Err(RegistryError::Refused { refusal, .. }) => refusal,
            other => panic!("{what} is not refused: {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_truncation_is_refused() {
    let version = Version::publish().await;
    for file in FILES {
        let whole = version.read(file).await;
        for keep in 0..whole.len() {
            version.write(file, whole[..keep].to_vec()).await;
            version.refusal(&format!("{file} cut to {keep} bytes")).await;
        }
        version.write(file, whole).await;
        version.registry.load(&version.model, 1).await.expect("whole again");
    }
}

#[tokio::test]
async fn every_flipped_byte_is_refused() {
    let version = Version::publish().await;
    for file in FILES {
        let whole = version.read(file).await;
        for at in 0..whole.len() {
            for mask in [1, 2, 4, 8, 16, 32, 64, 128, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                version.write(file, bytes).await;
                version.refusal(&format!("{file} with byte {at} ^ {mask:#x}")).await;
            }
        }
        version.write(file, whole).await;
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    for file in &FILES[1..] {
        let version = Version::publish().await;
        version.store.delete(&Version::path(file)).await.expect("removed");
        assert_eq!(version.refusal(file).await, Refusal::MissingFile((*file).to_owned()));
    }
}

#[tokio::test]
async fn a_copied_folder_is_refused() {
    let version = Version::publish().await;
    for file in FILES {
        let to = Path::from(format!("diamonds/versions/2/{file}"));
        version.store.copy(&Version::path(file), &to).await.expect("copied");
    }
    let error = version.registry.load(&version.model, 2).await.expect_err("version 1 in folder 2");
    let RegistryError::Refused { refusal, .. } = error else { panic!("{error}") };
    assert_eq!(
        refusal.to_string(),
        "manifest.json is that of `diamonds` version 1: the folder was moved or copied"
    );
}

#[tokio::test]
async fn a_model_that_answers_otherwise_than_its_library_fails_the_parity_check() {
    // However small the target's unit is, or this row's beside the others: the tolerance is relative.
    let registry = Registry::over(Arc::new(InMemory::new()), "memory");
    let mut wrong = draft("tiny", 1e-12);
    wrong.golden.predictions[1] *= 1.0 + 1e-8;
    registry.publish(wrong, TESTS, None, &CancellationToken::new()).await.expect("published");
    registry.load(&"tiny".parse().expect("a name"), 1).await.expect_err("it must not serve");

    let mut wrong = draft("diamonds", 100.0);
    wrong.golden.predictions[1] += 1e-6;
    registry.publish(wrong, TESTS, None, &CancellationToken::new()).await.expect("published");
    let model = "diamonds".parse().expect("a valid name");
    let error = registry.load(&model, 1).await.expect_err("it must not serve");
    let RegistryError::Refused { refusal, .. } = error else { panic!("{error}") };
    assert_eq!(
        refusal.to_string(),
        "the parity check fails: golden row 1 gives 300 where the training library gave 300.000001"
    );
}

proptest! {
    #[test]
    fn any_bytes_as_a_file_are_refused(
        file in proptest::sample::select(&FILES[..]),
        bytes in proptest::collection::vec(any::<u8>(), 0..500),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let version = Version::publish().await;
            version.write(file, bytes).await;
            version.refusal(file).await;
        });
    }
}
