//! One input column and the output: name, dtype, and what training saw of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the values of a column are written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// A 64-bit float.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// One of a set of strings.
    Category,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Category => "category",
        })
    }
}

/// 2⁵³ − 1: up to this size, a 64-bit float stands for one whole number only; an integer feature takes no larger ones.
pub const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_991.0;

impl Dtype {
    /// Says whether a finite number can be a value of this dtype.
    pub(crate) fn takes_number(self, value: f64) -> bool {
        match self {
            Self::Number => true,
            // Up to that limit the cast only cuts off what stands behind the point.
            Self::Integer => value.abs() <= MAX_EXACT_INTEGER && value as i64 as f64 == value,
            Self::Boolean | Self::Category => false,
        }
    }
}

/// The least and the greatest value that training saw, both finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The least value seen.
    pub minimum: f64,
    /// The greatest value seen.
    pub maximum: f64,
}

impl Range {
    /// Says whether `value` lies in the range, both ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.minimum <= value && value <= self.maximum
    }
}

/// One input column of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// The column's name, as in the header of the training table.
    pub name: String,
    /// How its values are written.
    pub dtype: Dtype,
    /// Whether a missing value is accepted: training saw some, or a schema file allowed them.
    #[serde(default)]
    pub nullable: bool,
    /// The range seen, for numbers and integers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range>,
    /// The categories seen, in the order of their codes (ascending by bytes); empty for other dtypes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

impl Feature {
    /// Says in words which values fit: this is the `expected` of an error.
    pub fn expected(&self) -> String {
        let mut text = match (self.dtype, self.range) {
            (Dtype::Number, Some(r)) => format!("a number (seen {} to {})", r.minimum, r.maximum),
            (Dtype::Number, None) => "a number".to_owned(),
            (Dtype::Integer, Some(r)) => {
                format!("an integer (seen {} to {})", r.minimum, r.maximum)
            }
            (Dtype::Integer, None) => "an integer".to_owned(),
            (Dtype::Boolean, _) => "true or false".to_owned(),
            (Dtype::Category, _) => self.expected_categories(),
        };
        if self.nullable {
            text.push_str(", or null");
        }
        text
    }

    fn expected_categories(&self) -> String {
        const SHOWN: usize = 8;
        let names: Vec<_> =
            self.categories.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect();
        let rest = self.categories.len().saturating_sub(SHOWN);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        format!("a string, one of {}{more}", names.join(", "))
    }

    /// The code of a category: its index in `categories`.
    pub fn category_code(&self, category: &str) -> Option<usize> {
        self.categories.binary_search_by(|known| known.as_str().cmp(category)).ok()
    }
}

/// What a model answers with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The target column's name.
    pub name: String,
    /// The target's dtype in the training table: number or integer (a prediction is a number).
    pub dtype: Dtype,
    /// The range of the target seen in training.
    pub range: Range,
}
