//! Random forest: smartcore's `RandomForestRegressor`, in blocks that are grown in parallel.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::RandomForestRegressorParameters;

use crate::fitted::{Fitted, go_on};
use crate::trees::{Grown, SmartForest, TreeData, failed, levels, of_forest};
use crate::{Checked, FitError, MaxFeatures, Progress, Training, params};

/// How many trees smartcore grows in one go, on one thread.
///
/// Each block sorts every column once, so that small blocks are slow; large ones leave threads idle at the end.
/// Part of what a seed means: another size gives other trees.
const BLOCK_TREES: usize = 5;

/// A mean of regression trees, each grown on rows drawn with replacement (Breiman 2001).
///
/// | Name | Default | Range | Effect | scikit-learn |
/// | --- | --- | --- | --- | --- |
/// | `n_estimators` | 100 | 1 to 10,000 | trees: more are steadier and slower | `n_estimators` |
/// | `max_depth` | 10 | 1 to 65,534, or none | splits between root and leaf: more fit finer, and noise | `max_depth` |
/// | `min_samples_split` | 2 | ≥ 2 | drawn rows a node needs to be split | `min_samples_split` |
/// | `min_samples_leaf` | 1 | ≥ 1 | drawn rows that each side of a split needs | `min_samples_leaf` |
/// | `max_features` | 1.0 | (0, 1], `sqrt`, `log2` | features each split looks at | `max_features` |
/// | `seed` | 42 | any | which rows and features are drawn | `random_state` |
///
/// The same data, hyperparameters and seed give the same trees on any number of threads.
/// A row drawn twice counts twice towards `min_samples_*`, where scikit-learn counts it once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomForestParams {
    /// The number of trees.
    pub n_estimators: usize,
    /// The most splits between a root and a leaf.
    pub max_depth: Option<u16>,
    /// The fewest rows of a node that is split.
    pub min_samples_split: usize,
    /// The fewest rows of a leaf.
    pub min_samples_leaf: usize,
    /// How many features each split looks at.
    pub max_features: MaxFeatures,
    /// Where the draws start from.
    pub seed: u64,
}

impl Default for RandomForestParams {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            max_depth: Some(10),
            min_samples_split: 2,
            min_samples_leaf: 1,
            max_features: MaxFeatures::Fraction(1.0),
            seed: 42,
        }
    }
}

impl RandomForestParams {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`FitError::Hyperparameter`] for the first one outside of its range.
    pub fn checked(self) -> Result<Checked<Self>, FitError> {
        params::whole("n-estimators", self.n_estimators, 1..=10_000, "1 to 10000 trees")?;
        check_growth(self.max_depth, self.min_samples_split, self.min_samples_leaf)?;
        self.max_features.check()?;
        Ok(Checked(self))
    }
}

/// The ranges that forests and single trees share.
pub(crate) fn check_growth(
    max_depth: Option<u16>,
    min_samples_split: usize,
    min_samples_leaf: usize,
) -> Result<(), FitError> {
    if let Some(depth) = max_depth {
        let range = "1 to 65534 splits, or `none` for no limit";
        params::whole("max-depth", depth.into(), 1..=65_534, range)?;
    }
    let (split, leaf) = (min_samples_split, min_samples_leaf);
    params::whole("min-samples-split", split, 2..=usize::MAX, "2 rows or more")?;
    params::whole("min-samples-leaf", leaf, 1..=usize::MAX, "1 row or more")
}

impl Checked<RandomForestParams> {
    /// Grows the trees on the threads of the current rayon pool.
    ///
    /// # Errors
    ///
    /// [`FitError::Cancelled`] between blocks; see [`FitError`] for the others.
    pub fn fit(
        &self,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, FitError> {
        let n_trees = self.0.n_estimators;
        progress.start(n_trees, "trees");
        let data = TreeData::of(training)?;
        let blocks = (0..n_trees.div_ceil(BLOCK_TREES))
            .into_par_iter()
            .map(|block_idx| {
                go_on(progress)?;
                let n_trees = BLOCK_TREES.min(n_trees - block_idx * BLOCK_TREES);
                let parameters = self.block(block_idx, n_trees, data.n_columns);
                let forest = SmartForest::fit(&data.x, &data.y, parameters);
                let forest = forest.map_err(|error| failed(&error))?;
                let trees = of_forest(&forest)?;
                progress.advance(n_trees);
                Ok((trees, (n_trees, forest)))
            })
            .collect::<Result<Vec<_>, FitError>>()?;
        let (trees, blocks): (Vec<_>, Vec<_>) = blocks.into_iter().unzip();
        let trees = trees.into_iter().flatten().collect();
        data.fitted(training.signature, trees, Grown::Blocks(blocks))
    }

    fn block(
        &self,
        block_idx: usize,
        n_trees: usize,
        n_columns: usize,
    ) -> RandomForestRegressorParameters {
        let mut parameters = RandomForestRegressorParameters::default()
            .with_n_trees(n_trees)
            .with_m(self.0.max_features.count(n_columns))
            .with_min_samples_split(self.0.min_samples_split)
            .with_min_samples_leaf(self.0.min_samples_leaf)
            .with_seed(block_seed(self.0.seed, block_idx));
        parameters.max_depth = levels(self.0.max_depth);
        parameters
    }
}

/// A seed for each block that shares nothing with its neighbours': smartcore gives tree i of a block seed + i.
fn block_seed(seed: u64, block_idx: usize) -> u64 {
    mix(mix(seed).wrapping_add(block_idx as u64))
}

/// The step of splitmix64 (Steele, Lea and Flood 2014): one bit of difference changes half of the bits.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
