#![doc = include_str!("../canopy-loadtest.md")]

mod config;

mod api_key;
mod target;

mod answer;
mod connection;
mod failure;

mod pace;
mod ready;
mod run;

mod summary;
mod tally;
mod text;

pub use config::{Config, Output};
pub use run::Load;
pub use summary::Summary;
