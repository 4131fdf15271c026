//! A forest's arrays in `weights.safetensors`: the four it always has, and those it may have.

use super::Forest;
use super::sets::{CategorySets, SET_CODES, SET_STARTS, SETS};
use super::trees::{BASE, MISSING_LEFT, Node, TREE_STARTS, Trees, VALUES};
use crate::ModelError;
use crate::tensors::{self, Tensor, Tensors, of_length};

const FEATURES: &str = "forest.features";
const LEFT: &str = "forest.left";

impl Forest {
    /// All that a forest may have; the second names the number of columns.
    pub(crate) const TENSORS: [&'static str; 9] =
        [TREE_STARTS, FEATURES, VALUES, LEFT, BASE, MISSING_LEFT, SETS, SET_STARTS, SET_CODES];

    pub(crate) fn tensors(&self) -> Vec<Tensor> {
        let trees = &self.trees;
        let mut tensors = vec![
            tensors::counts(TREE_STARTS, trees.starts.iter().copied()),
            tensors::counts(FEATURES, trees.nodes.iter().map(|node| node.feature)),
            tensors::floats(VALUES, trees.nodes.iter().map(|node| node.value)),
            tensors::counts(LEFT, trees.nodes.iter().map(|node| node.left)),
        ];
        tensors.extend(trees.base.map(|base| tensors::floats(BASE, [base])));
        if let Some(missing_left) = &trees.missing_left {
            tensors
                .push(tensors::counts(MISSING_LEFT, missing_left.iter().copied().map(u32::from)));
        }
        if let Some(sets) = &trees.sets {
            tensors.push(tensors::counts(SETS, sets.of_node.iter().copied()));
            tensors.push(tensors::counts(SET_STARTS, sets.starts.iter().copied()));
            tensors.push(tensors::counts(SET_CODES, sets.codes.iter().copied()));
        }
        tensors
    }

    pub(crate) fn read(tensors: &Tensors<'_>, n_columns: usize) -> Result<Self, ModelError> {
        let mut trees = Trees::new(nodes(tensors)?, tensors.counts(TREE_STARTS)?, n_columns)?;
        if tensors.has(BASE) {
            let base = tensors.floats(BASE)?;
            of_length(BASE, base.len(), 1)?;
            trees.set_base(base[0])?;
        }
        if tensors.has(MISSING_LEFT) {
            trees.set_missing_left(flags(&tensors.counts(MISSING_LEFT)?)?)?;
        }
        if [SETS, SET_STARTS, SET_CODES].iter().any(|name| tensors.has(name)) {
            trees.set_sets(CategorySets {
                of_node: tensors.counts(SETS)?,
                starts: tensors.counts(SET_STARTS)?,
                codes: tensors.counts(SET_CODES)?,
            })?;
        }
        Ok(Self::of(trees))
    }
}

/// Straight from the bytes: arrays in between would be as large as the nodes.
fn nodes(tensors: &Tensors<'_>) -> Result<Vec<Node>, ModelError> {
    let values = tensors.float_bytes(VALUES)?;
    let features = tensors.count_bytes(FEATURES)?;
    let left = tensors.count_bytes(LEFT)?;
    of_length(FEATURES, features.len(), values.len())?;
    of_length(LEFT, left.len(), values.len())?;
    let node = |(value, (feature, left)): (&[u8; 8], (&[u8; 4], &[u8; 4]))| Node {
        value: f64::from_le_bytes(*value),
        feature: u32::from_le_bytes(*feature),
        left: u32::from_le_bytes(*left),
    };
    let nodes: Vec<_> = values.iter().zip(features.iter().zip(left)).map(node).collect();
    match nodes.iter().position(|node| !node.value.is_finite()) {
        Some(idx) => Err(ModelError::NotFinite { name: VALUES, idx, value: nodes[idx].value }),
        None => Ok(nodes),
    }
}

fn flags(counts: &[u32]) -> Result<Vec<bool>, ModelError> {
    let flag = |(idx, &count): (usize, &u32)| match count {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ModelError::WrongTensor {
            name: MISSING_LEFT,
            expected: "0 or 1 for each node".to_owned(),
            found: format!("{count} at {idx}"),
        }),
    };
    counts.iter().enumerate().map(flag).collect()
}
