//! What is unusual about a row that was answered all the same.

use serde::Serialize;

use crate::{Dtype, Signature, closest};

/// The kind of a warning: the stable `code` of the JSON body and a label of the server's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// A category that training never saw: treated as missing.
    UnseenCategory,
    /// A number outside the range that training saw: used as it is.
    OutOfRange,
}

impl WarningCode {
    /// All codes.
    pub const ALL: [Self; 2] = [Self::UnseenCategory, Self::OutOfRange];

    /// The one kind of warning that values of a dtype can get.
    pub fn of(dtype: Dtype) -> Option<Self> {
        match dtype {
            Dtype::Category => Some(Self::UnseenCategory),
            Dtype::Number | Dtype::Integer => Some(Self::OutOfRange),
            Dtype::Boolean => None,
        }
    }

    /// The code as it stands in JSON and in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnseenCategory => "unseen_category",
            Self::OutOfRange => "out_of_range",
        }
    }
}

/// One unusual value.
#[derive(Debug, Clone, PartialEq)]
pub struct Warning {
    /// The row, counted from 0.
    pub row: usize,
    /// The feature's index in the signature.
    pub feature_idx: usize,
    /// What is unusual.
    pub code: WarningCode,
    found: String,
}

/// A warning in words, as the response lists it.
#[derive(Debug, Serialize)]
pub(crate) struct Described<'a> {
    row: usize,
    feature: &'a str,
    code: WarningCode,
    message: String,
}

impl Warning {
    pub(crate) fn at(row: usize, feature_idx: usize, code: WarningCode) -> Self {
        Self { row, feature_idx, code, found: String::new() }
    }

    /// Puts it into words; `hints` says whether to look for what was meant, which takes time.
    pub(crate) fn describe<'a>(&self, signature: &'a Signature, hints: bool) -> Described<'a> {
        let feature = &signature.features()[self.feature_idx];
        let found = &self.found;
        let message = match (self.code, feature.range) {
            (WarningCode::UnseenCategory, _) => {
                let categories = feature.categories.iter().map(String::as_str);
                let meant = if hints { closest(found, categories) } else { None };
                let hint = meant.map(|m| format!("; did you mean `{m}`?")).unwrap_or_default();
                format!("`{found}` was not seen in training and is treated as missing{hint}")
            }
            (WarningCode::OutOfRange, Some(range)) => format!(
                "{found} is outside the range seen in training, {} to {}",
                range.minimum, range.maximum
            ),
            (WarningCode::OutOfRange, None) => format!("{found} is outside the range"),
        };
        Described { row: self.row, feature: &feature.name, code: self.code, message }
    }
}

/// The warnings of a request: the first hundred in full, all of them counted for each feature.
#[derive(Debug, Default, PartialEq)]
pub struct Warnings {
    listed: Vec<Warning>,
    /// By feature; empty until the first warning.
    counts: Vec<u64>,
    n_total: u64,
}

impl Warnings {
    /// How many warnings a response lists: a body of 100,000 odd rows must not be answered with a larger one.
    pub const LISTED: usize = 100;

    pub(crate) fn record(&mut self, mut warning: Warning, found: &impl Fn() -> String) {
        if self.counts.len() <= warning.feature_idx {
            self.counts.resize(warning.feature_idx + 1, 0);
        }
        self.counts[warning.feature_idx] += 1;
        self.n_total += 1;
        if self.listed.len() < Self::LISTED {
            warning.found = super::error::shortened(&found());
            self.listed.push(warning);
        }
    }

    /// Adds those of the rows that follow.
    pub fn extend(&mut self, later: Self) {
        if self.counts.len() < later.counts.len() {
            self.counts.resize(later.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&later.counts).for_each(|(count, more)| *count += more);
        self.n_total += later.n_total;
        let n_free = Self::LISTED - self.listed.len();
        self.listed.extend(later.listed.into_iter().take(n_free));
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.n_total == 0
    }

    /// How many of the listed ones say what was probably meant.
    pub(crate) const WITH_HINTS: usize = 3;

    /// The first hundred.
    pub fn listed(&self) -> &[Warning] {
        &self.listed
    }

    /// All of them, listed or not.
    pub fn n_total(&self) -> u64 {
        self.n_total
    }

    /// How many each feature has: its index and the count; none with a count of 0.
    pub fn counts(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }
}
