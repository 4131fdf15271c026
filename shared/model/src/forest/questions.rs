//! What the splits of a forest ask, numbered, and a row's answers to it: what the kernels compare.
//!
//! An answer and a test are words with the answer's number below and a place or a threshold's number on top: one
//! comparison of whole words looks at the latter only.

use super::scale::{Marks, Scale, Scales};
use super::sets::CategorySets;
use super::trees::Trees;

/// The answers that a row may have: one for each column that is compared, each set that is asked for, each way
/// that missing values go; and one that is never above a test.
const N_ANSWERS: usize = 256;
/// As a test by itself: no row is above it.
pub(super) const NEVER: u32 = N_ANSWERS as u32 - 1;
/// The bits of a test that say which answer it wants; above is the threshold's number.
const ANSWER_BITS: u32 = 8;
/// The sign stays free: the difference of two words says which of them is greater.
const MAX_NUMBER: u32 = (1 << (31 - ANSWER_BITS)) - 1;
/// From one row's answers to the next: a power of two would lead all of them to the same few places of the cache.
const STRIDE: usize = N_ANSWERS + 16;
/// What the table of a column's sets may take, in bytes.
const MOST_CELLS: usize = 1024 * 1024;

/// All questions of a forest.
#[derive(Debug, Clone)]
pub(super) struct Questions {
    n_columns: usize,
    by_scale: Vec<OfScale>,
}

/// What is asked of one scale, and how each of its places answers.
#[derive(Debug, Clone)]
struct OfScale {
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

/// The answers of `R` rows to all questions.
#[derive(Debug, Clone)]
pub(super) struct Answers<const R: usize>([[u32; STRIDE]; R]);

impl<const R: usize> Answers<R> {
    pub(super) fn new() -> Self {
        Self([[0; STRIDE]; R])
    }

    /// 1 where the row goes right at this test, 0 where it goes left.
    #[inline(always)]
    pub(super) fn goes_right(&self, test: u32, lane: usize) -> u32 {
        // Both are below 2^31: the sign of their difference, without a flag in between.
        test.wrapping_sub(self.0[lane][test as u8 as usize]) >> 31
    }
}

/// A test that no row is above: it carries a number, as that of a leaf; none where that is too large.
pub(super) fn never(number: u32) -> Option<u32> {
    (number <= MAX_NUMBER).then_some(number << ANSWER_BITS | NEVER)
}

/// The number that such a test carries.
pub(super) fn number_of(never: u32) -> u32 {
    never >> ANSWER_BITS
}

impl Questions {
    /// None where there are more questions than answers, or more thresholds than a test can name.
    pub(super) fn of_trees(trees: &Trees, scales: &Scales) -> Option<Self> {
        Some(Self { n_columns: trees.n_columns, by_scale: by_scale(trees, scales)? })
    }

    /// The test of a split.
    pub(super) fn test(&self, trees: &Trees, scales: &Scales, node_idx: usize) -> u32 {
        let of_scale = &self.by_scale[scales.scale_of(trees, node_idx)];
        let answer = of_scale.answer_to(Asked::of(trees, node_idx));
        (scales.threshold_idx(trees, node_idx) as u32) << ANSWER_BITS | answer
    }

    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Answers for one row, in one lane.
    #[inline(always)]
    pub(super) fn answer<const R: usize>(
        &self,
        row: &[f64],
        answers: &mut Answers<R>,
        lane: usize,
    ) {
        for of_scale in &self.by_scale {
            let place = of_scale.scale.place(row[of_scale.scale.column]);
            for (idx, asked) in of_scale.asked.iter().enumerate() {
                let answer = of_scale.first_answer + idx;
                answers.0[lane][answer] =
                    of_scale.place(place, idx, asked) << ANSWER_BITS | answer as u32;
            }
        }
    }

    /// Answers for `R` rows, in as many lanes.
    #[inline(always)]
    pub(super) fn answer_rows<const R: usize>(&self, rows: &[f64], answers: &mut Answers<R>) {
        for (lane, row) in rows.chunks_exact(self.n_columns).enumerate() {
            self.answer(row, answers, lane);
        }
    }
}

impl OfScale {
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

fn by_scale(trees: &Trees, scales: &Scales) -> Option<Vec<OfScale>> {
    let mut asked = vec![Vec::new(); scales.all.len()];
    for (node_idx, _) in trees.nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
        let question = Asked::of(trees, node_idx);
        let asked: &mut Vec<_> = &mut asked[scales.scale_of(trees, node_idx)];
        if !asked.contains(&question) {
            if asked.len() == N_ANSWERS {
                return None;
            }
            asked.push(question);
        }
    }
    let mut by_scale = Vec::new();
    let mut first_answer = 0;
    for (scale, asked) in scales.all.iter().zip(asked) {
        let n_asked = asked.len();
        let is_table = matches!(scale.marks, Marks::Codes(_));
        if scale.n_places() > MAX_NUMBER as usize
            || (is_table && scale.n_places() * n_asked > MOST_CELLS)
        {
            return None;
        }
        let mut of_scale = OfScale { scale: scale.clone(), first_answer, asked, table: Vec::new() };
        if let Some(sets) = &trees.sets {
            of_scale.fill_table(sets);
        }
        by_scale.push(of_scale);
        first_answer += n_asked;
    }
    (first_answer <= NEVER as usize).then_some(by_scale)
}
