//! Which kernel answers for a forest, by the shape of its trees.

use super::bits::Bits;
use super::heap::Heap;
use super::scale::Scales;
use super::simd::{self, Level};
use super::trees::Trees;
use super::walk::Walk;

/// What a row takes in half nanoseconds, measured on a processor of 2023: a step of the simple walk; and before any
/// other kernel has the first tree's answer, a column's place in its scale.
const STEP_COST: usize = 5;
const SCALE_COST: usize = 22;
/// What another kernel takes for a tree at least.
const TREE_COST: usize = 4;

/// How a forest is held to be predicted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// As it is in the file, for a few small trees, or more columns than the others can name.
    Simple,
    /// One bit a leaf, trees of up to 8 leaves.
    Bits8,
    /// One bit a leaf, trees of up to 32 leaves.
    Bits32,
    /// One bit a leaf, trees of up to 64 leaves.
    Bits64,
    /// Arrays of tests, for trees that are nearly full.
    Heap,
    /// Nodes of eight bytes, several walks at a time.
    Walk,
}

impl Layout {
    /// The best one first: the first that can be made is taken.
    const IN_ORDER: [Self; 6] =
        [Self::Bits8, Self::Bits32, Self::Bits64, Self::Heap, Self::Walk, Self::Simple];

    /// Its name, for logs and benches.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Bits8 => "bits-8",
            Self::Bits32 => "bits-32",
            Self::Bits64 => "bits-64",
            Self::Heap => "heap",
            Self::Walk => "walk",
        }
    }
}

/// What answers, made of the trees.
#[derive(Debug, Clone)]
pub(super) enum Kernel {
    Simple,
    Bits8(Bits<u8>, Level),
    Bits32(Bits<u32>, Level),
    Bits64(Bits<u64>, Level),
    Heap(Heap),
    Walk(Walk),
}

impl Kernel {
    pub(super) fn of(trees: &Trees) -> Self {
        let Some(scales) = Scales::of_trees(trees) else { return Self::Simple };
        let n_steps: usize = trees.depths.iter().map(|&depth| depth as usize).sum();
        if n_steps * STEP_COST <= scales.all.len() * SCALE_COST + trees.n_trees() * TREE_COST {
            return Self::Simple;
        }
        let make = |layout| Self::new(layout, trees, &scales, Level::best());
        Layout::IN_ORDER.into_iter().find_map(make).unwrap_or(Self::Simple)
    }

    /// None where the trees do not fit into this layout.
    pub(super) fn new(
        layout: Layout,
        trees: &Trees,
        scales: &Scales,
        level: Level,
    ) -> Option<Self> {
        match layout {
            Layout::Simple => Some(Self::Simple),
            Layout::Bits8 => Some(Self::Bits8(Bits::new(trees, scales)?, level)),
            Layout::Bits32 => Some(Self::Bits32(Bits::new(trees, scales)?, level)),
            Layout::Bits64 => Some(Self::Bits64(Bits::new(trees, scales)?, level)),
            Layout::Heap => Some(Self::Heap(Heap::new(trees, scales)?)),
            Layout::Walk => Some(Self::Walk(Walk::new(trees, scales)?)),
        }
    }

    pub(super) fn layout(&self) -> Layout {
        match self {
            Self::Simple => Layout::Simple,
            Self::Bits8(..) => Layout::Bits8,
            Self::Bits32(..) => Layout::Bits32,
            Self::Bits64(..) => Layout::Bits64,
            Self::Heap(_) => Layout::Heap,
            Self::Walk(_) => Layout::Walk,
        }
    }

    /// Adds what each tree says to the sum of each row, in tree order; `columns` is row-major.
    pub(super) fn add(&self, trees: &Trees, columns: &[f64], sums: &mut [f64]) {
        match self {
            Self::Simple => trees.add(columns, sums),
            Self::Bits8(bits, level) => simd::add(*level, bits, columns, sums),
            Self::Bits32(bits, level) => simd::add(*level, bits, columns, sums),
            Self::Bits64(bits, level) => simd::add(*level, bits, columns, sums),
            Self::Heap(heap) => heap.add(columns, sums),
            Self::Walk(walk) => walk.add(columns, sums),
        }
    }

    /// What one row takes, in tens of nanoseconds: measured, and rounded up.
    pub(super) fn work_per_row(&self, trees: &Trees) -> usize {
        match self {
            Self::Simple => trees.n_trees() * (trees.max_depth() + 1),
            // Some nanoseconds for a tree's leaf; the columns are the encoder's work.
            Self::Bits8(..) | Self::Bits32(..) | Self::Bits64(..) => trees.n_trees().div_ceil(4),
            // A nanosecond a step at most, several walks being under way.
            Self::Heap(_) | Self::Walk(_) => {
                (trees.n_trees() * (trees.max_depth() + 1)).div_ceil(5)
            }
        }
    }
}
