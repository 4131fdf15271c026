//! From a column's value to a small whole number that says the same to every split on that column.
//!
//! A value's place among the sorted thresholds of all splits decides each of them at once, and exactly:
//! after this, kernels compare whole numbers only.

use std::hint::select_unpredictable;

use foldhash::HashMap;

use super::sets::{CategorySets, code};
use super::thresholds::Thresholds;
use super::trees::Trees;

/// Codes of all scales together: each column may name all sets, which a small file can make very many.
const MOST_CODES: usize = 1 << 18;

/// All questions that splits ask of one column, thresholds or sets, in one scale.
///
/// Place p of `n_thresholds` thresholds: the value is above p of them. Place p of `n_codes` codes: it is the p-th;
/// the place behind the last: none of them. The last place of all: it is missing.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) column: usize,
    pub(super) marks: Marks,
}

/// What a scale is divided by.
#[derive(Debug, Clone)]
pub(super) enum Marks {
    Thresholds(Thresholds),
    /// The distinct codes of all sets, ascending.
    Codes(Vec<u32>),
}

impl Scale {
    /// The places before the one of a missing value.
    pub(super) fn missing(&self) -> usize {
        match &self.marks {
            Marks::Thresholds(thresholds) => thresholds.len() + 1,
            Marks::Codes(codes) => codes.len() + 1,
        }
    }

    /// The number of places.
    pub(super) fn n_places(&self) -> usize {
        self.missing() + 1
    }

    /// The place of a value, less than `n_places`.
    #[inline(always)]
    pub(super) fn place(&self, value: f64) -> usize {
        let place = match &self.marks {
            Marks::Thresholds(thresholds) => thresholds.n_below(value),
            Marks::Codes(codes) => place_of_code(codes, value),
        };
        // Missing values come as they like: a jump would be mispredicted.
        select_unpredictable(value.is_nan(), self.missing(), place)
    }
}

/// The scales of a forest: one for each column that some split compares, then one for each column of which some
/// split asks a set; and where each split stands in its own.
#[derive(Debug)]
pub(super) struct Scales {
    pub(super) all: Vec<Scale>,
    /// Of each column.
    of_thresholds: Vec<usize>,
    of_codes: Vec<usize>,
    /// Of each node its threshold's number among those of its column, as they were met.
    numbers: Vec<u32>,
    /// Of each column and such number, which of the ascending thresholds it is.
    ranks: Vec<Vec<u32>>,
}

impl Scales {
    /// None where sets name so many codes that they would take more memory than the trees.
    pub(super) fn of_trees(trees: &Trees) -> Option<Self> {
        let mut numbers = vec![0; trees.nodes.len()];
        let mut thresholds: Vec<_> = (0..trees.n_columns).map(|_| Distinct::default()).collect();
        let mut asked = vec![Vec::new(); if trees.sets.is_some() { trees.n_columns } else { 0 }];
        for (node_idx, node) in trees.nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
            let column = node.feature as usize;
            match trees.set_of(node_idx) {
                Some(set) => asked[column].push(set),
                None => numbers[node_idx] = thresholds[column].number_of(node.value),
            }
        }
        let mut scales = Self {
            all: Vec::new(),
            of_thresholds: vec![0; trees.n_columns],
            of_codes: vec![0; trees.n_columns],
            numbers,
            ranks: Vec::new(),
        };
        for (column, distinct) in thresholds.into_iter().enumerate() {
            let (ascending, ranks) = distinct.sorted();
            scales.ranks.push(ranks);
            if !ascending.is_empty() {
                scales.of_thresholds[column] = scales.all.len();
                let marks = Marks::Thresholds(Thresholds::new(ascending));
                scales.all.push(Scale { column, marks });
            }
        }
        if let Some(sets) = &trees.sets {
            scales.add_sets(sets, asked)?;
        }
        Some(scales)
    }

    /// `asked` has the sets that splits ask of each column.
    fn add_sets(&mut self, sets: &CategorySets, asked: Vec<Vec<u32>>) -> Option<()> {
        let mut seen = vec![false; sets.starts.len()];
        let mut n_codes = 0;
        for (column, asked) in asked.into_iter().enumerate().filter(|(_, asked)| !asked.is_empty())
        {
            let mut codes = Vec::new();
            seen.fill(false);
            for set in asked {
                // Many splits may ask for one set.
                if !std::mem::replace(&mut seen[set as usize], true) {
                    codes.extend_from_slice(sets.codes_of(set));
                    n_codes += sets.codes_of(set).len();
                    if n_codes > MOST_CODES {
                        return None;
                    }
                }
            }
            codes.sort_unstable();
            codes.dedup();
            self.of_codes[column] = self.all.len();
            self.all.push(Scale { column, marks: Marks::Codes(codes) });
        }
        Some(())
    }

    /// Which scale answers a split.
    pub(super) fn scale_of(&self, trees: &Trees, node_idx: usize) -> usize {
        let column = trees.nodes[node_idx].feature as usize;
        match trees.set_of(node_idx) {
            None => self.of_thresholds[column],
            Some(_) => self.of_codes[column],
        }
    }

    /// Which of its scale's thresholds is that of a split; 0 where it asks for a set.
    pub(super) fn threshold_idx(&self, trees: &Trees, node_idx: usize) -> usize {
        match trees.set_of(node_idx) {
            None => {
                let ranks = &self.ranks[trees.nodes[node_idx].feature as usize];
                ranks[self.numbers[node_idx] as usize] as usize
            }
            Some(_) => 0,
        }
    }
}

/// Thresholds that differ, numbered as they are met: splits of many trees share a few, and only those need to be
/// sorted. Hashed by foldhash: with the standard library's SipHash a start with 89,000 of them took a millisecond more.
#[derive(Debug, Default)]
struct Distinct {
    numbers: HashMap<u64, u32>,
    met: Vec<f64>,
}

impl Distinct {
    fn number_of(&mut self, threshold: f64) -> u32 {
        // Both zeros are one.
        let threshold = threshold + 0.0;
        *self.numbers.entry(threshold.to_bits()).or_insert_with(|| {
            self.met.push(threshold);
            self.met.len() as u32 - 1
        })
    }

    /// The thresholds, ascending, and the place of each number among them.
    fn sorted(self) -> (Vec<f64>, Vec<u32>) {
        let mut order: Vec<(f64, u32)> = self.met.into_iter().zip(0..).collect();
        order.sort_unstable_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut ranks = vec![0; order.len()];
        for (rank, &(_, number)) in (0..).zip(&order) {
            ranks[number as usize] = rank;
        }
        (order.into_iter().map(|(threshold, _)| threshold).collect(), ranks)
    }
}

fn place_of_code(codes: &[u32], value: f64) -> usize {
    let found = code(value).and_then(|code| codes.binary_search(&code).ok());
    found.unwrap_or(codes.len())
}
