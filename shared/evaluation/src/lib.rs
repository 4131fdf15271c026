#![doc = include_str!("../README.md")]

mod error;
mod pairs;

mod mae;
mod mape;
mod median_absolute_error;
mod r2;
mod rmse;

mod bootstrap;
mod permutation_importance;
mod scores;

pub mod drift;
pub mod live;

pub use bootstrap::{
    BootstrapParams, Interval, PairedPredictions, mae_difference, rmse_difference,
};
pub use error::EvaluationError;
pub use mae::mae;
pub use mape::mape;
pub use median_absolute_error::median_absolute_error;
pub use pairs::Pairs;
pub use permutation_importance::{
    DEFAULT_MAX_ROWS, PermutationParams, TestRows, permutation_importance,
};
pub use r2::r2;
pub use rmse::rmse;
pub use scores::{constant_mean, scores};
