//! What somebody changes in ledger and aliases is noticed, and the first entry that is wrong is named.

use proptest::prelude::*;
use registry::sha256_hex;
use testkit::{TESTS, draft};
use tokio_util::sync::CancellationToken;

use crate::place::{Place, champion_path, diamonds, entry_path};

/// The ledger's entries.
const N: u64 = 7;

/// Versions 1 to 4 and seven entries, the last of which makes version 4 the champion.
async fn tampered_with() -> Place {
    let place = Place::memory();
    place.publish(4).await;
    for version in [2, 3, 4, 2, 3, 4] {
        place.promote(version).await;
    }
    assert_eq!(place.entries().await.len() as u64, N);
    place
}

/// A sealed file with something else in it, sealed again.
fn resealed(sealed: &[u8], from: &str, to: &str) -> Vec<u8> {
    let sealed = std::str::from_utf8(sealed).expect("JSON");
    let (body, _) = sealed.split_once(",\n  \"seal\"").expect("a seal");
    let changed = body.replace(from, to);
    assert_ne!(changed, body, "{from} is not in {body}");
    let seal = sha256_hex(changed.as_bytes());
    format!("{changed},\n  \"seal\": \"{seal}\"\n}}\n").into_bytes()
}

#[tokio::test]
async fn every_flipped_byte_and_every_cut_of_an_entry_is_named() {
    let place = tampered_with().await;
    for entry in 1..=N {
        let whole = place.read(&entry_path(entry)).await;
        let expected = format!("entry {entry} was changed: ");
        for at in 0..whole.len() {
            for mask in [1, 0x20, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                place.write(&entry_path(entry), bytes).await;
                let fault = place.fault().await;
                assert!(fault.starts_with(&expected), "byte {at} ^ {mask}: {fault}");
            }
            place.write(&entry_path(entry), &whole[..at]).await;
            let fault = place.fault().await;
            assert!(fault.starts_with(&expected), "cut to {at} bytes: {fault}");
        }
        place.write(&entry_path(entry), whole).await;
    }
    assert_eq!(place.fault().await, "nothing");
}

#[tokio::test]
async fn a_changed_entry_that_was_sealed_again_is_named() {
    let place = tampered_with().await;
    for entry in 1..=N {
        let whole = place.read(&entry_path(entry)).await;
        place.write(&entry_path(entry), resealed(&whole, "tests@host", "nobody@host")).await;
        let expected = match entry {
            N => {
                format!("entry {N} was changed: the alias `champion` was written after another one")
            }
            _ => format!(
                "entry {entry} was changed: entry {} was written after another one",
                entry + 1
            ),
        };
        assert_eq!(place.fault().await, expected);
        place.write(&entry_path(entry), whole).await;
    }
}

#[tokio::test]
async fn an_entry_that_is_hung_onto_another_one_is_named() {
    let place = tampered_with().await;
    let previous = place.entries().await[2].previous.clone();
    let whole = place.read(&entry_path(3)).await;
    place.write(&entry_path(3), resealed(&whole, &previous, &"0".repeat(64))).await;
    assert_eq!(place.fault().await, "entry 3 was changed: it names another one before it");
}

#[tokio::test]
async fn an_entry_that_was_removed_is_named() {
    let place = tampered_with().await;
    for entry in 1..=N {
        let whole = place.read(&entry_path(entry)).await;
        place.delete(&entry_path(entry)).await;
        assert_eq!(place.fault().await, format!("entry {entry} is missing"));
        place.write(&entry_path(entry), whole).await;
    }
    assert_eq!(place.fault().await, "nothing");
}

#[tokio::test]
async fn a_removed_end_stays_to_be_seen_whatever_is_written_after_it() {
    for n_left in [N - 1, N - 2, 0] {
        let place = tampered_with().await;
        for entry in n_left + 1..=N {
            place.delete(&entry_path(entry)).await;
        }
        let expected = format!("entry {} is missing", n_left + 1);
        assert_eq!(place.fault().await, expected);
        assert_eq!(place.promote(1).await.entry, N + 1);
        assert_eq!(place.fault().await, expected);
        place.registry.prune(&diamonds(), 1, TESTS).await.expect("pruned");
        assert_eq!(place.fault().await, expected);
    }
}

#[tokio::test]
async fn a_pruner_does_not_fill_a_gap_either() {
    let place = tampered_with().await;
    place.delete(&entry_path(N)).await;
    let pruned = place.registry.prune(&diamonds(), 1, TESTS).await.expect("pruned");
    assert!(!pruned.contains(&4), "it is served");
    assert_eq!(place.fault().await, format!("entry {N} is missing"));
}

#[tokio::test]
async fn two_entries_that_were_swapped_are_named() {
    let place = tampered_with().await;
    let (third, fifth) = (place.read(&entry_path(3)).await, place.read(&entry_path(5)).await);
    place.write(&entry_path(3), fifth).await;
    place.write(&entry_path(5), third).await;
    assert_eq!(place.fault().await, "entry 3 was changed: it is entry 5");
}

#[tokio::test]
async fn an_entry_that_moved_nothing_is_named() {
    let place = tampered_with().await;
    let last = place.read(&entry_path(N)).await;
    let previous = place.entries().await[6].previous.clone();
    let forged = resealed(&last, "\"entry\": 7", "\"entry\": 8");
    let forged = resealed(&forged, &previous, &sha256_hex(&last));
    let forged = resealed(&forged, "\"to\": 4", "\"to\": 2");
    place.write(&entry_path(8), forged).await;
    assert_eq!(
        place.fault().await,
        "the alias `champion` names version 4 by entry 7 where the ledger says version 2 by entry 8"
    );
}

#[tokio::test]
async fn an_alias_that_was_edited_is_named() {
    let place = tampered_with().await;
    let alias = place.read(&champion_path()).await;
    let alias = String::from_utf8(alias).expect("JSON");
    let digest = sha256_hex(&place.read(&entry_path(N)).await);
    let expected = "the ledger says version 4 by entry 7";
    let cases = [
        (
            alias.replace("\"version\":4", "\"version\":2"),
            format!("the alias `champion` names version 2 by entry 7 where {expected}"),
        ),
        (
            alias.replace("\"entry\":7", "\"entry\":6"),
            format!("the alias `champion` names version 4 by entry 6 where {expected}"),
        ),
        (
            r#"{"version":2}"#.to_owned(),
            format!("the alias `champion` names version 2 by no entry where {expected}"),
        ),
        (
            r#"{"version":null}"#.to_owned(),
            format!("the alias `champion` names no version by no entry where {expected}"),
        ),
        (
            alias.replace(&digest, &"0".repeat(64)),
            "entry 7 was changed: the alias `champion` was written after another one".to_owned(),
        ),
        (
            r#"{"version":4,"entry":7}"#.to_owned(),
            "entry 7 was changed: the alias `champion` was written after another one".to_owned(),
        ),
    ];
    for (edited, expected) in cases {
        assert_ne!(edited, alias);
        place.write(&champion_path(), edited.clone()).await;
        assert_eq!(place.fault().await, expected, "{edited}");
    }
    place.delete(&champion_path()).await;
    let expected = format!("the alias `champion` names no version by no entry where {expected}");
    assert_eq!(place.fault().await, expected);
    place.write(&"diamonds/aliases/other.json".into(), r#"{"version":1}"#).await;
    place.write(&champion_path(), alias).await;
    assert_eq!(
        place.fault().await,
        "the alias `other` names version 1 by no entry where the ledger says nothing"
    );
}

#[tokio::test]
async fn another_version_under_the_same_number_is_named() {
    let (place, other) = (tampered_with().await, Place::memory());
    for base in [1.0, 2.0, 3.0, 4.5] {
        let never = CancellationToken::new();
        let draft = draft("diamonds", base);
        other.registry.publish(draft, TESTS, None, &never).await.expect("published");
    }
    for file in ["golden.json", "manifest.json", "report.html", "weights.safetensors"] {
        let path = format!("diamonds/versions/4/{file}").into();
        let bytes = other.read(&path).await;
        place.write(&path, bytes).await;
    }
    place.registry.load(&diamonds(), 4).await.expect("it is whole");
    assert_eq!(
        place.fault().await,
        "version 4 is not the one that entry 7 put under `champion`: its manifest has another sha256"
    );
}

#[tokio::test]
async fn files_that_are_no_entries_are_none() {
    let place = tampered_with().await;
    let entry = place.read(&entry_path(1)).await;
    for name in ["8.json", "00000008.json#1", "00000008", "notes.txt", "-0000008.json"] {
        let path = object_store::path::Path::from_iter(["diamonds", "ledger", name]);
        place.write(&path, entry.clone()).await;
    }
    assert_eq!(place.fault().await, "nothing");
    assert_eq!(place.promote(1).await.entry, N + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_as_an_entry_or_alias_are_a_fault_or_an_error(
        place in proptest::sample::select(vec![0, 1, 4, N]),
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "\\{\"(version|entry)\":[0-9]{1,20}(,\"entry\":[0-9]{1,20})?(,\"entry_sha256\":\"x\")?\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let damaged = tampered_with().await;
            let path = if place == 0 { champion_path() } else { entry_path(place) };
            damaged.write(&path, bytes).await;
            let checked = damaged.registry.check_ledger(&diamonds()).await;
            assert!(checked.is_err() || checked.is_ok_and(|(_, fault)| fault.is_some()));
            // And it can be gone on from.
            damaged.promote(1).await;
            assert_eq!(damaged.champion().await, Some(1));
            let never = CancellationToken::new();
            let published = damaged.registry.publish(draft("diamonds", 1.0), TESTS, None, &never);
            published.await.expect("published");
        });
    }
}
