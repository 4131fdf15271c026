//! Pruning: what goes, what stays, and what becomes of it where it dies half-way.

use registry::{Action, CHALLENGER, Move, RegistryError};
use testkit::{TESTS, draft};
use tokio_util::sync::CancellationToken;

use crate::place::{Place, diamonds, on_every_store, promotion};

on_every_store! {
    pruning_keeps_the_newest_the_aliased_and_the_way_back,
    pruning_notes_in_the_ledger_what_went,
    a_challenger_whose_file_is_not_there_yet_keeps_its_version,
    a_number_is_never_given_again,
    what_was_to_go_when_a_pruner_died_goes_with_the_next_one,
    a_version_without_its_manifest_is_none_and_goes_in_the_end,
}

async fn prune(place: &Place, keep: usize) -> Vec<u64> {
    place.registry.prune(&diamonds(), keep, TESTS).await.expect("pruned")
}

async fn pruning_keeps_the_newest_the_aliased_and_the_way_back(place: Place) {
    place.publish(9).await;
    for version in [2, 4, 3] {
        place.promote(version).await;
    }
    place.move_to(Move::new(Action::Promoted, CHALLENGER, Some(5))).await.expect("moved");
    let prunable = place.registry.prunable(&diamonds(), 2).await.expect("listed");
    assert_eq!(prunable, [1, 2, 6, 7], "3 is champion, 4 was, 5 is tried, 8 and 9 are new");
    assert_eq!(prune(&place, 2).await, prunable);
    assert_eq!(place.versions().await, [3, 4, 5, 8, 9]);
    assert_eq!(prune(&place, 2).await, [0; 0]);

    // Keeping none keeps one.
    assert_eq!(prune(&place, 0).await, [8]);
    for version in place.versions().await {
        place.registry.load(&diamonds(), version).await.expect("it is whole");
    }
}

async fn pruning_notes_in_the_ledger_what_went(place: Place) {
    place.publish(3).await;
    place.promote(3).await;
    place.promote(2).await;
    assert_eq!(prune(&place, 1).await, [1]);
    let entries = place.entries().await;
    let last = entries.last().expect("an entry");
    assert_eq!((last.action, &last.pruned[..], last.to), (Action::Pruned, &[1][..], None));
    assert_eq!(place.champion().await, Some(2), "it moved nothing");
    let gone = place.move_to(promotion(1)).await.expect_err("it is gone");
    assert_eq!(gone.to_string(), "model `diamonds` has no version 1; it has 2, 3");
    assert_eq!(prune(&place, 1).await, [0; 0]);
    assert_eq!(place.entries().await.len(), entries.len(), "what did nothing says nothing");
}

async fn a_challenger_whose_file_is_not_there_yet_keeps_its_version(place: Place) {
    place.publish(4).await;
    place.promote(3).await;
    place.promote(4).await;
    place.move_to(Move::new(Action::Promoted, CHALLENGER, Some(2))).await.expect("moved");
    // As a mover leaves it that died between ledger and alias.
    place.delete(&"diamonds/aliases/challenger.json".into()).await;
    assert_eq!(prune(&place, 1).await, [1]);
    let standing = place.registry.settle(&diamonds(), CHALLENGER).await.expect("settled");
    assert_eq!(standing.version, Some(2));
    place.registry.load(&diamonds(), 2).await.expect("it is whole");
}

async fn a_number_is_never_given_again(place: Place) {
    let never = CancellationToken::new();
    place.publish(1).await;
    for expected in 2..8 {
        let published = place.registry.publish(draft("diamonds", 1.0), TESTS, None, &never).await;
        assert_eq!(published.expect("published").version, expected);
        place.promote(expected).await;
        prune(&place, 1).await;
    }
    assert_eq!(place.versions().await, [6, 7]);
    // Not even where the newest was removed by hand.
    place.promote(6).await;
    let files = ["golden.json", "manifest.json", "report.html", "weights.safetensors"];
    for file in files {
        place.delete(&format!("diamonds/versions/7/{file}").into()).await;
    }
    let published = place.registry.publish(draft("diamonds", 1.0), TESTS, None, &never).await;
    assert_eq!(published.expect("published").version, 8);
}

async fn what_was_to_go_when_a_pruner_died_goes_with_the_next_one(place: Place) {
    place.publish(5).await;
    place.promote(5).await;
    place.promote(4).await;
    let folder = "diamonds/versions/2/";
    let files = ["golden.json", "report.html", "weights.safetensors", "manifest.json"];
    let mut kept = Vec::new();
    for file in files {
        let path = format!("{folder}{file}").into();
        kept.push((place.read(&path).await, path));
    }
    assert_eq!(prune(&place, 1).await, [1, 2, 3]);
    // As a pruner leaves it that died before it came to version 2.
    for (bytes, path) in kept {
        place.write(&path, bytes).await;
    }
    assert_eq!(place.versions().await, [2, 4, 5]);
    let gone = place.move_to(promotion(2)).await.expect_err("it is about to go");
    assert!(matches!(gone, RegistryError::UnknownVersion { .. }), "{gone}");
    assert_eq!(gone.to_string(), "model `diamonds` has no version 2; it has 4, 5");
    assert_eq!(prune(&place, 3).await, [2], "however many are kept now");
    assert_eq!(place.versions().await, [4, 5]);
    place.entries().await;
}

async fn a_version_without_its_manifest_is_none_and_goes_in_the_end(place: Place) {
    place.publish(3).await;
    // As a pruner leaves it that died within a version: the manifest goes first.
    place.delete(&"diamonds/versions/2/manifest.json".into()).await;
    assert_eq!(place.versions().await, [1, 3]);
    let never = CancellationToken::new();
    let later = registry::Stamp { now: u64::from(u32::MAX), ..TESTS };
    place.registry.publish(draft("diamonds", 1.0), later, None, &never).await.expect("published");
    let left = place.store.list_with_delimiter(Some(&"diamonds/versions/2".into())).await;
    assert!(left.map_or(true, |left| left.objects.is_empty()), "nothing is left of it");
    assert_eq!(place.versions().await, [1, 3, 4]);
}
