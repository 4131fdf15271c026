//! Counts that many threads add to at once without waiting for each other.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// The same counts several times over: who counts takes a set that is free, and the sum of all sets is what was counted.
#[derive(Debug)]
pub(crate) struct Shards {
    sets: Box<[CountSet]>,
    n_counts: usize,
}

/// Two lines of the cache apart, which processors fetch in pairs. Empty until it is first taken.
#[derive(Debug, Default)]
#[repr(align(128))]
struct CountSet(Mutex<Vec<u64>>);

impl Shards {
    /// For so many counts, which begin at 0.
    pub(crate) fn new(n_counts: usize) -> Self {
        // As many threads answer as there are cores, as many again compute large requests, and one may read.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { sets: (0..=2 * cores).map(|_| CountSet::default()).collect(), n_counts }
    }

    /// Hands out a set of counts that nobody else has meanwhile.
    pub(crate) fn count(&self, count: impl FnOnce(&mut [u64])) {
        let mut counts = self.free_set();
        counts.resize(self.n_counts, 0);
        count(&mut counts);
    }

    /// A thread mostly finds its own set free, and in its core's cache.
    fn free_set(&self) -> MutexGuard<'_, Vec<u64>> {
        let own_idx = thread_idx() % self.sets.len();
        let (before, from_own) = self.sets.split_at(own_idx);
        for set in from_own.iter().chain(before) {
            match set.0.try_lock() {
                Ok(counts) => return counts,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.sets[own_idx].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted so far.
    pub(crate) fn sums(&self) -> Vec<u64> {
        let mut sums = vec![0; self.n_counts];
        for set in &self.sets {
            let counts = set.0.lock().unwrap_or_else(PoisonError::into_inner);
            sums.iter_mut().zip(&*counts).for_each(|(sum, count)| *sum += count);
        }
        sums
    }
}

/// A small number of the thread's own.
fn thread_idx() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static IDX: Cell<usize> = const { Cell::new(usize::MAX) });
    IDX.with(|idx| {
        if idx.get() == usize::MAX {
            idx.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        idx.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_more_threads_than_there_are_sets() {
        let shards = Shards::new(3);
        std::thread::scope(|scope| {
            for _ in 0..3 * shards.sets.len() {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        shards.count(|counts| counts[1] += 1);
                        shards.count(|counts| counts[2] += 2);
                    }
                });
            }
        });
        let n = 3_000 * shards.sets.len() as u64;
        assert_eq!(shards.sums(), [0, n, 2 * n]);
    }

    #[test]
    fn who_finds_a_set_taken_takes_another() {
        let shards = Shards::new(1);
        shards.count(|counts| {
            counts[0] += 1;
            shards.count(|counts| counts[0] += 1);
        });
        assert_eq!(shards.sums(), [2]);
    }
}
