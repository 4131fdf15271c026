#![doc = include_str!("../README.md")]

#[cfg(target_env = "musl")]
mod allocator;

pub mod complaint;
pub mod settings;
pub mod telemetry;

pub mod connection_series;
pub mod serve;
pub mod shortcut;
pub mod shutdown;

mod connection;
mod linger;
mod middleware;
mod panic;
mod workers;

pub mod edge;
pub mod facts;
pub mod problem;
pub mod spans;

pub mod auth;
pub mod body;
pub mod budget;
pub mod guard;
pub mod key_ring;
pub mod rate_limit;
pub mod shed;

pub mod health;
pub mod http_series;
pub mod metrics;
pub mod rejection;

#[cfg(test)]
mod testing;

pub use middleware::{Around, Middleware, MiddlewareLayer, PerConnection, ResponseFuture, Shared};
