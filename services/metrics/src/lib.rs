#![doc = include_str!("../README.md")]

mod config;
mod error;

mod app;
mod routes;
mod selection;
mod server;

mod clock;
mod metrics;
mod series;
mod volume;

mod buckets;
mod counts;
mod fleet;
mod store;

mod registry_view;

mod drift;
mod observer;
mod problems;
mod quality;
mod snapshot;
mod state;
mod window;

pub use config::Config;
pub use server::Server;
