//! What every store must do: versions, aliases, compare-and-swap, and what a hand or a death in between leaves.

use registry::{
    Action, CHALLENGER, CHAMPION, Draft, Move, Published, RegistryError, Stamp, Standing,
};
use schema::Rows;
use testkit::{TESTS, draft};
use tokio_util::sync::CancellationToken;

use crate::place::{Place, champion_path, diamonds, entry_path, on_every_store, promotion};

on_every_store! {
    versions_are_numbered_and_whole,
    the_first_version_becomes_champion_with_an_entry,
    an_alias_moves_and_says_who_moved_it,
    an_unknown_version_is_not_promoted,
    of_two_that_saw_the_same_standing_the_second_is_superseded,
    of_two_that_saw_the_same_hand_written_alias_the_second_is_superseded,
    a_move_that_died_half_way_is_finished_by_settling,
    a_move_that_died_half_way_is_finished_by_the_next_one,
    a_hand_written_alias_is_obeyed_until_the_next_move,
    a_damaged_alias_is_written_again_as_the_ledger_says,
    a_damaged_alias_does_not_let_a_new_version_become_champion,
    an_alias_that_is_taken_away_names_nothing,
    a_refusal_is_noted_and_moves_nothing,
    names_that_leave_the_folder_are_no_aliases,
    held_out_rows_come_back_as_they_were,
    a_version_beyond_the_limit_is_refused_before_it_is_read,
}

async fn versions_are_numbered_and_whole(place: Place) {
    assert_eq!(place.versions().await, [0; 0]);
    assert_eq!(place.champion().await, None);
    place.publish(2).await;
    assert_eq!(place.versions().await, [1, 2]);
    assert_eq!(place.registry.models().await.expect("listed"), [diamonds()]);
    for version in [1, 2] {
        let loaded = place.registry.load(&diamonds(), version).await.expect("loaded");
        assert_eq!(loaded.manifest.version, version);
        let row = Rows::new(3, vec![0.5, 0.0, 1.0]);
        assert_eq!(loaded.pipeline.predict(&row), [100.0 * version as f64]);
    }
}

async fn the_first_version_becomes_champion_with_an_entry(place: Place) {
    place.publish(2).await;
    assert_eq!(place.champion().await, Some(1));
    let entries = place.entries().await;
    let [first] = &entries[..] else { panic!("one entry, not {entries:?}") };
    assert_eq!(
        (first.entry, first.action, first.from, first.to),
        (1, Action::Promoted, None, Some(1))
    );
    assert_eq!(first.reason.as_deref(), Some("the first version"));
    let identity = place.registry.identity(&diamonds(), 1).await.expect("read");
    assert_eq!(first.to_sha256, identity);
}

async fn an_alias_moves_and_says_who_moved_it(place: Place) {
    place.publish(2).await;
    let stamp = Stamp { now: 1_767_225_600, by: "ada@lovelace" };
    let moved = place.registry.move_alias(&diamonds(), &promotion(2), stamp).await.expect("moved");
    assert_eq!((moved.entry, moved.from, moved.to), (2, Some(1), Some(2)));
    assert_eq!((&*moved.at, &*moved.by), ("2026-01-01T00:00:00Z", "ada@lovelace"));
    assert_eq!(place.champion().await, Some(2));
    assert_eq!(place.entries().await[1], moved);
    let standing = place.registry.standing(&diamonds(), CHAMPION).await.expect("read");
    assert_eq!(standing.and_then(|standing| standing.entry), Some(2));
}

async fn an_unknown_version_is_not_promoted(place: Place) {
    place.publish(2).await;
    let unknown = place.move_to(promotion(7)).await.expect_err("no version 7");
    assert_eq!(unknown.to_string(), "model `diamonds` has no version 7; it has 1, 2");
    assert_eq!(place.entries().await.len(), 1);
}

async fn of_two_that_saw_the_same_standing_the_second_is_superseded(place: Place) {
    place.publish(3).await;
    let seen = place.settle().await;
    let expecting = |version| Move { expected: Some(seen.clone()), ..promotion(version) };
    let ada = Stamp { by: "ada@lovelace", ..TESTS };
    place.registry.move_alias(&diamonds(), &expecting(2), ada).await.expect("the first wins");
    let second = place.move_to(expecting(3)).await.expect_err("the second does not");
    assert!(matches!(second, RegistryError::Superseded { version: Some(2), .. }));
    assert_eq!(
        second.to_string(),
        "the alias `champion` of `diamonds` was moved meanwhile by ada@lovelace: it names version 2; look again, \
         and run the command again"
    );
    assert_eq!(place.champion().await, Some(2));
    assert_eq!(place.entries().await.len(), 2);
    // Back where it was is not where it was seen.
    place.promote(1).await;
    place.move_to(expecting(3)).await.expect_err("it has moved since");
}

async fn of_two_that_saw_the_same_hand_written_alias_the_second_is_superseded(place: Place) {
    place.publish(3).await;
    place.write(&champion_path(), r#"{"version":2}"#).await;
    let seen = place.settle().await;
    assert_eq!(seen.version, Some(2));
    let expecting = |version| Move { expected: Some(seen.clone()), ..promotion(version) };
    // As after a winner that died before it wrote the alias.
    let as_seen = place.read(&champion_path()).await;
    place.move_to(expecting(3)).await.expect("the first wins");
    place.write(&champion_path(), as_seen).await;
    let second = place.move_to(expecting(1)).await.expect_err("the second does not");
    assert!(matches!(second, RegistryError::Superseded { version: Some(3), .. }), "{second}");
    assert_eq!(place.champion().await, Some(3));
}

/// Alias files as a writer leaves them that dies between ledger and alias.
async fn half_way(place: &Place) -> [Option<Vec<u8>>; 2] {
    place.publish(3).await;
    let before = place.read(&champion_path()).await;
    place.promote(2).await;
    [Some(before), None]
}

async fn leave(place: &Place, alias: Option<Vec<u8>>) {
    match alias {
        Some(before) => place.write(&champion_path(), before).await,
        None => place.delete(&champion_path()).await,
    }
}

async fn a_move_that_died_half_way_is_finished_by_settling(place: Place) {
    for alias in half_way(&place).await {
        leave(&place, alias).await;
        assert_ne!(place.champion().await, Some(2));
        assert_eq!(place.settle().await.version, Some(2));
        assert_eq!(place.champion().await, Some(2));
        assert_eq!(place.entries().await.len(), 2);
    }
}

async fn a_move_that_died_half_way_is_finished_by_the_next_one(place: Place) {
    for alias in half_way(&place).await {
        leave(&place, alias).await;
        let next = place.promote(3).await;
        assert_eq!(next.from, Some(2), "what died had moved it all the same");
        place.promote(2).await;
    }
    // And the publisher of a version is a writer too.
    place.delete(&champion_path()).await;
    let never = CancellationToken::new();
    let published = place.registry.publish(draft("diamonds", 1.0), TESTS, None, &never).await;
    assert!(!published.expect("published").is_champion);
    assert_eq!(place.champion().await, Some(2));
    place.entries().await;
}

async fn a_hand_written_alias_is_obeyed_until_the_next_move(place: Place) {
    place.publish(3).await;
    for _ in 0..2 {
        place.promote(3).await;
        place.write(&champion_path(), r#"{"version":2}"#).await;
        assert_eq!(place.champion().await, Some(2));
        assert_eq!(place.settle().await.version, Some(2));
        let fault = place.fault().await;
        assert!(fault.starts_with("the alias `champion` names version 2 by entry "), "{fault}");
    }
    assert_eq!(place.promote(1).await.from, Some(2));
    assert_eq!(place.champion().await, Some(1));
    place.entries().await;
}

async fn a_damaged_alias_is_written_again_as_the_ledger_says(place: Place) {
    place.publish(2).await;
    place.promote(2).await;
    for damaged in ["", "{", "[]", "null", r#"{"version":"2"}"#, r#"{"version":-2}"#] {
        place.write(&champion_path(), damaged).await;
        let error = place.registry.alias(&diamonds(), CHAMPION).await.expect_err(damaged);
        let error = error.to_string();
        assert!(
            error.starts_with("the alias file diamonds/aliases/champion.json is unreadable: "),
            "{error}"
        );
        assert_eq!(place.settle().await.version, Some(2), "{damaged}");
        assert_eq!(place.champion().await, Some(2));
    }
    place.entries().await;
}

async fn a_damaged_alias_does_not_let_a_new_version_become_champion(place: Place) {
    place.publish(2).await;
    place.write(&champion_path(), "{").await;
    let never = CancellationToken::new();
    let published = place.registry.publish(draft("diamonds", 9.0), TESTS, None, &never).await;
    // Nobody knows whether there is a champion.
    assert_eq!(published.expect("published"), Published { version: 3, is_champion: false });
    assert_eq!(place.settle().await.version, Some(1));
    assert_eq!(place.versions().await, [1, 2, 3]);
}

async fn an_alias_that_is_taken_away_names_nothing(place: Place) {
    place.publish(2).await;
    place.move_to(Move::new(Action::Promoted, CHALLENGER, Some(2))).await.expect("moved");
    let aliases = place.registry.aliases(&diamonds()).await.expect("listed");
    let aliases: Vec<_> =
        aliases.iter().map(|(alias, standing)| (alias.as_str(), standing.version)).collect();
    assert_eq!(aliases, [(CHALLENGER, Some(2)), (CHAMPION, Some(1))]);

    place.move_to(Move::new(Action::Vetoed, CHALLENGER, None)).await.expect("taken away");
    assert_eq!(place.registry.alias(&diamonds(), CHALLENGER).await.expect("looked up"), None);
    assert_eq!(place.registry.aliases(&diamonds()).await.expect("listed").len(), 1);
    assert_eq!(place.entries().await.len(), 3);
}

async fn a_refusal_is_noted_and_moves_nothing(place: Place) {
    place.publish(2).await;
    let before = place.settle().await;
    let refused = Move::new(Action::Refused, CHAMPION, Some(2));
    assert_eq!(place.move_to(refused).await.expect("noted").entry, 2);
    assert_eq!(place.settle().await, before);
    assert_eq!(place.entries().await.len(), 2);
}

async fn names_that_leave_the_folder_are_no_aliases(place: Place) {
    place.publish(1).await;
    for alias in ["", "..", "../../x", "a/b", "%2e%2e", ".hidden", "Champion", "é", "a\n"] {
        let error = place.registry.alias(&diamonds(), alias).await.expect_err(alias);
        assert!(matches!(&error, RegistryError::InvalidAlias(name) if name == alias), "{error}");
        place.registry.settle(&diamonds(), alias).await.expect_err(alias);
        let wanted = Move::new(Action::Promoted, alias, Some(1));
        place.move_to(wanted).await.expect_err(alias);
    }
    assert_eq!(place.entries().await.len(), 1, "nothing is left in the ledger");
    let left = place.store.list_with_delimiter(Some(&"diamonds/aliases".into())).await;
    assert_eq!(left.expect("listed").objects.len(), 1);
}

async fn held_out_rows_come_back_as_they_were(place: Place) {
    let rows = b"carat,cut,grade,price\n0.5,Fair,3,100\n".to_vec();
    let with_rows = Draft { holdout: Some(rows.clone()), ..draft("diamonds", 1.0) };
    let never = CancellationToken::new();
    place.registry.publish(with_rows, TESTS, None, &never).await.expect("published");
    place.registry.publish(draft("diamonds", 2.0), TESTS, None, &never).await.expect("published");
    for (version, expected) in [(1, Some(&rows[..])), (2, None)] {
        let manifest = place.registry.manifest(&diamonds(), version).await.expect("read");
        let found = place.registry.holdout(&manifest).await.expect("read");
        assert_eq!(found.as_deref(), expected);
    }
}

async fn a_version_beyond_the_limit_is_refused_before_it_is_read(place: Place) {
    let never = CancellationToken::new();
    let long = Draft { report: "long".repeat(10_000), ..draft("diamonds", 1.0) };
    place.registry.publish(long, TESTS, None, &never).await.expect("published");
    let manifest = place.registry.manifest(&diamonds(), 1).await.expect("read");
    let n_bytes: u64 = manifest.files.values().map(|file| file.n_bytes).sum();
    place.registry.clone().limited_to(n_bytes).load(&diamonds(), 1).await.expect("it fits");
    let json = place.read(&"diamonds/versions/1/manifest.json".into()).await.len() as u64;
    for (limit, found) in [(n_bytes - 1, n_bytes), (json - 1, json)] {
        let registry = place.registry.clone().limited_to(limit);
        let error = registry.load(&diamonds(), 1).await.expect_err("too large");
        let RegistryError::Refused { refusal, .. } = error else { panic!("{error}") };
        let expected = format!("its files take {found} bytes where {limit} are allowed");
        assert_eq!(refusal.to_string(), expected);
    }
}

#[tokio::test]
async fn a_standing_reads_what_older_releases_wrote() {
    let place = Place::memory();
    place.publish(1).await;
    place.delete(&entry_path(1)).await;
    place.write(&champion_path(), r#"{"version":1}"#).await;
    let standing = place.registry.standing(&diamonds(), CHAMPION).await.expect("read");
    assert_eq!(standing, Some(Standing { version: Some(1), ..Standing::default() }));
    assert_eq!(place.promote(1).await.from, Some(1));
    place.entries().await;
}
