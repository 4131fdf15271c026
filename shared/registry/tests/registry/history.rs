//! What a rollback goes back to, after any sequence of promotions and rollbacks.

use proptest::prelude::*;

use crate::place::{Place, champion_path, diamonds};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// `promote`.
    Promote(u64),
    /// `rollback`.
    Back,
    /// `rollback --to`.
    BackTo(u64),
}
use Step::{Back, BackTo, Promote};

async fn previous(place: &Place) -> Option<u64> {
    place.registry.ledger(&diamonds()).await.expect("read").previous_champion()
}

async fn take(place: &Place, step: Step) {
    match step {
        Promote(version) => {
            place.promote(version).await;
        }
        BackTo(version) => {
            place.roll_back(version).await;
        }
        Back => {
            if let Some(version) = previous(place).await {
                place.roll_back(version).await;
            }
        }
    }
}

#[tokio::test]
async fn a_rollback_undoes_a_promotion_and_a_second_one_goes_back_further() {
    // Version 1 is the champion from the start.
    let cases: [(&[Step], Option<u64>); 12] = [
        (&[], None),
        (&[Promote(2)], Some(1)),
        (&[Promote(2), Promote(3)], Some(2)),
        (&[Promote(2), Promote(3), Back], Some(1)),
        (&[Promote(2), Promote(3), Back, Back], None),
        (&[Promote(2), Promote(3), Back, Back, Back], None),
        (&[Promote(2), Promote(3), Back, Promote(4)], Some(2)),
        (&[Promote(2), Promote(3), BackTo(1)], None),
        (&[Promote(2), Promote(3), BackTo(1), Promote(3)], Some(1)),
        (&[Promote(2), Promote(2)], Some(1)),
        (&[Promote(2), Promote(1), Back], Some(1)),
        (&[Promote(2), BackTo(4)], Some(2)),
    ];
    for (steps, expected) in cases {
        let place = Place::memory();
        place.publish(4).await;
        for &step in steps {
            take(&place, step).await;
        }
        assert_eq!(previous(&place).await, expected, "{steps:?}");
        place.entries().await;
    }
}

#[tokio::test]
async fn what_was_served_by_hand_is_what_a_rollback_goes_back_to() {
    let place = Place::memory();
    place.publish(4).await;
    place.promote(2).await;
    place.write(&champion_path(), r#"{"version":3}"#).await;
    place.promote(4).await;
    assert_eq!(previous(&place).await, Some(3));
    place.roll_back(3).await;
    assert_eq!(previous(&place).await, Some(2));
}

#[tokio::test]
async fn what_was_pruned_is_passed_over() {
    let place = Place::memory();
    place.publish(4).await;
    for version in [2, 3, 4] {
        place.promote(version).await;
    }
    let pruned = place.registry.prune(&diamonds(), 1, testkit::TESTS).await.expect("pruned");
    assert_eq!(pruned, [1, 2]);
    assert_eq!(previous(&place).await, Some(3));
    place.roll_back(3).await;
    assert_eq!(previous(&place).await, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_previous_champion_is_what_a_stack_says(
        steps in proptest::collection::vec(
            prop_oneof![2 => (1..=4_u64).prop_map(Promote), 1 => Just(Back)], 0..24,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let place = Place::memory();
            place.publish(4).await;
            let mut stack = vec![1];
            for step in steps {
                match step {
                    Promote(version) if stack.last() != Some(&version) => stack.push(version),
                    Back if stack.len() > 1 => drop(stack.pop()),
                    _ => {}
                }
                take(&place, step).await;
                assert_eq!(place.champion().await, stack.last().copied());
                assert_eq!(previous(&place).await, stack.iter().rev().nth(1).copied());
            }
            place.entries().await;
        });
    }
}
