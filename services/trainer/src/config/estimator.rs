//! Which estimator, and its hyperparameters. Their ranges are checked by the estimators themselves.

use std::str::FromStr;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};
use estimators::{
    DecisionTreeParams, ElasticNetParams, Estimator, LinearParams, MaxFeatures, RandomForestParams,
    RidgeParams,
};

/// The estimators by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EstimatorName {
    /// A mean of many trees: a good start for almost any table
    RandomForest,
    /// One tree: quick, and small enough to be read
    DecisionTree,
    /// Ordinary least squares
    Linear,
    /// Least squares with a penalty that copes with dependent columns
    Ridge,
    /// Least squares with a penalty that leaves columns out
    ElasticNet,
}

/// The estimator and all hyperparameters there are.
///
/// A flag that the chosen estimator does not have is an error; a variable that it does not have is left aside,
/// because one ConfigMap may serve jobs with several estimators.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Estimator")]
pub(crate) struct EstimatorArgs {
    /// The algorithm
    #[arg(long, env = "CANOPY_ESTIMATOR", value_enum, default_value_t = EstimatorName::RandomForest)]
    estimator: EstimatorName,

    /// random-forest: trees, 1 to 10000
    #[arg(long, env = "CANOPY_N_ESTIMATORS", value_name = "N", default_value_t = 100)]
    n_estimators: usize,

    /// random-forest, decision-tree: splits between root and leaf, 1 to 65534, or none for no limit
    #[arg(long, env = "CANOPY_MAX_DEPTH", value_name = "N", default_value = "10")]
    max_depth: MaxDepth,

    /// random-forest, decision-tree: rows a node needs to be split, 2 or more
    #[arg(long, env = "CANOPY_MIN_SAMPLES_SPLIT", value_name = "ROWS", default_value_t = 2)]
    min_samples_split: usize,

    /// random-forest, decision-tree: rows each side of a split needs, 1 or more
    #[arg(long, env = "CANOPY_MIN_SAMPLES_LEAF", value_name = "ROWS", default_value_t = 1)]
    min_samples_leaf: usize,

    /// random-forest: features each split looks at: a fraction of them above 0 and up to 1, sqrt or log2
    #[arg(
        long,
        env = "CANOPY_MAX_FEATURES",
        value_name = "FRACTION",
        default_value_t = MaxFeatures::Fraction(1.0)
    )]
    max_features: MaxFeatures,

    /// ridge, elastic-net: weight of the penalty on coefficients of standardised columns, above 0
    #[arg(long, env = "CANOPY_ALPHA", value_name = "WEIGHT", default_value_t = 1.0)]
    alpha: f64,

    /// elastic-net: share of the penalty on absolute values, above 0 and up to 1 (1: lasso)
    #[arg(long, env = "CANOPY_L1_RATIO", value_name = "FRACTION", default_value_t = 0.5)]
    l1_ratio: f64,

    /// elastic-net: the most steps over all coefficients, 1 to 1000000
    #[arg(long, env = "CANOPY_MAX_ITER", value_name = "N", default_value_t = 1000)]
    max_iter: u32,

    /// elastic-net: the duality gap to reach, as a fraction of the target's sum of squares, above 0, below 1
    #[arg(long, env = "CANOPY_TOL", value_name = "FRACTION", default_value_t = 1e-4)]
    tol: f64,
}

/// A depth limit, or none.
#[derive(Debug, Clone, Copy, PartialEq)]
struct MaxDepth(Option<u16>);

impl FromStr for MaxDepth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self(None));
        }
        let depth =
            text.parse().map_err(|_| "expected 1 to 65534 splits, or `none` for no limit")?;
        Ok(Self(Some(depth)))
    }
}

/// Flag, identifier, and the estimators that have it.
const BELONGS: [(&str, &str, &[EstimatorName]); 9] = {
    use EstimatorName::{DecisionTree, ElasticNet, RandomForest, Ridge};
    [
        ("n-estimators", "n_estimators", &[RandomForest]),
        ("max-depth", "max_depth", &[RandomForest, DecisionTree]),
        ("min-samples-split", "min_samples_split", &[RandomForest, DecisionTree]),
        ("min-samples-leaf", "min_samples_leaf", &[RandomForest, DecisionTree]),
        ("max-features", "max_features", &[RandomForest]),
        ("alpha", "alpha", &[Ridge, ElasticNet]),
        ("l1-ratio", "l1_ratio", &[ElasticNet]),
        ("max-iter", "max_iter", &[ElasticNet]),
        ("tol", "tol", &[ElasticNet]),
    ]
};

impl EstimatorArgs {
    /// Refuses flags of another estimator.
    pub(super) fn settle(&self, matches: &ArgMatches) -> Result<(), String> {
        for (flag, id, estimators) in BELONGS {
            let is_flag = matches.value_source(id) == Some(ValueSource::CommandLine);
            if is_flag && !estimators.contains(&self.estimator) {
                let owners: Vec<_> = estimators.iter().map(|name| name_of(*name)).collect();
                return Err(format!(
                    "--{flag} is a hyperparameter of {}, not of {}; leave it out, or choose another --estimator",
                    owners.join(" and "),
                    name_of(self.estimator),
                ));
            }
        }
        Ok(())
    }

    /// The chosen estimator with its hyperparameters.
    pub(crate) fn estimator(&self, seed: u64) -> Estimator {
        let max_depth = self.max_depth.0;
        let (min_samples_split, min_samples_leaf) = (self.min_samples_split, self.min_samples_leaf);
        match self.estimator {
            EstimatorName::RandomForest => Estimator::RandomForest(RandomForestParams {
                n_estimators: self.n_estimators,
                max_depth,
                min_samples_split,
                min_samples_leaf,
                max_features: self.max_features,
                seed,
            }),
            EstimatorName::DecisionTree => Estimator::DecisionTree(DecisionTreeParams {
                max_depth,
                min_samples_split,
                min_samples_leaf,
                seed,
            }),
            EstimatorName::Linear => Estimator::Linear(LinearParams {}),
            EstimatorName::Ridge => Estimator::Ridge(RidgeParams { alpha: self.alpha }),
            EstimatorName::ElasticNet => Estimator::ElasticNet(ElasticNetParams {
                alpha: self.alpha,
                l1_ratio: self.l1_ratio,
                max_iter: self.max_iter,
                tol: self.tol,
            }),
        }
    }
}

fn name_of(name: EstimatorName) -> String {
    let value = name.to_possible_value();
    value.map(|value| value.get_name().to_owned()).unwrap_or_default()
}
