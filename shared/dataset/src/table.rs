//! Features and target in memory, and where they came from.

use schema::{Range, Rows, Signature};
use serde::{Deserialize, Serialize};

use crate::Note;

/// A table that was read.
#[derive(Debug, Clone)]
pub struct Table {
    /// The rows that have a target.
    pub dataset: Dataset,
    /// Where they came from.
    pub source: Source,
    /// What a person should know of them.
    pub notes: Vec<Note>,
}

/// Where a table came from, so that a training run can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The path or `synthetic:…` as it was given.
    pub location: String,
    /// The SHA-256 of all bytes as they lie there, packed or not, 64 hexadecimal digits.
    pub sha256: String,
    /// The number of these bytes.
    pub n_bytes: u64,
    /// Rows read, the header not among them.
    pub n_rows: u64,
    /// Of those, the rows left out because their target is missing.
    pub n_rows_without_target: u64,
}

/// Features and target: `n_rows` rows of raw values and as many target values.
///
/// Nothing is scaled or imputed: a missing value is NaN, a category is its code in this signature.
/// Every target value is finite.
#[derive(Debug, Clone)]
pub struct Dataset {
    signature: Signature,
    rows: Rows,
    target: Vec<f64>,
    pub(crate) declared: Vec<Declared>,
}

/// What a schema file fixed of a feature: a split leaves it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Declared {
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    pub(crate) categories: bool,
}

impl Declared {
    /// What values there may be, in words, if this one is not among them. Codes and booleans have no range.
    pub(crate) fn refuses(&self, value: f64) -> Option<String> {
        let too_low = self.minimum.is_some_and(|minimum| value < minimum);
        let too_high = self.maximum.is_some_and(|maximum| value > maximum);
        if !too_low && !too_high {
            return None;
        }
        Some(match (self.minimum, self.maximum) {
            (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
            (Some(minimum), None) => format!("not below {minimum}"),
            (None, maximum) => format!("not above {}", maximum.unwrap_or_default()),
        })
    }

    /// The declared ends, and the given ones where none is declared; none if there is no number at all.
    pub(crate) fn range(&self, minimum: f64, maximum: f64) -> Option<Range> {
        let minimum = self.minimum.unwrap_or(minimum);
        let maximum = self.maximum.unwrap_or(maximum);
        if !minimum.is_finite() || !maximum.is_finite() {
            return None;
        }
        // A declared end may lie beyond all values; the cells are then refused one by one.
        Some(match self.maximum {
            Some(maximum) => Range { minimum: minimum.min(maximum), maximum },
            None => Range { minimum, maximum: maximum.max(minimum) },
        })
    }
}

impl Dataset {
    /// Takes rows in the terms of `signature`, and one target value for each.
    ///
    /// # Panics
    ///
    /// If the shapes do not fit each other.
    pub fn new(signature: Signature, rows: Rows, target: Vec<f64>) -> Self {
        assert_eq!(rows.n_rows(), target.len(), "a row without its target");
        assert!(
            target.is_empty() || rows.n_features() == signature.n_features(),
            "rows of another signature"
        );
        let declared = vec![Declared::default(); signature.n_features()];
        Self { signature, rows, target, declared }
    }

    /// Says what a schema file declared of each feature.
    pub(crate) fn declaring(mut self, declared: Vec<Declared>) -> Self {
        self.declared = declared;
        self
    }

    /// What the columns are.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The features, shape `(n_rows, n_features)`.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The target, one finite value for each row, in the target's unit.
    pub fn target(&self) -> &[f64] {
        &self.target
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.target.len()
    }
}
