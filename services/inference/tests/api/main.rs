//! The server over real TCP, one module for each matter.

mod bad_bodies;
mod health;
mod helpers;
mod keys;
mod limits;
mod metrics;
mod predict;
mod reload;
mod shutdown;
