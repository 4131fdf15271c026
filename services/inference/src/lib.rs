#![doc = include_str!("../README.md")]

mod active_model;
mod app;
mod config;
mod error;
mod metrics;
mod openapi;
mod registry_watcher;
mod routes;
mod server;

pub use config::Config;
pub use server::Server;
