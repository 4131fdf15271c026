//! A forest of regression trees: the mean of what the trees say.

use crate::ModelError;
use crate::tensors::{self, Tensor, Tensors, all_finite, of_length};

const TREE_STARTS: &str = "forest.tree_starts";
const FEATURES: &str = "forest.features";
const VALUES: &str = "forest.values";
const LEFT: &str = "forest.left";

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
}

/// Regression trees whose mean is the prediction (Breiman 2001; scikit-learn's `RandomForestRegressor`).
///
/// Trees are summed in order, so that the same rows give the same bits wherever they are predicted.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    nodes: Vec<Node>,
    /// The first node of each tree, then the number of nodes.
    tree_starts: Vec<u32>,
    n_columns: usize,
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
        let mut tree_starts = vec![0];
        for tree in trees {
            nodes.extend(tree);
            let n_nodes = u32::try_from(nodes.len()).map_err(|_| ModelError::WrongTensor {
                name: VALUES,
                expected: format!("at most {} nodes", u32::MAX),
                found: "more; grow fewer or shallower trees".to_owned(),
            })?;
            tree_starts.push(n_nodes);
        }
        Self::checked(nodes, tree_starts, n_columns)
    }

    fn checked(
        nodes: Vec<Node>,
        tree_starts: Vec<u32>,
        n_columns: usize,
    ) -> Result<Self, ModelError> {
        let ascending = tree_starts.windows(2).all(|pair| pair[0] < pair[1]);
        let whole = tree_starts.first() == Some(&0)
            && tree_starts.len() > 1
            && tree_starts.last().map(|&end| end as usize) == Some(nodes.len());
        if !ascending || !whole {
            return Err(ModelError::WrongTensor {
                name: TREE_STARTS,
                expected: format!("ascending from 0 to {}", nodes.len()),
                found: "something else, or a tree without nodes".to_owned(),
            });
        }
        let forest = Self { nodes, tree_starts, n_columns };
        for (tree_idx, tree) in forest.trees().enumerate() {
            check_tree(tree, n_columns).map_err(|(node, reason)| ModelError::Tree {
                tree: tree_idx,
                node,
                reason,
            })?;
        }
        Ok(forest)
    }

    /// The number of trees.
    pub fn n_trees(&self) -> usize {
        self.tree_starts.len() - 1
    }

    /// The number of nodes of all trees, leaves included.
    pub fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The number of encoded columns it looks at.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The most splits between a root and a leaf, over all trees; 0 for trees of a single leaf.
    pub fn max_depth(&self) -> usize {
        self.trees().map(depth).max().unwrap_or(0)
    }

    fn trees(&self) -> impl Iterator<Item = &[Node]> {
        self.tree_starts.windows(2).map(|pair| &self.nodes[pair[0] as usize..pair[1] as usize])
    }

    /// Predicts `out[i]` from row i of `columns`, shape `(out.len(), n_columns)`, row-major.
    ///
    /// Tree by tree over all rows, so that one tree is in the cache at a time.
    pub(crate) fn predict(&self, columns: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for tree in self.trees() {
            for (row, sum) in columns.chunks_exact(self.n_columns).zip(out.iter_mut()) {
                *sum += leaf_value(tree, row);
            }
        }
        let n_trees = self.n_trees() as f64;
        out.iter_mut().for_each(|sum| *sum /= n_trees);
    }

    pub(crate) fn tensors(&self) -> [Tensor; 4] {
        [
            tensors::counts(TREE_STARTS, self.tree_starts.iter().copied()),
            tensors::counts(FEATURES, self.nodes.iter().map(|node| node.feature)),
            tensors::floats(VALUES, self.nodes.iter().map(|node| node.value)),
            tensors::counts(LEFT, self.nodes.iter().map(|node| node.left)),
        ]
    }

    pub(crate) fn read(tensors: &Tensors<'_>, n_columns: usize) -> Result<Self, ModelError> {
        let values = tensors.floats(VALUES)?;
        let features = tensors.counts(FEATURES)?;
        let left = tensors.counts(LEFT)?;
        of_length(FEATURES, features.len(), values.len())?;
        of_length(LEFT, left.len(), values.len())?;
        let nodes = values
            .into_iter()
            .zip(features)
            .zip(left)
            .map(|((value, feature), left)| Node { value, feature, left })
            .collect();
        Self::checked(nodes, tensors.counts(TREE_STARTS)?, n_columns)
    }

    pub(crate) const TENSORS: [&'static str; 4] = [TREE_STARTS, FEATURES, VALUES, LEFT];
}

fn leaf_value(tree: &[Node], row: &[f64]) -> f64 {
    let mut node = &tree[0];
    while node.left != 0 {
        let goes_right = usize::from(row[node.feature as usize] > node.value);
        node = &tree[node.left as usize + goes_right];
    }
    node.value
}

fn check_tree(tree: &[Node], n_columns: usize) -> Result<(), (usize, &'static str)> {
    for (node_idx, node) in tree.iter().enumerate() {
        let left = node.left as usize;
        if all_finite(VALUES, &[node.value]).is_err() {
            return Err((node_idx, "its value is not finite"));
        }
        if left == 0 {
            continue;
        }
        if node.feature as usize >= n_columns {
            return Err((node_idx, "it splits on a column that does not exist"));
        }
        // Children behind their parent: a walk from the root always ends.
        if left <= node_idx || left + 1 >= tree.len() {
            return Err((node_idx, "its children do not stand behind it in the tree"));
        }
    }
    Ok(())
}

fn depth(tree: &[Node]) -> usize {
    let mut depths = vec![0; tree.len()];
    for (node_idx, node) in tree.iter().enumerate() {
        let left = node.left as usize;
        if left != 0 {
            depths[left] = depths[left].max(depths[node_idx] + 1);
            depths[left + 1] = depths[left + 1].max(depths[node_idx] + 1);
        }
    }
    depths.into_iter().max().unwrap_or(0)
}
