//! The walking kernel, for trees of any size: nodes of eight bytes, and several walks at a time.
//!
//! One walk waits for memory at each step, so eight to sixteen are under way together: those of several trees for
//! a single row, those of several rows where there are many. A leaf is its own child, so that walks of different
//! lengths take the same steps and no step needs a jump.

use super::scale::{ByColumn, Marks, Scale};
use super::sets::CategorySets;
use super::trees::{Node, Trees};

/// The answers that a row may have: one for each column that is compared, each set that is asked for, each way
/// that missing values go; and one that sends a leaf to itself.
const N_ANSWERS: usize = 256;
const LEAF: u32 = N_ANSWERS as u32 - 1;
/// Where a node says which answer it wants; below is the threshold's number, or a leaf's.
const ANSWER_SHIFT: u32 = 24;
const BELOW_ANSWER: u32 = (1 << ANSWER_SHIFT) - 1;
/// Walks under way together.
const TOGETHER: usize = 16;
/// Groups of rows that are led through one tree before the next: its nodes stay in the first-level cache.
const MAX_GROUPS: usize = 4;
/// What the table of a column's sets may take, in bytes.
const MOST_CELLS: usize = 1024 * 1024;
/// Steps between two looks at whether all walks have ended.
const STEPS: u32 = 8;

/// The answers of `R` rows to all questions: the answer's own number on top, the row's place below.
type Answers<const R: usize> = [[u32; R]; N_ANSWERS];

/// A node: to the right child where the answer is above `test`.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// The answer's number on top, the threshold's below: one comparison of whole words looks at the latter only.
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
    n_columns: usize,
    questions: Vec<Questions>,
    steps: Vec<Step>,
    trees: Vec<Tree>,
    leaves: Vec<f64>,
}

/// What is asked of one scale, and how each of its places answers.
#[derive(Debug, Clone)]
struct Questions {
    scale: Scale,
    first_answer: usize,
    asked: Vec<Asked>,
    /// For sets: the answers of each place, one behind the other.
    table: Vec<bool>,
}

/// A set, if it is no threshold, and where a missing value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    set: Option<u32>,
    missing_left: bool,
}

impl Walk {
    /// None where there are more questions than answers, or more thresholds or leaves than a node can name.
    pub(super) fn new(trees: &Trees, scales: &[Scale]) -> Option<Self> {
        let by_column = ByColumn::new(scales, trees.n_columns);
        let questions = questions(trees, scales, &by_column)?;
        let numbers = threshold_numbers(trees, scales, &by_column);
        let n_columns = trees.n_columns;
        let steps = Vec::with_capacity(trees.nodes.len());
        let mut walk = Self { n_columns, questions, steps, trees: Vec::new(), leaves: Vec::new() };
        for ((start, tree), &depth) in trees.iter().zip(&trees.depths) {
            let first_leaf = u32::try_from(walk.leaves.len()).ok()?;
            walk.add_steps(trees, &by_column, &numbers, (start, tree))?;
            walk.trees.push(Tree { root: start as u32, depth, first_leaf });
        }
        Some(walk)
    }

    fn add_steps(
        &mut self,
        trees: &Trees,
        by_column: &ByColumn,
        numbers: &[u32],
        (start, tree): (usize, &[Node]),
    ) -> Option<()> {
        let root = start as u32;
        let mut leaf = 0;
        for (node_idx, node) in (start..).zip(tree) {
            self.steps.push(if node.is_leaf() {
                self.leaves.push(node.value);
                let test = LEAF << ANSWER_SHIFT | leaf;
                leaf += 1;
                Step { test, left: node_idx as u32 }
            } else {
                let questions = &self.questions[by_column.scale_of(trees, node_idx)];
                let answer = questions.answer_to(Asked::of(trees, node_idx));
                Step { test: answer << ANSWER_SHIFT | numbers[node_idx], left: root + node.left }
            });
        }
        (leaf <= BELOW_ANSWER).then_some(())
    }

    /// Adds what each tree says to the sum of each row, in tree order; `columns` is row-major.
    pub(super) fn add(&self, columns: &[f64], sums: &mut [f64]) {
        let n_together = sums.len() / TOGETHER * TOGETHER;
        let (together, alone) = columns.split_at(n_together * self.n_columns);
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
        let mut answers = [[0]; N_ANSWERS];
        for (row, sum) in columns.chunks_exact(self.n_columns).zip(sums) {
            self.answer(row, &mut answers, 0);
            let mut running = *sum;
            for trees in self.trees.chunks(TOGETHER) {
                let mut at = [trees[0].root; TOGETHER];
                for (at, tree) in at.iter_mut().zip(trees) {
                    *at = tree.root;
                }
                let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
                self.walk(&mut at, depth, |answer, _| answers[answer as usize][0]);
                for (at, tree) in at.iter().zip(trees) {
                    running += self.leaf(*at, tree);
                }
            }
            *sum = running;
        }
    }

    /// Tree by tree, several rows at a time.
    fn add_rows(&self, columns: &[f64], sums: &mut [[f64; TOGETHER]]) {
        let mut answers: Vec<Answers<TOGETHER>> =
            vec![[[0; TOGETHER]; N_ANSWERS]; sums.len().min(MAX_GROUPS)];
        let group = TOGETHER * self.n_columns;
        for (columns, sums) in columns.chunks(group * MAX_GROUPS).zip(sums.chunks_mut(MAX_GROUPS)) {
            for (rows, answers) in columns.chunks_exact(group).zip(&mut answers) {
                for (lane, row) in rows.chunks_exact(self.n_columns).enumerate() {
                    self.answer(row, answers, lane);
                }
            }
            for tree in &self.trees {
                for (answers, sums) in answers.iter().zip(sums.iter_mut()) {
                    let mut at = [tree.root; TOGETHER];
                    self.walk(&mut at, tree.depth, |answer, lane| answers[answer as usize][lane]);
                    for (sum, at) in sums.iter_mut().zip(at) {
                        *sum += self.leaf(at, tree);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn walk(&self, at: &mut [u32; TOGETHER], depth: u32, answer: impl Fn(u8, usize) -> u32) {
        let mut remaining = depth;
        while remaining > 0 {
            let n_steps = remaining.min(STEPS);
            for _ in 1..n_steps {
                self.step(at, &answer);
            }
            let before = *at;
            self.step(at, &answer);
            remaining -= n_steps;
            // In a tree with one long branch most walks end long before it.
            if remaining > 0 && *at == before {
                return;
            }
        }
    }

    #[inline(always)]
    fn step(&self, at: &mut [u32; TOGETHER], answer: &impl Fn(u8, usize) -> u32) {
        for (lane, at) in at.iter_mut().enumerate() {
            let Step { test, left } = self.steps[*at as usize];
            *at = left + u32::from(answer((test >> ANSWER_SHIFT) as u8, lane) > test);
        }
    }

    #[inline(always)]
    fn leaf(&self, at: u32, tree: &Tree) -> f64 {
        let leaf = self.steps[at as usize].test & BELOW_ANSWER;
        self.leaves[(tree.first_leaf + leaf) as usize]
    }

    #[inline(always)]
    fn answer<const R: usize>(&self, row: &[f64], answers: &mut Answers<R>, lane: usize) {
        for questions in &self.questions {
            let place = questions.scale.place(row[questions.scale.column]);
            for (idx, asked) in questions.asked.iter().enumerate() {
                let answer = questions.first_answer + idx;
                answers[answer][lane] =
                    (answer as u32) << ANSWER_SHIFT | questions.place(place, idx, asked);
            }
        }
    }
}

impl Questions {
    /// The threshold's number above which this place is: for a set, 0 is in it and 1 is not.
    #[inline(always)]
    fn place(&self, place: usize, idx: usize, asked: &Asked) -> u32 {
        if !self.table.is_empty() {
            return u32::from(self.table[place * self.asked.len() + idx]);
        }
        // The place of missing values is behind all thresholds: as it is, it goes right everywhere.
        let goes_left = place == self.scale.missing() && asked.missing_left;
        if goes_left { 0 } else { place as u32 }
    }

    fn answer_to(&self, question: Asked) -> u32 {
        let idx = self.asked.iter().position(|asked| *asked == question);
        (self.first_answer + idx.expect("every question of the trees was noted")) as u32
    }

    fn fill_table(&mut self, sets: &CategorySets) {
        let Marks::Codes(codes) = &self.scale.marks else { return };
        let goes_right = |asked: &Asked, place: usize| match codes.get(place) {
            Some(code) => {
                asked.set.is_none_or(|set| sets.codes_of(set).binary_search(code).is_err())
            }
            None => place == codes.len() || !asked.missing_left,
        };
        for place in 0..self.scale.n_places() {
            self.table.extend(self.asked.iter().map(|asked| goes_right(asked, place)));
        }
    }
}

impl Asked {
    fn of(trees: &Trees, node_idx: usize) -> Self {
        Self { set: trees.set_of(node_idx), missing_left: trees.missing_goes_left(node_idx) }
    }
}

/// Which threshold of its scale each node compares with; 0 for sets, and in leaves.
fn threshold_numbers(trees: &Trees, scales: &[Scale], by_column: &ByColumn) -> Vec<u32> {
    // Scale by scale, as a search takes other steps in each: in the order of the nodes it would be mispredicted.
    let mut splits: Vec<Vec<u32>> = vec![Vec::new(); scales.len()];
    for (node_idx, _) in trees.nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
        splits[by_column.scale_of(trees, node_idx)].push(node_idx as u32);
    }
    let mut numbers = vec![0; trees.nodes.len()];
    for (scale, splits) in scales.iter().zip(splits) {
        for node_idx in splits {
            let node_idx = node_idx as usize;
            numbers[node_idx] = scale.threshold_idx(trees.nodes[node_idx].value) as u32;
        }
    }
    numbers
}

fn questions(trees: &Trees, scales: &[Scale], by_column: &ByColumn) -> Option<Vec<Questions>> {
    let mut asked = vec![Vec::new(); scales.len()];
    for (node_idx, _) in trees.nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
        let question = Asked::of(trees, node_idx);
        let asked: &mut Vec<_> = &mut asked[by_column.scale_of(trees, node_idx)];
        if !asked.contains(&question) {
            if asked.len() == N_ANSWERS {
                return None;
            }
            asked.push(question);
        }
    }
    let mut questions = Vec::new();
    let mut first_answer = 0;
    for (scale, asked) in scales.iter().zip(asked) {
        let n_asked = asked.len();
        let is_table = matches!(scale.marks, Marks::Codes(_));
        if scale.n_places() > BELOW_ANSWER as usize
            || (is_table && scale.n_places() * n_asked > MOST_CELLS)
        {
            return None;
        }
        let mut of_scale =
            Questions { scale: scale.clone(), first_answer, asked, table: Vec::new() };
        if let Some(sets) = &trees.sets {
            of_scale.fill_table(sets);
        }
        questions.push(of_scale);
        first_answer += n_asked;
    }
    (first_answer <= LEAF as usize).then_some(questions)
}
