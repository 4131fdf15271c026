//! One file for each route; `named.rs` finds the model that a path names.

mod csv_stream;
pub(crate) mod docs;
pub(crate) mod model;
pub(crate) mod models;
mod named;
pub(crate) mod openapi;
pub(crate) mod predict;
