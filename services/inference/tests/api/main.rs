//! The server over real TCP, one module for each matter.

mod bad_bodies;
mod challenger;
mod csv_stream;
mod distributions;
mod events;
mod health;
mod helpers;
mod keys;
mod limits;
mod metrics;
mod models;
mod predict;
mod receiver;
mod reload;
mod sample;
mod shutdown;
mod signing;
