//! What many threads write to at once without waiting for each other.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// The same thing several times over: who writes takes one that is free, and all of them together are what was written.
#[derive(Debug)]
pub(crate) struct Shards<T>(Box<[Shard<T>]>);

/// Two lines of the cache apart, which processors fetch in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard<T>(Mutex<T>);

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        // As many threads answer as there are cores, as many again compute large requests, and one may read.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self((0..=2 * cores).map(|_| Shard::default()).collect())
    }
}

impl<T> Shards<T> {
    /// Hands out one that nobody else has meanwhile.
    pub(crate) fn write(&self, write: impl FnOnce(&mut T)) {
        write(&mut self.free());
    }

    /// A thread mostly finds its own free, and in its core's cache.
    fn free(&self) -> MutexGuard<'_, T> {
        let own_idx = thread_idx() % self.0.len();
        let (before, from_own) = self.0.split_at(own_idx);
        for shard in from_own.iter().chain(before) {
            match shard.0.try_lock() {
                Ok(free) => return free,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.0[own_idx].0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out one after the other.
    pub(crate) fn each(&self, mut look: impl FnMut(&mut T)) {
        for shard in &self.0 {
            look(&mut shard.0.lock().unwrap_or_else(PoisonError::into_inner));
        }
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

    fn sum(shards: &Shards<u64>) -> u64 {
        let mut sum = 0;
        shards.each(|count| sum += *count);
        sum
    }

    #[test]
    fn nothing_is_lost_between_more_threads_than_there_are_shards() {
        let shards = Shards::default();
        let n_threads = 3 * shards.0.len();
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| (0..1_000).for_each(|_| shards.write(|count| *count += 2)));
            }
        });
        assert_eq!(sum(&shards), 2_000 * n_threads as u64);
    }

    #[test]
    fn who_finds_a_shard_taken_takes_another() {
        let shards = Shards::default();
        shards.write(|count| {
            *count += 1;
            shards.write(|count| *count += 1);
        });
        assert_eq!(sum(&shards), 2);
    }
}
