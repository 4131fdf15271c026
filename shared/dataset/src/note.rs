//! What a person should know of a table that was read without an error.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something unusual that is not wrong. Its `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Note {
    /// Rows without a target were left out.
    DroppedRows {
        /// Rows left out.
        n_dropped: u64,
        /// Rows read.
        n_rows: u64,
        /// The target.
        target: String,
    },
    /// A category column that looks like numbers with a slip.
    MostlyNumbers {
        /// The column.
        column: String,
        /// The share of its values that are numbers, 0.9 to 1.
        number_ratio: f64,
        /// The first value that is not.
        value: String,
        /// Where it stands.
        line: u64,
    },
    /// Whole numbers that a 64-bit float cannot all tell apart.
    LargeIntegers {
        /// The column.
        column: String,
    },
    /// A feature with one value in every row: no model can learn from it.
    ConstantColumn {
        /// The column.
        column: String,
        /// Its one value.
        value: String,
    },
    /// Categories that the training rows do not have were read as missing.
    UnseenCategories {
        /// The column.
        column: String,
        /// Rows it happened in.
        n_rows: u64,
    },
    /// Values are missing where training saw none.
    UnexpectedMissing {
        /// The column.
        column: String,
        /// Rows it happened in.
        n_rows: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DroppedRows { n_dropped, n_rows, target } => write!(
                f,
                "{n_dropped} of {n_rows} rows are left out: the target `{target}` is missing in them"
            ),
            Self::MostlyNumbers { column, number_ratio, value, line } => write!(
                f,
                "the column `{column}` is read as categories although {} % of its values are numbers: \
                 `{value}` in line {line} is not",
                // Rounded down: "100 %" would contradict the sentence.
                (number_ratio * 100.0).floor()
            ),
            Self::LargeIntegers { column } => write!(
                f,
                "the column `{column}` holds whole numbers of 2^53 and more, which are read as the nearest \
                 64-bit floats; if it is an identifier, leave it out with `--ignore {column}`"
            ),
            Self::ConstantColumn { column, value } => write!(
                f,
                "the column `{column}` is `{value}` in every row: no model can learn from it"
            ),
            Self::UnseenCategories { column, n_rows } => write!(
                f,
                "the column `{column}` has categories that the training rows do not have; they are \
                 read as missing (in {n_rows} rows)"
            ),
            Self::UnexpectedMissing { column, n_rows } => write!(
                f,
                "the column `{column}` is missing in {n_rows} rows although training saw no missing \
                 values in it; the server refuses such rows"
            ),
        }
    }
}
