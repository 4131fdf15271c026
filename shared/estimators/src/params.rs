//! Hyperparameters that have been checked, and what several estimators share of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::FitError;

/// Hyperparameters that lie in their ranges: only these can be fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked<P>(pub(crate) P);

impl<P> Checked<P> {
    /// The hyperparameters.
    pub fn params(&self) -> &P {
        &self.0
    }
}

/// How many features each split of a tree looks at, drawn anew for each split.
///
/// At least one, rounded down. Unlike scikit-learn, smartcore does not draw further where all of those drawn
/// turn out to be constant.
///
/// # Examples
///
/// ```
/// use estimators::MaxFeatures;
///
/// assert_eq!("sqrt".parse(), Ok(MaxFeatures::Sqrt));
/// assert_eq!(MaxFeatures::Fraction(0.5).count(9), 4);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFeatures {
    /// This fraction of them, in (0, 1].
    Fraction(f64),
    /// The square root of their number.
    Sqrt,
    /// The binary logarithm of their number.
    Log2,
}

impl MaxFeatures {
    /// The range in words, as errors and `--help` give it.
    pub const RANGE: &'static str = "a fraction above 0 and up to 1, `sqrt` or `log2`";

    /// The number of features that a split looks at, of `n_features`.
    pub fn count(self, n_features: usize) -> usize {
        let count = match self {
            Self::Fraction(fraction) => fraction * n_features as f64,
            Self::Sqrt => (n_features as f64).sqrt(),
            Self::Log2 => (n_features as f64).log2(),
        };
        (count as usize).clamp(1, n_features.max(1))
    }

    pub(crate) fn check(self) -> Result<(), FitError> {
        match self {
            Self::Fraction(fraction) if !(fraction > 0.0 && fraction <= 1.0) => {
                Err(FitError::Hyperparameter {
                    flag: "max-features",
                    value: self.to_string(),
                    range: Self::RANGE,
                })
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for MaxFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction(fraction) => write!(f, "{fraction}"),
            Self::Sqrt => f.write_str("sqrt"),
            Self::Log2 => f.write_str("log2"),
        }
    }
}

impl FromStr for MaxFeatures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sqrt" => Ok(Self::Sqrt),
            "log2" => Ok(Self::Log2),
            _ => match text.parse().map(Self::Fraction) {
                Ok(parsed) if parsed.check().is_ok() => Ok(parsed),
                _ => Err(format!("expected {}", Self::RANGE)),
            },
        }
    }
}

/// A number or a word, as it was given.
impl Serialize for MaxFeatures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fraction(fraction) => serializer.serialize_f64(*fraction),
            Self::Sqrt | Self::Log2 => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for MaxFeatures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(f64),
            Word(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(fraction) => Ok(Self::Fraction(fraction)),
            Form::Word(word) => word.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// Refuses a whole number outside `least..=greatest`; `range` says the same in words.
pub(crate) fn whole(
    flag: &'static str,
    value: usize,
    allowed: std::ops::RangeInclusive<usize>,
    range: &'static str,
) -> Result<(), FitError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let value = value.to_string();
    Err(FitError::Hyperparameter { flag, value, range })
}

/// Refuses a number that `allowed` refuses, and one that is not finite.
pub(crate) fn real(
    flag: &'static str,
    value: f64,
    allowed: impl Fn(f64) -> bool,
    range: &'static str,
) -> Result<(), FitError> {
    if value.is_finite() && allowed(value) {
        return Ok(());
    }
    let value = value.to_string();
    Err(FitError::Hyperparameter { flag, value, range })
}
