//! The heap kernel, for trees that are nearly full: a tree as an array in which the children of i are 2 i and 2 i + 1.
//!
//! A child's place needs no look-up then, and a node is its test alone, four bytes. Trees whose depth is limited,
//! as a forest's usually is, are nearly full; leaves above the last level are led to it on the left.
//! As in [`super::walk`], several walks are under way together.

use super::questions::{Answers, NEVER, Questions};
use super::scale::Scales;
use super::trees::{Node, Trees};

/// Levels of splits that every tree has at most, and at least one.
const MAX_DEPTH: u32 = 12;
/// How much larger than the trees themselves their arrays may be.
const MAX_PADDING: usize = 4;
/// Walks under way together, those of rows: as many as there are registers for.
const TOGETHER: usize = 8;
/// Those of trees, which wait longer: each tree's array comes from the second-level cache.
const TREES: usize = 16;
/// Groups of rows that are led through one tree before the next: its array stays in the first-level cache.
const MAX_GROUPS: usize = 8;

/// The whole forest, all trees of one depth.
#[derive(Debug, Clone)]
pub(super) struct Heap {
    questions: Questions,
    depth: u32,
    /// 2^depth for each tree, of which the first is not used.
    tests: Vec<u32>,
    /// 2^depth for each tree, from left to right.
    leaves: Vec<f64>,
}

impl Heap {
    /// None where trees are too deep or too sparse, or ask more than there are answers.
    pub(super) fn new(trees: &Trees, scales: &Scales) -> Option<Self> {
        let depth = u32::try_from(trees.max_depth())
            .ok()
            .filter(|depth| (1..=MAX_DEPTH).contains(depth))?;
        if trees.n_trees() << (depth + 1) > MAX_PADDING * trees.nodes.len() {
            return None;
        }
        let questions = Questions::of_trees(trees, scales)?;
        let n_words = trees.n_trees() << depth;
        let (room, leaves) = (Vec::with_capacity(n_words), Vec::with_capacity(n_words));
        let mut heap = Self { questions, depth, tests: room, leaves };
        let mut nodes = vec![0; 2 << depth];
        for (start, tree) in trees.iter() {
            heap.add_tree(tree, |at, of| of.test(trees, scales, start + at), &mut nodes);
        }
        Some(heap)
    }

    /// `test` gives that of a split of the tree; `nodes` is room for the node at each place of the array.
    fn add_tree(
        &mut self,
        tree: &[Node],
        test: impl Fn(usize, &Questions) -> u32,
        nodes: &mut [u32],
    ) {
        let n_leaves = nodes.len() / 2;
        nodes[1] = 0;
        self.tests.push(NEVER);
        for place in 1..n_leaves {
            let node_idx = nodes[place];
            let node = &tree[node_idx as usize];
            let (test, left, right) = match node.is_leaf() {
                true => (NEVER, node_idx, node_idx),
                false => (test(node_idx as usize, &self.questions), node.left, node.left + 1),
            };
            self.tests.push(test);
            (nodes[2 * place], nodes[2 * place + 1]) = (left, right);
        }
        self.leaves.extend(nodes[n_leaves..].iter().map(|&leaf| tree[leaf as usize].value));
    }

    /// Adds what each tree says to the sum of each row, in tree order; `columns` is row-major.
    pub(super) fn add(&self, columns: &[f64], sums: &mut [f64]) {
        match self.depth {
            1 => self.add_to::<2>(columns, sums),
            2 => self.add_to::<4>(columns, sums),
            3 => self.add_to::<8>(columns, sums),
            4 => self.add_to::<16>(columns, sums),
            5 => self.add_to::<32>(columns, sums),
            6 => self.add_to::<64>(columns, sums),
            7 => self.add_to::<128>(columns, sums),
            8 => self.add_to::<256>(columns, sums),
            9 => self.add_to::<512>(columns, sums),
            10 => self.add_to::<1_024>(columns, sums),
            11 => self.add_to::<2_048>(columns, sums),
            _ => self.add_to::<4_096>(columns, sums),
        }
    }

    /// The same for trees of `N` leaves: with the number known, no place in an array needs to be checked.
    fn add_to<const N: usize>(&self, columns: &[f64], sums: &mut [f64]) {
        let n_together = sums.len() / TOGETHER * TOGETHER;
        let (together, alone) = columns.split_at(n_together * self.questions.n_columns());
        let (sums_together, sums_alone) = sums.split_at_mut(n_together);
        if n_together > 0 {
            self.add_rows::<N>(together, sums_together.as_chunks_mut().0);
        }
        if !sums_alone.is_empty() {
            self.add_each::<N>(alone, sums_alone);
        }
    }

    fn trees<const N: usize>(&self) -> (&[[u32; N]], &[[f64; N]]) {
        (self.tests.as_chunks().0, self.leaves.as_chunks().0)
    }

    /// Row by row, several trees at a time.
    fn add_each<const N: usize>(&self, columns: &[f64], sums: &mut [f64]) {
        let (tests, leaves) = self.trees::<N>();
        let ((tests, last_tests), (leaves, last_leaves)) =
            (tests.as_chunks::<TREES>(), leaves.as_chunks::<TREES>());
        let mut answers = Answers::<1>::new();
        for (row, sum) in columns.chunks_exact(self.questions.n_columns()).zip(sums) {
            self.questions.answer(row, &mut answers, 0);
            let mut running = *sum;
            for (tests, leaves) in tests.iter().zip(leaves) {
                let at = walk::<N, TREES>(|at, lane| answers.goes_right(tests[lane][at], 0));
                for (at, leaves) in at.into_iter().zip(leaves) {
                    running += leaves[at & (N - 1)];
                }
            }
            for (tests, leaves) in last_tests.iter().zip(last_leaves) {
                let [at] = walk::<N, 1>(|at, _| answers.goes_right(tests[at], 0));
                running += leaves[at & (N - 1)];
            }
            *sum = running;
        }
    }

    /// Tree by tree, several rows at a time.
    fn add_rows<const N: usize>(&self, columns: &[f64], sums: &mut [[f64; TOGETHER]]) {
        let (tests, leaves) = self.trees::<N>();
        let mut answers = vec![Answers::<TOGETHER>::new(); sums.len().min(MAX_GROUPS)];
        let group = TOGETHER * self.questions.n_columns();
        for (columns, sums) in columns.chunks(group * MAX_GROUPS).zip(sums.chunks_mut(MAX_GROUPS)) {
            for (rows, answers) in columns.chunks_exact(group).zip(&mut answers) {
                self.questions.answer_rows(rows, answers);
            }
            for (tests, leaves) in tests.iter().zip(leaves) {
                for (answers, sums) in answers.iter().zip(sums.iter_mut()) {
                    let at = walk::<N, TOGETHER>(|at, lane| answers.goes_right(tests[at], lane));
                    for (sum, at) in sums.iter_mut().zip(at) {
                        *sum += leaves[at & (N - 1)];
                    }
                }
            }
        }
    }
}

/// Leads `L` walks to the last level of arrays of `N`; `goes_right` is asked at places below `N`.
#[inline(always)]
fn walk<const N: usize, const L: usize>(goes_right: impl Fn(usize, usize) -> u32) -> [usize; L] {
    let mut at = [1; L];
    for _ in 0..N.ilog2() {
        for (lane, at) in at.iter_mut().enumerate() {
            *at = 2 * *at + goes_right(*at & (N - 1), lane) as usize;
        }
    }
    at
}
