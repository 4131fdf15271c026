//! The first pass: what a column holds, in memory that does not grow with the number of rows.

use std::collections::HashSet;

use schema::{MAX_EXACT_INTEGER, is_missing};

use crate::text::shortened;

/// The greatest length of a category in bytes; what is longer is free text.
pub const MAX_CATEGORY_BYTES: usize = 1024;

/// A cell worth telling of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) value: String,
    pub(crate) line: u64,
}

/// The different values of a column, for as long as they may be categories.
#[derive(Debug)]
pub(crate) enum Distinct {
    NotCollected,
    Known(HashSet<Box<str>>),
    TooMany,
    TooLong { n_bytes: usize, line: u64 },
}

/// What was seen in one column.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) n_missing: u64,
    pub(crate) n_values: u64,
    pub(crate) n_numbers: u64,
    pub(crate) n_integers: u64,
    pub(crate) n_true: u64,
    pub(crate) n_false: u64,
    pub(crate) minimum: f64,
    pub(crate) maximum: f64,
    pub(crate) exceeds_integers: bool,
    pub(crate) first_not_finite: Option<Found>,
    pub(crate) first_text: Option<Found>,
    /// The first whole number with a zero in front, such as 00501.
    pub(crate) first_zero: Option<Found>,
    /// Numbers whose point may separate thousands, such as 1.036.
    pub(crate) n_grouped: u64,
    pub(crate) first_grouped: Option<Found>,
    pub(crate) distinct: Distinct,
    max_categories: usize,
}

impl Column {
    /// A column of which nothing is seen yet; `max_categories` is none where none are to be collected.
    pub(crate) fn new(max_categories: Option<usize>) -> Self {
        Self {
            n_missing: 0,
            n_values: 0,
            n_numbers: 0,
            n_integers: 0,
            n_true: 0,
            n_false: 0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            exceeds_integers: false,
            first_not_finite: None,
            first_text: None,
            first_zero: None,
            n_grouped: 0,
            first_grouped: None,
            distinct: match max_categories {
                Some(_) => Distinct::Known(HashSet::new()),
                None => Distinct::NotCollected,
            },
            max_categories: max_categories.unwrap_or(0),
        }
    }

    /// Takes note of one cell.
    pub(crate) fn see(&mut self, cell: &str, line: u64) {
        let text = cell.trim();
        if is_missing(text) {
            self.n_missing += 1;
            return;
        }
        self.n_values += 1;
        self.collect(text, line);
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => self.see_number(text, value, line),
            Ok(_) => keep_first(&mut self.first_not_finite, text, line),
            Err(_) => {
                keep_first(&mut self.first_text, text, line);
                // As `schema::parse_cell` reads a boolean.
                self.n_true += u64::from(matches!(text, "true" | "True" | "TRUE"));
                self.n_false += u64::from(matches!(text, "false" | "False" | "FALSE"));
            }
        }
    }

    fn see_number(&mut self, text: &str, value: f64, line: u64) {
        self.n_numbers += 1;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.n_integers += 1;
            self.exceeds_integers |= value.abs() > MAX_EXACT_INTEGER;
            if digits.len() > 1 && digits.starts_with('0') {
                keep_first(&mut self.first_zero, text, line);
            }
        } else if is_grouped(digits) {
            self.n_grouped += 1;
            keep_first(&mut self.first_grouped, text, line);
        }
    }

    /// Whether whole numbers stand beside others that all look as if their point separated thousands.
    pub(crate) fn may_separate_thousands(&self) -> bool {
        let is_whole_or_grouped = self.n_integers + self.n_grouped == self.n_values;
        self.n_integers > 0 && self.n_grouped > 0 && is_whole_or_grouped
    }

    fn collect(&mut self, text: &str, line: u64) {
        let Distinct::Known(known) = &mut self.distinct else {
            return;
        };
        if known.contains(text) {
            return;
        }
        if text.len() > MAX_CATEGORY_BYTES {
            self.distinct = Distinct::TooLong { n_bytes: text.len(), line };
        } else if known.len() >= self.max_categories {
            self.distinct = Distinct::TooMany;
        } else {
            known.insert(text.into());
        }
    }

    /// Whether every value is `true` or `false`.
    pub(crate) fn is_boolean(&self) -> bool {
        self.n_values > 0 && self.n_true + self.n_false == self.n_values
    }

    /// Whether every value is a number, finite or not.
    pub(crate) fn is_numeric(&self) -> bool {
        self.n_values > 0 && self.first_text.is_none()
    }
}

/// One to three digits, not 0 in front, and groups of three behind points.
fn is_grouped(digits: &str) -> bool {
    let mut groups = digits.split('.');
    let is_number = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let is_first =
        |group: &str| (1..=3).contains(&group.len()) && is_number(group) && !group.starts_with('0');
    groups.next().is_some_and(is_first) && groups.all(|group| group.len() == 3 && is_number(group))
}

fn keep_first(place: &mut Option<Found>, text: &str, line: u64) {
    place.get_or_insert_with(|| Found { value: shortened(text), line });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(cells: &[&str], max_categories: usize) -> Column {
        let mut column = Column::new(Some(max_categories));
        for (cell, line) in cells.iter().zip(2..) {
            column.see(cell, line);
        }
        column
    }

    #[test]
    fn stops_collecting_strings_at_the_limit() {
        let column = scanned(&["a", "b", "a", "c"], 2);
        assert!(matches!(column.distinct, Distinct::TooMany));
        assert!(
            matches!(scanned(&["a", "b", "a"], 2).distinct, Distinct::Known(known) if known.len() == 2)
        );
        let long = "x".repeat(MAX_CATEGORY_BYTES + 1);
        let column = scanned(&["a", &long], 10);
        assert!(matches!(column.distinct, Distinct::TooLong { n_bytes: 1025, line: 3 }));
    }

    #[test]
    fn knows_groups_of_thousands() {
        for text in ["1.036", "12.345", "999.999", "1.000.000"] {
            assert!(is_grouped(text), "{text}");
        }
        for text in ["0.125", "1.5", "1234.567", "1.0367", "1.036e2", ".125", "1.", "inf"] {
            assert!(!is_grouped(text), "{text}");
        }
    }

    #[test]
    fn tells_exact_integers_from_others() {
        let exceeds = |cell| scanned(&[cell], 10).exceeds_integers;
        assert!(!exceeds("9007199254740991"));
        assert!(!exceeds("-9007199254740991"));
        assert!(exceeds("9007199254740992"));
        assert!(exceeds("9007199254740993"));
        assert!(exceeds("-9007199254740993"));
        assert!(exceeds("99999999999999999999999"));
    }
}
