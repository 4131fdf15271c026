//! Why a request is refused: one variant a cause, with a stable code and the place.

use std::fmt;

use crate::Feature;

/// The first thing in a request that is not JSON or CSV, or does not fit the signature.
///
/// Rows are counted from 0; no row means the header of a CSV.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// The body is not JSON.
    #[error("the body is not JSON: {reason} at line {line}, column {column}")]
    InvalidJson {
        /// What the parser found.
        reason: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 at the end of the body.
        column: usize,
    },
    /// The body is not CSV.
    #[error("the body is not CSV: {reason}")]
    InvalidCsv {
        /// What the parser found, and where.
        reason: String,
    },
    /// The JSON is something else than a request.
    #[error("{found} stands where {expected} was expected")]
    WrongShape {
        /// What should be there.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A member of the top level that means nothing, or stands twice.
    #[error("the field `{field}` is {what}{}", Hint(suggestion.as_deref()))]
    UnexpectedField {
        /// The member's name.
        field: String,
        /// What is wrong with it.
        what: &'static str,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// There is nothing to predict.
    #[error("the request holds no rows")]
    NoRows,
    /// A feature that the signature does not know.
    #[error(
        "feature `{feature}` {} is not in the model's signature{}",
        Row(*row),
        Hint(suggestion.as_deref())
    )]
    UnknownFeature {
        /// The row.
        row: Option<usize>,
        /// The name as it was sent.
        feature: String,
        /// What was probably meant.
        suggestion: Option<String>,
    },
    /// A feature that is not there.
    #[error(
        "feature `{feature}` is missing {}; expected {expected}{}",
        Row(*row),
        Column(suggestion.as_deref())
    )]
    MissingFeature {
        /// The row.
        row: Option<usize>,
        /// The feature.
        feature: String,
        /// Which values fit.
        expected: String,
        /// The column, otherwise ignored, that is probably meant for it.
        suggestion: Option<String>,
    },
    /// A feature that is there twice.
    #[error("feature `{feature}` is given twice {}", Row(*row))]
    DuplicateFeature {
        /// The row.
        row: Option<usize>,
        /// The feature.
        feature: String,
    },
    /// A value of another type.
    #[error("feature `{feature}` in row {row} is {found}; expected {expected}")]
    WrongType {
        /// The row.
        row: usize,
        /// The feature.
        feature: String,
        /// What was sent.
        found: String,
        /// Which values fit.
        expected: String,
    },
    /// Null, or an empty cell, for a feature that was never missing in training.
    #[error(
        "feature `{feature}` in row {row} is null; expected {expected}: training saw no missing values in it"
    )]
    NullFeature {
        /// The row.
        row: usize,
        /// The feature.
        feature: String,
        /// Which values fit.
        expected: String,
    },
    /// NaN, an infinity, or a number too large for 64 bits.
    #[error(
        "feature `{feature}` in row {row} is {found}, which is not a finite 64-bit number; expected {expected}"
    )]
    NotFinite {
        /// The row.
        row: usize,
        /// The feature.
        feature: String,
        /// What was sent.
        found: String,
        /// Which values fit.
        expected: String,
    },
    /// A row that is an array, or a CSV record, with too few or too many values.
    #[error(
        "row {row} has {found} values; expected {expected}, one for each feature in signature order"
    )]
    WrongLength {
        /// The row.
        row: usize,
        /// Values sent.
        found: usize,
        /// Values expected.
        expected: usize,
    },
}

impl RequestError {
    /// The stable code of the problem body and of the server's counter.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidJson { .. } => "invalid_json",
            Self::InvalidCsv { .. } => "invalid_csv",
            Self::WrongShape { .. } => "wrong_shape",
            Self::UnexpectedField { .. } => "unexpected_field",
            Self::NoRows => "no_rows",
            Self::UnknownFeature { .. } => "unknown_feature",
            Self::MissingFeature { .. } => "missing_feature",
            Self::DuplicateFeature { .. } => "duplicate_feature",
            Self::WrongType { .. } => "wrong_type",
            Self::NullFeature { .. } => "null_feature",
            Self::NotFinite { .. } => "not_finite",
            Self::WrongLength { .. } => "wrong_length",
        }
    }

    /// All codes.
    pub const CODES: [&'static str; 12] = [
        "invalid_json",
        "invalid_csv",
        "wrong_shape",
        "unexpected_field",
        "no_rows",
        "unknown_feature",
        "missing_feature",
        "duplicate_feature",
        "wrong_type",
        "null_feature",
        "not_finite",
        "wrong_length",
    ];

    /// Whether the body is not even JSON or CSV, as against well formed and not fitting.
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::InvalidJson { .. } | Self::InvalidCsv { .. })
    }

    /// The row at fault, from 0.
    pub fn row(&self) -> Option<usize> {
        match self {
            Self::UnknownFeature { row, .. }
            | Self::MissingFeature { row, .. }
            | Self::DuplicateFeature { row, .. } => *row,
            Self::WrongType { row, .. }
            | Self::NullFeature { row, .. }
            | Self::NotFinite { row, .. }
            | Self::WrongLength { row, .. } => Some(*row),
            _ => None,
        }
    }

    /// The feature at fault.
    pub fn feature(&self) -> Option<&str> {
        match self {
            Self::UnknownFeature { feature, .. }
            | Self::MissingFeature { feature, .. }
            | Self::DuplicateFeature { feature, .. }
            | Self::WrongType { feature, .. }
            | Self::NullFeature { feature, .. }
            | Self::NotFinite { feature, .. } => Some(feature),
            _ => None,
        }
    }

    /// What would have fitted.
    pub fn expected(&self) -> Option<String> {
        match self {
            Self::MissingFeature { expected, .. }
            | Self::WrongType { expected, .. }
            | Self::NullFeature { expected, .. }
            | Self::NotFinite { expected, .. } => Some(expected.clone()),
            Self::WrongShape { expected, .. } => Some((*expected).to_owned()),
            Self::WrongLength { expected, .. } => Some(format!("{expected} values")),
            _ => None,
        }
    }

    /// What was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::UnknownFeature { suggestion, .. }
            | Self::UnexpectedField { suggestion, .. }
            | Self::MissingFeature { suggestion, .. } => suggestion.as_deref(),
            _ => None,
        }
    }

    pub(super) fn missing(feature: &Feature, row: usize) -> Self {
        let (feature, expected) = (feature.name.clone(), feature.expected());
        Self::MissingFeature { row: Some(row), feature, expected, suggestion: None }
    }

    pub(super) fn null(feature: &Feature, row: usize) -> Self {
        Self::NullFeature { row, feature: feature.name.clone(), expected: feature.expected() }
    }

    pub(super) fn not_finite(feature: &Feature, row: usize, found: String) -> Self {
        let (feature, expected) = (feature.name.clone(), feature.expected());
        Self::NotFinite { row, feature, found, expected }
    }

    pub(super) fn wrong_type(feature: &Feature, row: usize, found: String) -> Self {
        let (feature, expected) = (feature.name.clone(), feature.expected());
        Self::WrongType { row, feature, found, expected }
    }
}

/// A caller's text short enough for a message.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

struct Row(Option<usize>);

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(row) => write!(f, "in row {row}"),
            None => f.write_str("in the header"),
        }
    }
}

struct Hint<'a>(Option<&'a str>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

struct Column<'a>(Option<&'a str>);

impl fmt::Display for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; is it the column `{name}`?"),
            None => Ok(()),
        }
    }
}
