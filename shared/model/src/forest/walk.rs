//! The walking kernel, for trees of any size: nodes of eight bytes, and several walks at a time.
//!
//! One walk waits for memory at each step, so sixteen are under way together: those of several trees for
//! a single row, those of several rows where there are many. A leaf is its own child, so that walks of different
//! lengths take the same steps and no step needs a jump.

use super::questions::{Answers, Questions, never, number_of};
use super::scale::Scales;
use super::trees::{Node, Trees};

/// Walks under way together.
const TOGETHER: usize = 16;
/// Groups of rows that are led through one tree before the next: its nodes stay in the first-level cache.
const MAX_GROUPS: usize = 4;
/// Steps between two looks at whether all walks have ended.
const STEPS: u32 = 8;

/// A node: to the right child where the answer is above `test`.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// In a leaf its number in the tree, and that no answer is above it.
    test: u32,
    /// The left child, counted over all trees; a leaf's own number in a leaf.
    left: u32,
}

#[derive(Debug, Clone, Copy)]
struct Tree {
    root: u32,
    depth: u32,
    first_leaf: u32,
}

/// The whole forest as small nodes.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    questions: Questions,
    steps: Vec<Step>,
    trees: Vec<Tree>,
    leaves: Vec<f64>,
}

impl Walk {
    /// None where there are more questions than answers, or more thresholds or leaves than a node can name.
    pub(super) fn new(trees: &Trees, scales: &Scales) -> Option<Self> {
        let questions = Questions::of_trees(trees, scales)?;
        let steps = Vec::with_capacity(trees.nodes.len());
        let mut walk = Self { questions, steps, trees: Vec::new(), leaves: Vec::new() };
        for ((start, tree), &depth) in trees.iter().zip(&trees.depths) {
            let first_leaf = u32::try_from(walk.leaves.len()).ok()?;
            walk.add_steps(trees, scales, (start, tree))?;
            walk.trees.push(Tree { root: start as u32, depth, first_leaf });
        }
        Some(walk)
    }

    fn add_steps(
        &mut self,
        trees: &Trees,
        scales: &Scales,
        (start, tree): (usize, &[Node]),
    ) -> Option<()> {
        let root = start as u32;
        let mut leaf = 0;
        for (node_idx, node) in (start..).zip(tree) {
            self.steps.push(if node.is_leaf() {
                self.leaves.push(node.value);
                let test = never(leaf)?;
                leaf += 1;
                Step { test, left: node_idx as u32 }
            } else {
                Step { test: self.questions.test(trees, scales, node_idx), left: root + node.left }
            });
        }
        Some(())
    }

    /// Adds what each tree says to the sum of each row, in tree order; `columns` is row-major.
    pub(super) fn add(&self, columns: &[f64], sums: &mut [f64]) {
        let n_together = sums.len() / TOGETHER * TOGETHER;
        let (together, alone) = columns.split_at(n_together * self.questions.n_columns());
        let (sums_together, sums_alone) = sums.split_at_mut(n_together);
        if n_together > 0 {
            self.add_rows(together, sums_together.as_chunks_mut().0);
        }
        if !sums_alone.is_empty() {
            self.add_each(alone, sums_alone);
        }
    }

    /// Row by row, several trees at a time.
    fn add_each(&self, columns: &[f64], sums: &mut [f64]) {
        let mut answers = Answers::<1>::new();
        for (row, sum) in columns.chunks_exact(self.questions.n_columns()).zip(sums) {
            self.questions.answer(row, &mut answers, 0);
            let mut running = *sum;
            for trees in self.trees.chunks(TOGETHER) {
                let mut at = [trees[0].root; TOGETHER];
                for (at, tree) in at.iter_mut().zip(trees) {
                    *at = tree.root;
                }
                let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
                self.walk(&mut at, depth, |test, _| answers.goes_right(test, 0));
                for (at, tree) in at.iter().zip(trees) {
                    running += self.leaf(*at, tree);
                }
            }
            *sum = running;
        }
    }

    /// Tree by tree, several rows at a time.
    fn add_rows(&self, columns: &[f64], sums: &mut [[f64; TOGETHER]]) {
        let mut answers = vec![Answers::<TOGETHER>::new(); sums.len().min(MAX_GROUPS)];
        let group = TOGETHER * self.questions.n_columns();
        for (columns, sums) in columns.chunks(group * MAX_GROUPS).zip(sums.chunks_mut(MAX_GROUPS)) {
            for (rows, answers) in columns.chunks_exact(group).zip(&mut answers) {
                self.questions.answer_rows(rows, answers);
            }
            for tree in &self.trees {
                for (answers, sums) in answers.iter().zip(sums.iter_mut()) {
                    let mut at = [tree.root; TOGETHER];
                    self.walk(&mut at, tree.depth, |test, lane| answers.goes_right(test, lane));
                    for (sum, at) in sums.iter_mut().zip(at) {
                        *sum += self.leaf(at, tree);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn walk(&self, at: &mut [u32; TOGETHER], depth: u32, goes_right: impl Fn(u32, usize) -> u32) {
        let mut remaining = depth;
        while remaining > 0 {
            let n_steps = remaining.min(STEPS);
            for _ in 1..n_steps {
                self.step(at, &goes_right);
            }
            let before = *at;
            self.step(at, &goes_right);
            remaining -= n_steps;
            // In a tree with one long branch most walks end long before it.
            if remaining > 0 && *at == before {
                return;
            }
        }
    }

    #[inline(always)]
    fn step(&self, at: &mut [u32; TOGETHER], goes_right: &impl Fn(u32, usize) -> u32) {
        for (lane, at) in at.iter_mut().enumerate() {
            let Step { test, left } = self.steps[*at as usize];
            *at = left + goes_right(test, lane);
        }
    }

    #[inline(always)]
    fn leaf(&self, at: u32, tree: &Tree) -> f64 {
        let leaf = number_of(self.steps[at as usize].test);
        self.leaves[(tree.first_leaf + leaf) as usize]
    }
}
