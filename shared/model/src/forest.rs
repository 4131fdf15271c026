//! A forest of regression trees: the mean of what the trees say, or a number plus their sum.
//!
//! What is in the file is in `trees`, in the simplest form. A kernel is made of it when the forest is, and answers
//! with the same bits: `bits` for trees of few leaves, `walk` for all others, the simple traversal of `trees` where
//! neither can be made or nothing is gained.

mod bits;
mod file;
mod heap;
mod kernel;
mod questions;
mod scale;
mod sets;
mod simd;
mod thresholds;
mod trees;
mod walk;

pub use kernel::Layout;
pub use trees::Node;

use kernel::Kernel;
use sets::CategorySets;
use trees::{Trees, VALUES};

use crate::ModelError;

/// Regression trees whose mean is the prediction (Breiman 2001; scikit-learn's `RandomForestRegressor`), or whose
/// sum is added to a base (Friedman 2001; gradient boosting).
///
/// Trees are summed in order, so that the same rows give the same bits wherever they are predicted.
#[derive(Debug, Clone)]
pub struct Forest {
    trees: Trees,
    /// Made of the trees, so it says nothing of its own.
    kernel: Box<Kernel>,
}

impl PartialEq for Forest {
    fn eq(&self, other: &Self) -> bool {
        self.trees == other.trees
    }
}

impl Forest {
    /// Takes trees, each a list of nodes with the root first, over `n_columns` encoded columns.
    ///
    /// # Errors
    ///
    /// Without a tree; where a tree is empty, a number is not finite, a column does not exist, or a child does
    /// not stand behind its parent and inside its tree.
    ///
    /// # Examples
    ///
    /// ```
    /// use model::{Forest, Node};
    ///
    /// let stump = vec![Node { value: 0.5, feature: 0, left: 1 }, Node::leaf(10.0), Node::leaf(20.0)];
    /// assert!(Forest::new([stump], 1).is_ok());
    /// let endless = vec![Node { value: 0.5, feature: 0, left: 0 }, Node { value: 0.5, feature: 0, left: 1 }];
    /// assert!(Forest::new([endless], 1).is_err());
    /// ```
    pub fn new(
        trees: impl IntoIterator<Item = Vec<Node>>,
        n_columns: usize,
    ) -> Result<Self, ModelError> {
        let mut nodes = Vec::new();
        let mut starts = vec![0];
        for tree in trees {
            nodes.extend(tree);
            let n_nodes = u32::try_from(nodes.len()).map_err(|_| ModelError::WrongTensor {
                name: VALUES,
                expected: format!("at most {} nodes", u32::MAX),
                found: "more; grow fewer or shallower trees".to_owned(),
            })?;
            starts.push(n_nodes);
        }
        Ok(Self::of(Trees::new(nodes, starts, n_columns)?))
    }

    /// Adds the trees to `base` instead of taking their mean.
    ///
    /// # Errors
    ///
    /// Where it is not finite.
    pub fn with_base(mut self, base: f64) -> Result<Self, ModelError> {
        self.trees.set_base(base)?;
        Ok(self)
    }

    /// Says for each node, all trees one behind the other, whether a missing value goes left.
    ///
    /// Without it, all of them do.
    ///
    /// # Errors
    ///
    /// Where there are not as many as nodes.
    pub fn with_missing_left(mut self, missing_left: Vec<bool>) -> Result<Self, ModelError> {
        self.trees.set_missing_left(missing_left)?;
        Ok(Self::of(self.trees))
    }

    /// Lets splits ask for sets of category codes instead of comparing with their threshold.
    ///
    /// `set_of_node` has for each node, all trees one behind the other, 0 or the number of a set, counted from 1.
    /// A value goes left where it is one of the set's codes; one that is no whole number from 0 on goes right.
    ///
    /// # Errors
    ///
    /// Where there are not as many as nodes, a set does not exist, or a leaf has one.
    pub fn with_sets(
        mut self,
        set_of_node: Vec<u32>,
        sets: Vec<Vec<u32>>,
    ) -> Result<Self, ModelError> {
        self.trees.set_sets(CategorySets::new(set_of_node, sets)?)?;
        Ok(Self::of(self.trees))
    }

    fn of(trees: Trees) -> Self {
        Self { kernel: Box::new(Kernel::of(&trees)), trees }
    }

    /// The number of trees.
    pub fn n_trees(&self) -> usize {
        self.trees.n_trees()
    }

    /// The number of nodes of all trees, leaves included.
    pub fn n_nodes(&self) -> usize {
        self.trees.nodes.len()
    }

    /// The number of encoded columns it looks at.
    pub fn n_columns(&self) -> usize {
        self.trees.n_columns
    }

    /// The most splits between a root and a leaf, over all trees; 0 for trees of a single leaf.
    pub fn max_depth(&self) -> usize {
        self.trees.max_depth()
    }

    /// How its trees are held to be predicted from, chosen by their shape.
    pub fn layout(&self) -> Layout {
        self.kernel.layout()
    }

    /// Predicts `out[i]` from row i of `columns`, shape `(out.len(), n_columns)`, row-major, NaN for missing.
    ///
    /// # Panics
    ///
    /// If `columns` is not `out.len()` rows long.
    pub fn predict(&self, columns: &[f64], out: &mut [f64]) {
        self.predict_by(|trees, out| self.kernel.add(trees, columns, out), columns, out);
    }

    /// Predicts as [`Self::predict`] does, bit for bit, by walking one tree after the other in the simplest way.
    ///
    /// # Panics
    ///
    /// If `columns` is not `out.len()` rows long.
    pub fn predict_by_reference(&self, columns: &[f64], out: &mut [f64]) {
        self.predict_by(|trees, out| trees.add(columns, out), columns, out);
    }

    fn predict_by(&self, add: impl FnOnce(&Trees, &mut [f64]), columns: &[f64], out: &mut [f64]) {
        assert_eq!(columns.len(), out.len() * self.n_columns(), "as many rows as predictions");
        out.fill(self.trees.base.unwrap_or(0.0));
        add(&self.trees, out);
        if self.trees.base.is_none() {
            let n_trees = self.n_trees() as f64;
            out.iter_mut().for_each(|sum| *sum /= n_trees);
        }
    }

    /// What one row takes, in tens of nanoseconds.
    pub(crate) fn work_per_row(&self) -> usize {
        self.kernel.work_per_row(&self.trees)
    }
}

#[cfg(test)]
mod tests;
