//! Several writers at once: exactly one wins what only one can have, and the ledger tells of all.

use std::sync::Arc;

use futures::future::join_all;
use registry::{Action, CHALLENGER, CHAMPION, Entry, LedgerFault, Move, Registry, RegistryError};
use testkit::{TESTS, draft};
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use crate::place::{Place, champion_path, diamonds, on_every_store, promotion};

/// Writers at once.
const N: u64 = 16;

on_every_store! {
    of_sixteen_promoters_with_the_same_expectation_exactly_one_wins,
    of_promoters_over_a_hand_written_alias_exactly_one_wins,
    movers_without_an_expectation_are_all_in_one_chain,
    movers_of_two_aliases_share_one_chain,
    a_check_between_moves_finds_no_entry_missing,
    publishers_at_the_same_time_get_numbers_of_their_own,
    an_alias_never_names_a_version_that_a_pruner_removed,
}

/// Runs something N times at the same time, numbered from 1.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    place: &Place,
    run: impl Fn(Registry, u64) -> F,
) -> Vec<T> {
    let start = Arc::new(Barrier::new(usize::try_from(N).expect("a few")));
    let tasks = (1..=N).map(|nth| {
        let (start, run) = (Arc::clone(&start), run(place.registry.clone(), nth));
        tokio::spawn(async move {
            start.wait().await;
            run.await
        })
    });
    let done = join_all(tasks).await;
    done.into_iter().map(|task| task.expect("no panic")).collect()
}

/// Each entry goes on from where the one before left its alias.
fn assert_continuous(entries: &[Entry], alias: &str) {
    let moves: Vec<_> = entries.iter().filter(|entry| entry.alias == alias).collect();
    for pair in moves.windows(2) {
        assert_eq!(pair[1].from, pair[0].to, "entry {}", pair[1].entry);
    }
}

async fn one_of_many_wins(place: &Place) {
    for _ in 0..5 {
        let n_before = place.registry.ledger(&diamonds()).await.expect("read").entries.len();
        let seen = place.settle().await;
        let won = at_once(place, |registry, nth| {
            let wanted = Move { expected: Some(seen.clone()), ..promotion(1 + nth % 3) };
            async move { registry.move_alias(&diamonds(), &wanted, TESTS).await }
        });
        let won = won.await;
        let winners: Vec<_> = won.iter().filter_map(|result| result.as_ref().ok()).collect();
        let [winner] = winners[..] else { panic!("{} winners", winners.len()) };
        for loser in won.iter().filter_map(|result| result.as_ref().err()) {
            assert!(matches!(loser, RegistryError::Superseded { .. }), "{loser}");
        }
        let entries = place.entries().await;
        assert_eq!(entries.len(), n_before + 1);
        assert_eq!(entries.last(), Some(winner));
        assert_eq!(place.champion().await, winner.to);
    }
}

async fn of_sixteen_promoters_with_the_same_expectation_exactly_one_wins(place: Place) {
    place.publish(3).await;
    one_of_many_wins(&place).await;
}

async fn of_promoters_over_a_hand_written_alias_exactly_one_wins(place: Place) {
    place.publish(3).await;
    place.write(&champion_path(), r#"{"version":2}"#).await;
    one_of_many_wins(&place).await;
}

async fn movers_without_an_expectation_are_all_in_one_chain(place: Place) {
    place.publish(3).await;
    let moved = at_once(&place, |registry, nth| async move {
        registry.move_alias(&diamonds(), &promotion(1 + nth % 3), TESTS).await.expect("moved")
    });
    let mut moved = moved.await;
    moved.sort_by_key(|entry| entry.entry);
    let entries = place.entries().await;
    assert_eq!(entries[1..], moved[..]);
    assert_continuous(&entries, CHAMPION);
    assert_eq!(place.champion().await, moved.last().and_then(|last| last.to));
}

async fn movers_of_two_aliases_share_one_chain(place: Place) {
    place.publish(3).await;
    let moved = at_once(&place, |registry, nth| async move {
        let alias = if nth % 2 == 0 { CHAMPION } else { CHALLENGER };
        let wanted = Move::new(Action::Promoted, alias, Some(1 + nth % 3));
        registry.move_alias(&diamonds(), &wanted, TESTS).await.expect("moved")
    });
    moved.await;
    let entries = place.entries().await;
    assert_eq!(entries.len() as u64, 1 + N);
    assert_continuous(&entries, CHAMPION);
    assert_continuous(&entries, CHALLENGER);
}

async fn a_check_between_moves_finds_no_entry_missing(place: Place) {
    place.publish(3).await;
    let registry = place.registry.clone();
    let mover = tokio::spawn(async move {
        for nth in 0..20 {
            let wanted = promotion(1 + nth % 3);
            registry.move_alias(&diamonds(), &wanted, TESTS).await.expect("moved");
        }
    });
    while !mover.is_finished() {
        let (_, fault) = place.registry.check_ledger(&diamonds()).await.expect("read");
        // A move that is under way looks as one that died half-way: its alias comes after its entry.
        assert!(matches!(fault, None | Some(LedgerFault::Alias { .. })), "{fault:?}");
    }
    mover.await.expect("no panic");
    place.entries().await;
}

async fn publishers_at_the_same_time_get_numbers_of_their_own(place: Place) {
    let published = at_once(&place, |registry, nth| async move {
        let never = CancellationToken::new();
        let draft = draft("diamonds", nth as f64);
        registry.publish(draft, TESTS, None, &never).await.expect("published")
    });
    let published = published.await;
    let mut versions: Vec<_> = published.iter().map(|published| published.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=N).collect::<Vec<_>>());
    let champions: Vec<_> = published.iter().filter(|published| published.is_champion).collect();
    let [champion] = champions[..] else { panic!("{} champions", champions.len()) };
    assert_eq!(place.champion().await, Some(champion.version));
    assert_eq!(place.entries().await.len(), 1);
    for version in versions {
        place.registry.load(&diamonds(), version).await.expect("each is whole");
    }
}

async fn an_alias_never_names_a_version_that_a_pruner_removed(place: Place) {
    for round in 0..25_u64 {
        let never = CancellationToken::new();
        for _ in place.versions().await.len()..4 {
            let draft = draft("diamonds", 1.0);
            place.registry.publish(draft, TESTS, None, &never).await.expect("published");
        }
        let oldest = place.versions().await[usize::from(round % 2 == 1)];
        let alias = if round % 3 == 0 { CHAMPION } else { CHALLENGER };
        // Every second round the challenger is a new alias: its entry is there before its file is.
        if round % 2 == 0 {
            let stopped = Move::new(Action::TrialStopped, CHALLENGER, None);
            place.move_to(stopped).await.expect("taken away");
        }
        let promoter = place.registry.clone();
        let wanted = Move::new(Action::Promoted, alias, Some(oldest));
        let promoter =
            tokio::spawn(async move { promoter.move_alias(&diamonds(), &wanted, TESTS).await });
        let pruner = place.registry.clone();
        let pruner = tokio::spawn(async move { pruner.prune(&diamonds(), 1, TESTS).await });
        let promoted = promoter.await.expect("no panic");
        let pruned = pruner.await.expect("no panic").expect("pruned");
        assert!(
            promoted.is_ok() != pruned.contains(&oldest),
            "round {round}: {promoted:?}, pruned {pruned:?}"
        );
        if let Err(error) = promoted {
            assert!(matches!(error, RegistryError::UnknownVersion { .. }), "{error}");
        }
        let versions = place.versions().await;
        for (alias, standing) in place.registry.aliases(&diamonds()).await.expect("listed") {
            let version = standing.version.expect("it names one");
            assert!(versions.contains(&version), "round {round}: `{alias}` names {version}");
            place.registry.load(&diamonds(), version).await.expect("it is whole");
        }
        place.entries().await;
    }
}
