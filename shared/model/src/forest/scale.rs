//! From a column's value to a small whole number that says the same to every split on that column.
//!
//! A value's place among the sorted thresholds of all splits decides each of them at once, and exactly:
//! after this, kernels compare whole numbers only.

use std::hint::select_unpredictable;

use super::sets::code;
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
    /// The distinct thresholds as ordered keys, ascending.
    Thresholds(Vec<i64>),
    /// The distinct codes of all sets, ascending.
    Codes(Vec<u32>),
}

impl Scale {
    /// One for each column that some split compares, then one for each column of which some split asks a set.
    ///
    /// None where sets name so many codes that they would take more memory than the trees.
    pub(super) fn of_trees(trees: &Trees) -> Option<Vec<Self>> {
        let mut thresholds = vec![Vec::new(); trees.n_columns];
        let mut codes = vec![Vec::new(); if trees.sets.is_some() { trees.n_columns } else { 0 }];
        let mut seen = vec![false; trees.sets.as_ref().map_or(0, |sets| sets.starts.len())];
        for (node_idx, node) in trees.nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
            let column = node.feature as usize;
            match (&trees.sets, trees.set_of(node_idx)) {
                (Some(sets), Some(set)) => codes[column].push((set, sets)),
                _ => thresholds[column].push(key(node.value)),
            }
        }
        let (mut scales, mut n_codes) = (Vec::new(), 0);
        for (column, mut keys) in thresholds.into_iter().enumerate() {
            if !keys.is_empty() {
                keys.sort_unstable();
                keys.dedup();
                scales.push(Self { column, marks: Marks::Thresholds(keys) });
            }
        }
        for (column, asked) in codes.into_iter().enumerate().filter(|(_, asked)| !asked.is_empty())
        {
            let mut codes = Vec::new();
            seen.fill(false);
            for (set, sets) in asked {
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
            scales.push(Self { column, marks: Marks::Codes(codes) });
        }
        Some(scales)
    }

    /// The places before the one of a missing value.
    pub(super) fn missing(&self) -> usize {
        match &self.marks {
            Marks::Thresholds(keys) => keys.len() + 1,
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
            Marks::Thresholds(keys) => n_below(keys, key(value)),
            Marks::Codes(codes) => place_of_code(codes, value),
        };
        // Missing values come as they like: a jump would be mispredicted.
        select_unpredictable(value.is_nan(), self.missing(), place)
    }

    /// Which of the thresholds this one is.
    pub(super) fn threshold_idx(&self, threshold: f64) -> usize {
        match &self.marks {
            Marks::Thresholds(keys) => n_below(keys, key(threshold)),
            Marks::Codes(_) => 0,
        }
    }
}

/// Which scale answers a split on a column.
#[derive(Debug)]
pub(super) struct ByColumn {
    thresholds: Vec<usize>,
    codes: Vec<usize>,
}

impl ByColumn {
    pub(super) fn new(scales: &[Scale], n_columns: usize) -> Self {
        let mut by_column = Self { thresholds: vec![0; n_columns], codes: vec![0; n_columns] };
        for (scale_idx, scale) in scales.iter().enumerate() {
            match scale.marks {
                Marks::Thresholds(_) => by_column.thresholds[scale.column] = scale_idx,
                Marks::Codes(_) => by_column.codes[scale.column] = scale_idx,
            }
        }
        by_column
    }

    pub(super) fn scale_of(&self, trees: &Trees, node_idx: usize) -> usize {
        let column = trees.nodes[node_idx].feature as usize;
        match trees.set_of(node_idx) {
            None => self.thresholds[column],
            Some(_) => self.codes[column],
        }
    }
}

fn place_of_code(codes: &[u32], value: f64) -> usize {
    let found = code(value).and_then(|code| codes.binary_search(&code).ok());
    found.unwrap_or(codes.len())
}

/// A whole number that is ordered as the floats are: equal for both zeros, for a NaN anything.
#[inline(always)]
fn key(value: f64) -> i64 {
    // −0 + 0 is +0; every other number stays what it is, subnormal ones as well.
    let bits = (value + 0.0).to_bits() as i64;
    // The bits of a negative number grow with its magnitude: all but the sign are turned.
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// How many of the ascending keys are below `key`.
#[inline(always)]
fn n_below(keys: &[i64], key: i64) -> usize {
    // As many steps for each key, and no jump that depends on it.
    keys.partition_point(|&at| at < key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_ordered_as_the_floats_are() {
        let least = f64::from_bits(1);
        let infinity = f64::INFINITY;
        let ascending = [
            -infinity,
            f64::MIN,
            -1.0,
            -f64::MIN_POSITIVE,
            -least,
            0.0,
            least,
            1e-310,
            1.0,
            f64::MAX,
            infinity,
        ];
        assert!(ascending.map(key).is_sorted_by(|a, b| a < b));
        assert_eq!(key(-0.0), key(0.0));
    }

    proptest! {
        #[test]
        fn any_two_floats_compare_as_their_keys(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(a < b, key(a) < key(b));
            prop_assert_eq!(a == b, key(a) == key(b));
        }

        #[test]
        fn counts_what_is_below(mut keys in proptest::collection::vec(-50..50_i64, 0..40), key in -60..60_i64) {
            keys.sort_unstable();
            prop_assert_eq!(n_below(&keys, key), keys.iter().filter(|&&at| at < key).count());
        }
    }
}
