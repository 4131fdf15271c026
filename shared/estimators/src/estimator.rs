//! Every estimator behind one type: what `canopy-trainer fit --estimator` chooses.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    DecisionTreeParams, ElasticNetParams, FitError, Fitted, LinearParams, Progress,
    RandomForestParams, RidgeParams, Training, elastic_net, linear, trees,
};

/// An algorithm and its hyperparameters, before fitting.
///
/// # Examples
///
/// ```
/// use estimators::{Estimator, RidgeParams};
///
/// let ridge = Estimator::Ridge(RidgeParams::default().alpha(0.5));
/// assert_eq!(ridge.name(), "ridge");
/// assert_eq!(ridge.hyperparameters()["alpha"], 0.5);
/// assert_eq!(ridge.library(), "linfa-linear 0.8.1");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "estimator", content = "hyperparameters", rename_all = "kebab-case")]
pub enum Estimator {
    /// A mean of many trees.
    RandomForest(RandomForestParams),
    /// One tree.
    DecisionTree(DecisionTreeParams),
    /// Ordinary least squares.
    Linear(LinearParams),
    /// Least squares with a penalty on squares.
    Ridge(RidgeParams),
    /// Least squares with a penalty on squares and absolute values.
    ElasticNet(ElasticNetParams),
}

impl Estimator {
    /// The names, as flags, manifests and series have them.
    pub const NAMES: [&'static str; 5] =
        ["random-forest", "decision-tree", "linear", "ridge", "elastic-net"];

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RandomForest(_) => "random-forest",
            Self::DecisionTree(_) => "decision-tree",
            Self::Linear(_) => "linear",
            Self::Ridge(_) => "ridge",
            Self::ElasticNet(_) => "elastic-net",
        }
    }

    /// The training library and its version.
    pub fn library(&self) -> &'static str {
        match self {
            Self::RandomForest(_) | Self::DecisionTree(_) => trees::LIBRARY,
            Self::Linear(_) | Self::Ridge(_) => linear::LIBRARY,
            Self::ElasticNet(_) => elastic_net::LIBRARY,
        }
    }

    /// Its hyperparameters by name, for the manifest.
    pub fn hyperparameters(&self) -> Map<String, Value> {
        let value = match self {
            Self::RandomForest(params) => serde_json::to_value(params),
            Self::DecisionTree(params) => serde_json::to_value(params),
            Self::Linear(params) => serde_json::to_value(params),
            Self::Ridge(params) => serde_json::to_value(params),
            Self::ElasticNet(params) => serde_json::to_value(params),
        };
        match value {
            Ok(Value::Object(map)) => map,
            other => unreachable!("hyperparameters are numbers under names: {other:?}"),
        }
    }

    /// Checks the hyperparameters without fitting.
    ///
    /// # Errors
    ///
    /// [`FitError::Hyperparameter`] for the first one outside of its range.
    pub fn check(&self) -> Result<(), FitError> {
        match self.clone() {
            Self::RandomForest(params) => params.checked().map(drop),
            Self::DecisionTree(params) => params.checked().map(drop),
            Self::Linear(params) => params.checked().map(drop),
            Self::Ridge(params) => params.checked().map(drop),
            Self::ElasticNet(params) => params.checked().map(drop),
        }
    }

    /// Checks the hyperparameters and fits a model.
    ///
    /// # Errors
    ///
    /// See [`FitError`].
    pub fn fit(
        &self,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, FitError> {
        match self.clone() {
            Self::RandomForest(params) => params.checked()?.fit(training, progress),
            Self::DecisionTree(params) => params.checked()?.fit(training, progress),
            Self::Linear(params) => params.checked()?.fit(training, progress),
            Self::Ridge(params) => params.checked()?.fit(training, progress),
            Self::ElasticNet(params) => params.checked()?.fit(training, progress),
        }
    }
}

#[cfg(test)]
mod tests;
