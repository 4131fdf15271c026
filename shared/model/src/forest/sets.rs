//! Categories by set membership: splits that ask whether a code is in a set, as boosters have them.

use super::Node;
use crate::ModelError;
use crate::tensors::of_length;

pub(super) const SETS: &str = "forest.sets";
pub(super) const SET_STARTS: &str = "forest.set_starts";
pub(super) const SET_CODES: &str = "forest.set_codes";

/// Which nodes ask for a set of category codes, and which codes are in the sets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CategorySets {
    /// 0: a threshold; k: the k-th set.
    pub(super) of_node: Vec<u32>,
    /// Where each set begins in `codes`, then how many there are.
    pub(super) starts: Vec<u32>,
    /// The codes of each set, ascending.
    pub(super) codes: Vec<u32>,
}

impl CategorySets {
    /// From sets whose codes may come in any order.
    pub(super) fn new(of_node: Vec<u32>, sets: Vec<Vec<u32>>) -> Result<Self, ModelError> {
        let (mut starts, mut codes) = (vec![0], Vec::new());
        for mut set in sets {
            set.sort_unstable();
            set.dedup();
            codes.extend(set);
            let end = u32::try_from(codes.len());
            starts.push(end.map_err(|_| wrong(SET_CODES, "at most 4294967295 codes", "more"))?);
        }
        Ok(Self { of_node, starts, codes })
    }

    pub(super) fn check(&self, nodes: &[Node]) -> Result<(), ModelError> {
        of_length(SETS, self.of_node.len(), nodes.len())?;
        let ascending = self.starts.windows(2).all(|pair| pair[0] <= pair[1]);
        let whole = self.starts.first() == Some(&0)
            && self.starts.last().map(|&end| end as usize) == Some(self.codes.len());
        if !ascending || !whole {
            let expected = format!("ascending from 0 to {}", self.codes.len());
            return Err(wrong(SET_STARTS, expected, "something else"));
        }
        if !(0..self.n_sets()).all(|set| self.codes_of(set).is_sorted_by(|a, b| a < b)) {
            return Err(wrong(SET_CODES, "ascending within each set", "a code out of order"));
        }
        let n_sets = self.n_sets();
        let is_wrong = |(&set, node): (&u32, &Node)| set > n_sets || (node.is_leaf() && set != 0);
        match self.of_node.iter().zip(nodes).position(is_wrong) {
            Some(idx) => {
                let expected = format!("0 in a leaf, at most {n_sets} in a split");
                Err(wrong(SETS, expected, format!("{} at {idx}", self.of_node[idx])))
            }
            None => Ok(()),
        }
    }

    fn n_sets(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// The set that a node asks for, from 0; none where it compares with a threshold.
    pub(super) fn of(&self, node_idx: usize) -> Option<u32> {
        self.of_node[node_idx].checked_sub(1)
    }

    pub(super) fn codes_of(&self, set: u32) -> &[u32] {
        let set = set as usize;
        &self.codes[self.starts[set] as usize..self.starts[set + 1] as usize]
    }

    /// Whether a value that is not missing is one of the set's codes.
    pub(super) fn contains(&self, set: u32, value: f64) -> bool {
        code(value).is_some_and(|code| self.codes_of(set).binary_search(&code).is_ok())
    }
}

/// The code that a value is: a whole number from 0 on.
pub(super) fn code(value: f64) -> Option<u32> {
    // The cast saturates, and gives 0 for NaN: only a whole number in range comes back as itself.
    let code = value as u32;
    (f64::from(code) == value).then_some(code)
}

fn wrong(name: &'static str, expected: impl Into<String>, found: impl Into<String>) -> ModelError {
    ModelError::WrongTensor { name, expected: expected.into(), found: found.into() }
}
