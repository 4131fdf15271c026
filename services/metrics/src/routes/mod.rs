//! One file for each route; the table of them is in `app.rs`.

pub(crate) mod actuals;
mod body;
pub(crate) mod dashboard;
pub(crate) mod events;
pub(crate) mod state;
pub(crate) mod stream;
