//! A single regression tree: smartcore's `DecisionTreeRegressor`.

use serde::{Deserialize, Serialize};
use smartcore::tree::decision_tree_regressor::DecisionTreeRegressorParameters;

use crate::fitted::{Fitted, go_on};
use crate::random_forest::check_growth;
use crate::trees::{Grown, SmartTree, TreeData, failed, levels, of_tree};
use crate::{Checked, FitError, Progress, Training};

/// One regression tree over all rows and features (Breiman et al. 1984).
///
/// | Name | Default | Range | Effect | scikit-learn |
/// | --- | --- | --- | --- | --- |
/// | `max_depth` | 10 | 1 to 65,534, or none | splits between root and leaf: more fit finer, and noise | `max_depth` |
/// | `min_samples_split` | 2 | ≥ 2 | rows a node needs to be split | `min_samples_split` |
/// | `min_samples_leaf` | 1 | ≥ 1 | rows that each side of a split needs | `min_samples_leaf` |
/// | `seed` | 42 | any | which of two equally good splits is taken | `random_state` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionTreeParams {
    /// The most splits between the root and a leaf.
    pub max_depth: Option<u16>,
    /// The fewest rows of a node that is split.
    pub min_samples_split: usize,
    /// The fewest rows of a leaf.
    pub min_samples_leaf: usize,
    /// Where the order of features starts from.
    pub seed: u64,
}

impl Default for DecisionTreeParams {
    fn default() -> Self {
        Self { max_depth: Some(10), min_samples_split: 2, min_samples_leaf: 1, seed: 42 }
    }
}

impl DecisionTreeParams {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`FitError::Hyperparameter`] for the first one outside of its range.
    pub fn checked(self) -> Result<Checked<Self>, FitError> {
        check_growth(self.max_depth, self.min_samples_split, self.min_samples_leaf)?;
        Ok(Checked(self))
    }
}

impl Checked<DecisionTreeParams> {
    /// Grows the tree.
    ///
    /// # Errors
    ///
    /// See [`FitError`].
    pub fn fit(
        &self,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, FitError> {
        progress.start(1, "trees");
        let data = TreeData::of(training)?;
        go_on(progress)?;
        let parameters = DecisionTreeRegressorParameters {
            max_depth: levels(self.0.max_depth),
            min_samples_split: self.0.min_samples_split,
            min_samples_leaf: self.0.min_samples_leaf,
            seed: Some(self.0.seed),
        };
        let tree = SmartTree::fit(&data.x, &data.y, parameters).map_err(|error| failed(&error))?;
        go_on(progress)?;
        let nodes = of_tree(&tree)?;
        progress.advance(1);
        data.fitted(training.signature, vec![nodes], Grown::Tree(tree))
    }
}
