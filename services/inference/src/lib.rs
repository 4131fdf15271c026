#![doc = include_str!("../README.md")]

mod config;
mod error;

mod app;
mod routes;
mod server;

mod active_model;
mod answered;
mod distribution;
mod distribution_series;
mod events;
mod machine;
mod metrics;
mod openapi;
mod ready_board;
mod recording;
mod request_sample;
mod served_model;
mod shards;

mod loader;
mod patience;
mod registry_look;
mod registry_watcher;
mod trusted_keys;

mod canary;
mod challenger;
mod challenger_series;
mod challenger_watcher;
mod comparison;
mod trial;
mod veto;
mod window;

#[cfg(test)]
mod testing;

pub use config::Config;
pub use distribution::Distribution;
pub use server::Server;
