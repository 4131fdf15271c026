//! How one CSV cell is read: the trainer and the server share these two functions.

use crate::{Dtype, Feature};

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// A value in the model's terms (see [`crate::Rows`]).
    Value(f64),
    /// An empty cell, `NA` or `null`.
    Missing,
    /// A category that the signature does not list.
    Unseen,
    /// NaN, an infinity, or a number too large for 64 bits.
    NotFinite,
    /// Not of the feature's dtype.
    Unreadable,
}

/// Says whether a cell stands for a missing value: empty, `NA`, `null` or `NULL`, spaces around it ignored.
pub fn is_missing(cell: &str) -> bool {
    matches!(cell.trim(), "" | "NA" | "null" | "NULL")
}

/// Reads a cell as a value of `feature`; spaces around it are ignored.
pub fn parse_cell(feature: &Feature, cell: &str) -> Cell {
    let text = cell.trim();
    if is_missing(text) {
        return Cell::Missing;
    }
    match feature.dtype {
        Dtype::Number | Dtype::Integer => match text.parse::<f64>() {
            Ok(value) if !value.is_finite() => Cell::NotFinite,
            Ok(value) if feature.dtype.takes_number(value) => Cell::Value(value),
            Ok(_) | Err(_) => Cell::Unreadable,
        },
        Dtype::Boolean => match text {
            "true" | "True" | "TRUE" => Cell::Value(1.0),
            "false" | "False" | "FALSE" => Cell::Value(0.0),
            _ => Cell::Unreadable,
        },
        Dtype::Category => match feature.category_code(text) {
            Some(code) => Cell::Value(code as f64),
            None => Cell::Unseen,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(dtype: Dtype) -> Feature {
        let categories =
            if dtype == Dtype::Category { vec!["a".into(), "b".into()] } else { vec![] };
        Feature { name: "f".into(), dtype, nullable: false, range: None, categories }
    }

    #[test]
    fn reads_each_dtype() {
        let cases = [
            (Dtype::Number, " 1.5 ", Cell::Value(1.5)),
            (Dtype::Number, "1e999", Cell::NotFinite),
            (Dtype::Number, "NaN", Cell::NotFinite),
            (Dtype::Number, "-inf", Cell::NotFinite),
            (Dtype::Number, "one", Cell::Unreadable),
            (Dtype::Number, "null", Cell::Missing),
            (Dtype::Integer, "3.0", Cell::Value(3.0)),
            (Dtype::Integer, "3.5", Cell::Unreadable),
            (Dtype::Integer, "-9007199254740991", Cell::Value(-9_007_199_254_740_991.0)),
            (Dtype::Integer, "9007199254740993", Cell::Unreadable),
            (Dtype::Boolean, "True", Cell::Value(1.0)),
            (Dtype::Boolean, "yes", Cell::Unreadable),
            (Dtype::Category, "b", Cell::Value(1.0)),
            (Dtype::Category, "c", Cell::Unseen),
            (Dtype::Category, " NA ", Cell::Missing),
        ];
        for (dtype, text, expected) in cases {
            assert_eq!(parse_cell(&feature(dtype), text), expected, "{dtype} {text:?}");
        }
    }
}
