//! The bit-vector kernel, for trees of few leaves: no tree is walked at all.
//!
//! Each tree has a word with one bit a leaf, left to right. A split whose answer is "right" rules out the leaves
//! of its left child; where all such splits have been applied, the lowest bit left is the leaf that a walk would
//! have ended in (QuickScorer, Lucchese et al. 2015). A column's place in its scale decides all splits on that
//! column, so the words of all trees are stored ready-made for some places, and what changes between two such
//! places is stored as single words: a row costs one wide AND for each column, and few narrow ones.

mod build;

use std::hint::select_unpredictable;
use std::ops::BitAndAssign;

use super::scale::Scale;

/// Trees whose words are held at a time: some rows of them stay in the first-level cache.
pub(super) const BLOCK_TREES: usize = 512;
/// Columns with a split: their places stay on the stack.
pub(super) const MAX_SCALES: usize = 128;
/// Rows in flight: the additions of one row wait for one another, those of several do not.
const ROWS: usize = 4;
/// Bytes that are combined over all columns before the next ones: two of the widest registers.
const CHUNK_BYTES: usize = 128;
/// Updates up to which it is cheaper to read them all than to mispredict how many there are.
const FEW_UPDATES: usize = 8;

/// A tree's leaves, one bit each.
pub(super) trait Word: Copy + Eq + BitAndAssign {
    /// One number for each bit.
    type Leaves: Copy + std::fmt::Debug;
    /// As many words as are combined at a time.
    type Chunk;
    const ALL_CHUNK: Self::Chunk;
    const N_LEAVES: usize;
    const ALL: Self;
    const NO_LEAVES: Self::Leaves;
    /// All bits but `n` of them from `first` on.
    fn without(first: usize, n: usize) -> Self;
    fn chunks(words: &[Self]) -> &[Self::Chunk];
    fn chunks_mut(words: &mut [Self]) -> &mut [Self::Chunk];
    /// Keeps the bits that both have.
    fn and(chunk: &mut Self::Chunk, other: &Self::Chunk);
    /// The leaf of the lowest bit.
    fn leaf(self, leaves: &Self::Leaves) -> f64;
    fn leaves_mut(leaves: &mut Self::Leaves) -> &mut [f64];
}

macro_rules! word {
    ($word:ty) => {
        impl Word for $word {
            type Leaves = [f64; <$word>::BITS as usize];
            type Chunk = [$word; CHUNK_BYTES / size_of::<$word>()];
            const N_LEAVES: usize = <$word>::BITS as usize;
            const ALL: Self = <$word>::MAX;
            const ALL_CHUNK: Self::Chunk = [Self::ALL; CHUNK_BYTES / size_of::<$word>()];
            const NO_LEAVES: Self::Leaves = [0.0; <$word>::BITS as usize];
            fn without(first: usize, n: usize) -> Self {
                // A left child is never the whole tree, so n is less than the word has bits.
                !(((1 << n) - 1) << first)
            }
            #[inline(always)]
            fn chunks(words: &[Self]) -> &[Self::Chunk] {
                words.as_chunks().0
            }
            #[inline(always)]
            fn chunks_mut(words: &mut [Self]) -> &mut [Self::Chunk] {
                words.as_chunks_mut().0
            }
            #[inline(always)]
            fn and(chunk: &mut Self::Chunk, other: &Self::Chunk) {
                for (word, other) in chunk.iter_mut().zip(other) {
                    *word &= other;
                }
            }
            #[inline(always)]
            fn leaf(self, leaves: &Self::Leaves) -> f64 {
                // The last leaf is only reached where no lower bit is left, and is never ruled out: with its bit set
                // anyway the compiler knows that there is one, and where it is at most.
                let last: $word = 1 << (<$word>::BITS - 1);
                leaves[(self | last).trailing_zeros() as usize]
            }
            fn leaves_mut(leaves: &mut Self::Leaves) -> &mut [f64] {
                leaves
            }
        }
    };
}

word!(u8);
word!(u32);
word!(u64);

/// The whole forest as words.
#[derive(Debug, Clone)]
pub(super) struct Bits<W: Word> {
    n_columns: usize,
    scales: Vec<Scale>,
    /// Where the places of each scale begin, when those of all are counted through.
    first_place: Vec<u32>,
    blocks: Vec<Block<W>>,
}

/// Up to [`BLOCK_TREES`] trees.
#[derive(Debug, Clone)]
struct Block<W: Word> {
    /// Words of a ready-made row: one for each tree, then what fills up the last chunk.
    stride: usize,
    /// Ready-made rows, one behind the other.
    ready: Vec<W>,
    /// For each place of each scale: what of the two follows.
    places: Vec<Place>,
    /// As they are reached from one place to the next; behind the last, as many that change nothing as may be read.
    updates: Vec<Update<W>>,
    /// No place is further away from a ready-made row.
    updates_apart: usize,
    leaves: Vec<W::Leaves>,
}

/// A ready-made row, and the updates that make it the one of this place.
#[derive(Debug, Clone, Copy)]
struct Place {
    first_update: u32,
    n_updates: u16,
    ready: u16,
}

#[derive(Debug, Clone, Copy)]
struct Update<W> {
    tree: u32,
    mask: W,
}

impl<W: Word> Bits<W> {
    /// Adds what each tree says to the sum of each row, in tree order; `columns` is row-major.
    #[inline(always)]
    pub(super) fn add(&self, columns: &[f64], sums: &mut [f64]) {
        let n_together = sums.len() / ROWS * ROWS;
        let (together, alone) = columns.split_at(n_together * self.n_columns);
        let (sums_together, sums_alone) = sums.split_at_mut(n_together);
        if n_together > 0 {
            self.add_rows::<ROWS>(together, sums_together);
        }
        if !sums_alone.is_empty() {
            self.add_rows::<1>(alone, sums_alone);
        }
    }

    #[inline(always)]
    fn add_rows<const R: usize>(&self, columns: &[f64], sums: &mut [f64]) {
        let mut places = [[0; MAX_SCALES]; R];
        let mut words = [[W::ALL; BLOCK_TREES]; R];
        let rows = columns.chunks_exact(R * self.n_columns);
        for (rows, sums) in rows.zip(sums.as_chunks_mut::<R>().0) {
            for (row, places) in rows.chunks_exact(self.n_columns).zip(&mut places) {
                self.find_places(row, places);
            }
            for block in &self.blocks {
                for (places, words) in places.iter().zip(&mut words) {
                    block.combine(&places[..self.scales.len()], words);
                }
                block.add_leaves(&words, sums);
            }
        }
    }

    #[inline(always)]
    fn find_places(&self, row: &[f64], places: &mut [u32; MAX_SCALES]) {
        for ((scale, first), place) in self.scales.iter().zip(&self.first_place).zip(places) {
            *place = first + scale.place(row[scale.column]) as u32;
        }
    }
}

impl<W: Word> Block<W> {
    /// What is left of each tree's leaves, in `words`.
    #[inline(always)]
    fn combine(&self, places: &[u32], words: &mut [W; BLOCK_TREES]) {
        let words = &mut words[..self.stride];
        let n_chunks = W::chunks(words).len();
        let ready = W::chunks(&self.ready);
        let mut starts = [0; MAX_SCALES];
        let starts = &mut starts[..places.len()];
        for (start, &place) in starts.iter_mut().zip(places) {
            *start = usize::from(self.places[place as usize].ready) * n_chunks;
        }
        // Chunk by chunk, so that what is left stays in registers.
        for (chunk_idx, chunk) in W::chunks_mut(words).iter_mut().enumerate() {
            let mut left = W::ALL_CHUNK;
            for start in &*starts {
                W::and(&mut left, &ready[start + chunk_idx]);
            }
            *chunk = left;
        }
        for &place in places {
            self.update(&self.places[place as usize], words);
        }
    }

    /// Rules out what changes between the ready-made row and the place.
    #[inline(always)]
    fn update(&self, place: &Place, words: &mut [W]) {
        let first = place.first_update as usize;
        let n_updates = usize::from(place.n_updates);
        if self.updates_apart > FEW_UPDATES {
            for update in &self.updates[first..first + n_updates] {
                words[update.tree as usize] &= update.mask;
            }
            return;
        }
        // As many for each place, as their number cannot be predicted.
        for (idx, update) in self.updates[first..first + self.updates_apart - 1].iter().enumerate()
        {
            let mask = select_unpredictable(idx < n_updates, update.mask, W::ALL);
            words[update.tree as usize] &= mask;
        }
    }

    #[inline(always)]
    fn add_leaves<const R: usize>(&self, words: &[[W; BLOCK_TREES]; R], sums: &mut [f64; R]) {
        let mut running = *sums;
        for (tree, leaves) in self.leaves.iter().enumerate().take(BLOCK_TREES) {
            for (sum, words) in running.iter_mut().zip(words) {
                *sum += words[tree].leaf(leaves);
            }
        }
        *sums = running;
    }
}
