//! How good predictions are once the truth is known, from sums that add up over minutes and replicas.

mod moments;
mod quality;
mod unit;

pub use moments::Moments;
pub use quality::{Figure, Quality, worse_than_training};
pub use unit::Unit;
