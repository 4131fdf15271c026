//! One file for each route; the table of them is in `app.rs`.

pub(crate) mod dashboard;
pub(crate) mod state;
pub(crate) mod stream;
