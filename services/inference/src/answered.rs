//! Rows that were answered, in plain values: what series and events are made of.

use schema::{Rows, Warnings};

/// Rows that one version answered, and what it said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnsweredRows<'a> {
    pub(crate) request_id: &'a str,
    /// What the request calls the first of these rows: a stream is answered in chunks.
    pub(crate) first_row: usize,
    /// In the order of the version's signature.
    pub(crate) rows: &'a Rows,
    /// One a row.
    pub(crate) predictions: &'a [f64],
    pub(crate) warnings: &'a Warnings,
}
