//! Versions get numbers, appear whole, and the first becomes the champion.

use std::sync::Arc;

use object_store::memory::InMemory;
use registry::{Action, CHAMPION, ModelName, Move, Published, Registry, RegistryError, Stamp};
use schema::Rows;
use testkit::{TESTS, TempRegistry, draft};
use tokio_util::sync::CancellationToken;

fn diamonds() -> ModelName {
    "diamonds".parse().expect("a valid name")
}

async fn publish(registry: &Registry, base: f64) -> Published {
    let never = CancellationToken::new();
    registry.publish(draft("diamonds", base), TESTS, None, &never).await.expect("published")
}

/// What every store must do.
async fn keeps_its_promises(registry: &Registry) {
    let model = diamonds();
    assert_eq!(registry.versions(&model).await.expect("listed"), [0; 0]);
    assert_eq!(registry.alias(&model, CHAMPION).await.expect("looked up"), None);

    assert_eq!(publish(registry, 100.0).await, Published { version: 1, is_champion: true });
    assert_eq!(publish(registry, 200.0).await, Published { version: 2, is_champion: false });
    assert_eq!(registry.versions(&model).await.expect("listed"), [1, 2]);
    assert_eq!(registry.models().await.expect("listed"), std::slice::from_ref(&model));
    assert_eq!(registry.alias(&model, CHAMPION).await.expect("looked up"), Some(1));

    let promote = |version| Move::new(Action::Promoted, CHAMPION, Some(version));
    registry.move_alias(&model, &promote(2), TESTS).await.expect("moved");
    assert_eq!(registry.alias(&model, CHAMPION).await.expect("looked up"), Some(2));
    let unknown = registry.move_alias(&model, &promote(7), TESTS).await;
    let unknown = unknown.expect_err("no version 7");
    assert_eq!(unknown.to_string(), "model `diamonds` has no version 7; it has 1, 2");

    let version = registry.load(&model, 2).await.expect("loaded");
    let row = Rows::new(3, vec![0.5, 0.0, 1.0]);
    assert_eq!(version.pipeline.predict(&row), [200.0]);
    assert_eq!(version.manifest.version, 2);
}

#[tokio::test]
async fn a_folder_keeps_its_promises() {
    keeps_its_promises(&TempRegistry::new().registry).await;
}

#[tokio::test]
async fn memory_keeps_its_promises() {
    keeps_its_promises(&Registry::over(Arc::new(InMemory::new()), "memory")).await;
}

#[tokio::test]
async fn publishers_at_the_same_time_get_numbers_of_their_own() {
    let temp = TempRegistry::new();
    let publishers: Vec<_> = (0..8)
        .map(|i| {
            let registry = temp.registry.clone();
            tokio::spawn(async move { publish(&registry, f64::from(i + 1)).await })
        })
        .collect();
    let mut published = Vec::new();
    for publisher in publishers {
        published.push(publisher.await.expect("no panic"));
    }
    published.sort_by_key(|published| published.version);
    let versions: Vec<_> = published.iter().map(|published| published.version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(published.iter().filter(|published| published.is_champion).count(), 1);
    for version in versions {
        temp.registry.load(&diamonds(), version).await.expect("each is whole");
    }
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
