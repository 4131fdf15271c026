#![doc = include_str!("../README.md")]

mod decision_tree;
mod elastic_net;
mod encoding;
mod error;
mod estimator;
mod fitted;
mod linear;
mod params;
mod progress;
mod random_forest;
mod ridge;
mod standardised;
mod training;
mod trees;

pub use decision_tree::DecisionTreeParams;
pub use elastic_net::ElasticNetParams;
pub use error::FitError;
pub use estimator::Estimator;
pub use fitted::Fitted;
pub use linear::LinearParams;
pub use params::{Checked, MaxFeatures};
pub use progress::{Progress, Silent};
pub use random_forest::RandomForestParams;
pub use ridge::RidgeParams;
pub use training::Training;

#[cfg(test)]
mod fixture;
