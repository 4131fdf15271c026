//! One file for each route.

pub(crate) mod docs;
pub(crate) mod model;
pub(crate) mod openapi;
pub(crate) mod predict;
