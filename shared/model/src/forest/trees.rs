//! The trees as they are in the file: their checks, and the simple traversal that every other one must equal.

use super::sets::CategorySets;
use crate::ModelError;
use crate::tensors::{all_finite, of_length};

pub(super) const TREE_STARTS: &str = "forest.tree_starts";
pub(super) const VALUES: &str = "forest.values";
pub(super) const MISSING_LEFT: &str = "forest.missing_left";
pub(super) const BASE: &str = "forest.base";

/// One node of a tree: a split, or a leaf where `left` is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// A split's threshold (a row goes left where its column ≤ the threshold), or a leaf's prediction.
    pub value: f64,
    /// The encoded column a split looks at; 0 in a leaf.
    pub feature: u32,
    /// The left child, counted from the tree's root; the right child is the node behind it.
    pub left: u32,
}

impl Node {
    /// A leaf that predicts `value`.
    pub fn leaf(value: f64) -> Self {
        Self { value, feature: 0, left: 0 }
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.left == 0
    }
}

/// Everything that is in the file, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trees {
    pub(super) nodes: Vec<Node>,
    /// The first node of each tree, then the number of nodes.
    pub(super) starts: Vec<u32>,
    pub(super) n_columns: usize,
    /// The most splits between the root and a leaf of each tree.
    pub(super) depths: Vec<u32>,
    /// For each node whether a missing value goes left; without it, all do.
    pub(super) missing_left: Option<Vec<bool>>,
    pub(super) sets: Option<CategorySets>,
    /// Where the sum over the trees starts; without it, the prediction is their mean.
    pub(super) base: Option<f64>,
}

impl Trees {
    pub(super) fn new(
        nodes: Vec<Node>,
        starts: Vec<u32>,
        n_columns: usize,
    ) -> Result<Self, ModelError> {
        let ascending = starts.windows(2).all(|pair| pair[0] < pair[1]);
        let whole = starts.first() == Some(&0)
            && starts.len() > 1
            && starts.last().map(|&end| end as usize) == Some(nodes.len());
        if !ascending || !whole {
            return Err(ModelError::WrongTensor {
                name: TREE_STARTS,
                expected: format!("ascending from 0 to {}", nodes.len()),
                found: "something else, or a tree without nodes".to_owned(),
            });
        }
        let (depths, missing_left, sets, base) = (Vec::new(), None, None, None);
        let mut trees = Self { nodes, starts, n_columns, depths, missing_left, sets, base };
        let depth_of = |(tree_idx, (_, tree)): (usize, (usize, &[Node]))| {
            depth(tree, n_columns).map_err(|(node, reason)| ModelError::Tree {
                tree: tree_idx,
                node,
                reason,
            })
        };
        trees.depths = trees.iter().enumerate().map(depth_of).collect::<Result<_, _>>()?;
        Ok(trees)
    }

    pub(super) fn set_base(&mut self, base: f64) -> Result<(), ModelError> {
        all_finite(BASE, &[base])?;
        self.base = Some(base);
        Ok(())
    }

    pub(super) fn set_missing_left(&mut self, missing_left: Vec<bool>) -> Result<(), ModelError> {
        of_length(MISSING_LEFT, missing_left.len(), self.nodes.len())?;
        self.missing_left = Some(missing_left);
        Ok(())
    }

    pub(super) fn set_sets(&mut self, sets: CategorySets) -> Result<(), ModelError> {
        sets.check(&self.nodes)?;
        self.sets = Some(sets);
        Ok(())
    }

    pub(super) fn n_trees(&self) -> usize {
        self.starts.len() - 1
    }

    /// The trees in order, each with the index of its first node.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[Node])> {
        self.starts.windows(2).map(|pair| {
            let (start, end) = (pair[0] as usize, pair[1] as usize);
            (start, &self.nodes[start..end])
        })
    }

    /// Where a missing value goes at this node of the forest.
    pub(super) fn missing_goes_left(&self, node_idx: usize) -> bool {
        self.missing_left.as_ref().is_none_or(|left| left[node_idx])
    }

    /// The set a node asks for, if it is not a threshold.
    pub(super) fn set_of(&self, node_idx: usize) -> Option<u32> {
        self.sets.as_ref().and_then(|sets| sets.of(node_idx))
    }

    /// Adds what each tree says to the sum of each row, in tree order; `columns` is row-major.
    ///
    /// Tree by tree over all rows, so that one tree is in the cache at a time.
    pub(super) fn add(&self, columns: &[f64], sums: &mut [f64]) {
        for (start, tree) in self.iter() {
            for (row, sum) in columns.chunks_exact(self.n_columns).zip(sums.iter_mut()) {
                *sum += self.leaf_value(start, tree, row);
            }
        }
    }

    fn leaf_value(&self, start: usize, tree: &[Node], row: &[f64]) -> f64 {
        let mut at = 0;
        while !tree[at].is_leaf() {
            let goes_right = !self.goes_left(start + at, row[tree[at].feature as usize]);
            at = tree[at].left as usize + usize::from(goes_right);
        }
        tree[at].value
    }

    fn goes_left(&self, node_idx: usize, value: f64) -> bool {
        if value.is_nan() {
            return self.missing_goes_left(node_idx);
        }
        match (&self.sets, self.set_of(node_idx)) {
            (Some(sets), Some(set)) => sets.contains(set, value),
            _ => value <= self.nodes[node_idx].value,
        }
    }

    /// The most splits between a root and a leaf, over all trees; 0 for trees of a single leaf.
    pub(super) fn max_depth(&self) -> usize {
        self.depths.iter().max().map_or(0, |&depth| depth as usize)
    }
}

/// Checks a tree, and gives the most splits between its root and a leaf.
fn depth(tree: &[Node], n_columns: usize) -> Result<u32, (usize, &'static str)> {
    let mut depths = vec![0; tree.len()];
    let mut deepest = 0;
    for (node_idx, node) in tree.iter().enumerate() {
        if !node.value.is_finite() {
            return Err((node_idx, "its value is not finite"));
        }
        if node.is_leaf() {
            continue;
        }
        if node.feature as usize >= n_columns {
            return Err((node_idx, "it splits on a column that does not exist"));
        }
        // Children behind their parent: a walk from the root always ends.
        let left = node.left as usize;
        if left <= node_idx || left + 1 >= tree.len() {
            return Err((node_idx, "its children do not stand behind it in the tree"));
        }
        let below: u32 = depths[node_idx] + 1;
        for child in &mut depths[left..left + 2] {
            *child = below.max(*child);
        }
        deepest = deepest.max(below);
    }
    Ok(deepest)
}
