//! What publishing leaves in a folder; what holds on every store is in `stores.rs`.

use registry::{Published, Registry, RegistryError, Stamp};
use testkit::{TESTS, TempRegistry, draft};
use tokio_util::sync::CancellationToken;

use crate::place::diamonds;

async fn publish(registry: &Registry, base: f64) -> Published {
    let never = CancellationToken::new();
    registry.publish(draft("diamonds", base), TESTS, None, &never).await.expect("published")
}

#[tokio::test]
async fn a_folder_without_a_manifest_is_no_version() {
    let temp = TempRegistry::new();
    publish(&temp.registry, 1.0).await;
    std::fs::remove_file(temp.file("diamonds", 1, "manifest.json")).expect("removed");
    assert_eq!(temp.registry.versions(&diamonds()).await.expect("listed"), [0; 0]);
    assert_eq!(temp.registry.models().await.expect("listed"), []);

    // Nor is a number written in another way, or a file that was never put in its place.
    let half = temp.file("diamonds", 1, "manifest.json#1");
    std::fs::write(&half, "half").expect("written");
    std::fs::create_dir(temp.file("diamonds", 1, "../01")).expect("made");
    std::fs::write(temp.file("diamonds", 1, "../01/manifest.json"), "{}").expect("written");
    assert_eq!(temp.registry.versions(&diamonds()).await.expect("listed"), [0; 0]);

    // Its number is not given again while its files are there,
    assert_eq!(publish(&temp.registry, 1.0).await.version, 2);
    assert!(temp.file("diamonds", 1, "weights.safetensors").exists());

    // and a publisher an hour later takes them away.
    let later = Stamp { now: u64::from(u32::MAX), ..TESTS };
    let never = CancellationToken::new();
    temp.registry.publish(draft("diamonds", 1.0), later, None, &never).await.expect("published");
    assert!(!temp.file("diamonds", 1, "weights.safetensors").exists());
    assert!(!half.exists());
    assert_eq!(temp.registry.versions(&diamonds()).await.expect("listed"), [2, 3]);
}

#[tokio::test]
async fn a_publisher_that_is_stopped_leaves_nothing() {
    let temp = TempRegistry::new();
    let stopped = CancellationToken::new();
    stopped.cancel();
    let error = temp.registry.publish(draft("diamonds", 1.0), TESTS, None, &stopped).await;
    assert!(matches!(error, Err(RegistryError::Cancelled)));
    let left = std::fs::read_dir(temp.location()).expect("the folder").count();
    assert_eq!(left, 0, "nothing is left in the registry");
}

#[test]
fn names_what_cannot_be_a_registry() {
    let cases = [
        ("/nowhere/at/all", "`/nowhere/at/all` cannot be a registry: there is no such folder"),
        ("ftp://x/y", "`ftp://x/y` cannot be a registry: only folders and s3:// are known"),
    ];
    for (location, message) in cases {
        assert_eq!(Registry::open(location).expect_err(location).to_string(), message);
    }
}

#[tokio::test]
async fn the_manifest_is_what_its_readers_rely_on() {
    let temp = TempRegistry::new();
    publish(&temp.registry, 1.0).await;
    let manifest = std::fs::read_to_string(temp.file("diamonds", 1, "manifest.json"));
    let manifest: serde_json::Value =
        serde_json::from_str(&manifest.expect("a manifest")).expect("JSON, seal and all");
    insta::assert_json_snapshot!(manifest);
}
