//! What a person should know of a table that was read without an error.

use std::fmt;

use schema::cleaned;
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
    /// A category column that looks like numbers with a slip, or with missing values in words.
    MostlyNumbers {
        /// The column.
        column: String,
        /// The share of its values that are numbers, below 1.
        number_ratio: f64,
        /// The first value that is not.
        value: String,
        /// Where it stands.
        line: u64,
    },
    /// A category that many programs write for a missing value.
    MissingMarker {
        /// The column.
        column: String,
        /// The category.
        value: String,
    },
    /// A category column that tells almost every row apart.
    ManyCategories {
        /// The column.
        column: String,
        /// Different values.
        n_distinct: u64,
        /// Values, the missing ones not among them.
        n_values: u64,
    },
    /// Whole numbers beside numbers whose point may separate thousands.
    ThousandsPoint {
        /// The column.
        column: String,
        /// The first such value.
        value: String,
        /// Where it stands.
        line: u64,
    },
    /// Whole numbers written with zeros in front.
    LeadingZeros {
        /// The column.
        column: String,
        /// The first such value.
        value: String,
        /// Where it stands.
        line: u64,
    },
    /// Whole numbers that a 64-bit float cannot all tell apart.
    LargeIntegers {
        /// The column.
        column: String,
        /// Whether it is the target.
        #[serde(default)]
        is_target: bool,
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
        /// Test rows in all.
        n_test_rows: u64,
    },
    /// Too few test rows for scores to mean much.
    FewTestRows {
        /// Test rows.
        n_test_rows: u64,
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
        // One place for all of them: names and values come from the table.
        f.write_str(&cleaned(&self.text()))
    }
}

impl Note {
    fn text(&self) -> String {
        match self {
            Self::DroppedRows { n_dropped, n_rows, target } => format!(
                "{n_dropped} of {n_rows} rows are left out: the target `{target}` is missing in them"
            ),
            Self::MostlyNumbers { column, number_ratio, value, line } => format!(
                "the column `{column}` is read as categories although {} of its values are numbers: `{value}` in \
                 line {line} is not; write missing values as an empty cell or NA, or say `--categorical {column}`",
                percent(*number_ratio)
            ),
            Self::MissingMarker { column, value } => format!(
                "the column `{column}` has the category `{value}`: if it stands for a missing value, write an empty \
                 cell or NA"
            ),
            Self::ManyCategories { column, n_distinct, n_values } => format!(
                "the column `{column}` is read as categories, with {n_distinct} different values in {n_values} rows: \
                 is it an identifier, a date, or a number written with `,` `%` or `$`? leave it out with \
                 `--ignore {column}`, write plain numbers, or say `--categorical {column}`"
            ),
            Self::ThousandsPoint { column, value, line } => format!(
                "the column `{column}` holds whole numbers beside values such as `{value}` in line {line}, which is \
                 read as a fraction; if its point separates thousands, write it without"
            ),
            Self::LeadingZeros { column, value, line } => format!(
                "the column `{column}` holds `{value}` in line {line}: an integer does not keep zeros in front; if it \
                 is a code, say `--categorical {column}`"
            ),
            Self::LargeIntegers { column, is_target } => {
                let (what, advice) = match is_target {
                    true => {
                        ("target", "if the last digits matter, subtract a constant from it".into())
                    }
                    false => (
                        "column",
                        format!("if it is an identifier, leave it out with `--ignore {column}`"),
                    ),
                };
                format!(
                    "the {what} `{column}` holds whole numbers of 2^53 and more, which are read as the nearest \
                     64-bit floats; {advice}"
                )
            }
            Self::ConstantColumn { column, value } => {
                format!(
                    "the column `{column}` is `{value}` in every row: no model can learn from it"
                )
            }
            Self::UnseenCategories { column, n_rows, n_test_rows } => format!(
                "the column `{column}` has categories that the training rows do not have; they are \
                 read as missing (in {n_rows} of {n_test_rows} test rows)"
            ),
            Self::FewTestRows { n_test_rows } => format!(
                "scores of {n_test_rows} test row{} say little",
                if *n_test_rows == 1 { "" } else { "s" }
            ),
            Self::UnexpectedMissing { column, n_rows } => format!(
                "the column `{column}` is missing in {n_rows} rows although training saw no missing \
                 values in it; the server refuses such rows"
            ),
        }
    }
}

/// Rounded down, for "100 %" would contradict the sentence.
fn percent(ratio: f64) -> String {
    match (ratio * 100.0).floor() {
        0.0 => "some".to_owned(),
        percent => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_note_hands_text_to_the_terminal_raw() {
        let text = || "a\u{1b}[2J\u{202e}\u{2069}\n".to_owned();
        let notes = [
            Note::DroppedRows { n_dropped: 1, n_rows: 2, target: text() },
            Note::MostlyNumbers { column: text(), number_ratio: 0.5, value: text(), line: 2 },
            Note::MissingMarker { column: text(), value: text() },
            Note::ManyCategories { column: text(), n_distinct: 20, n_values: 21 },
            Note::ThousandsPoint { column: text(), value: text(), line: 2 },
            Note::LeadingZeros { column: text(), value: text(), line: 2 },
            Note::LargeIntegers { column: text(), is_target: true },
            Note::LargeIntegers { column: text(), is_target: false },
            Note::ConstantColumn { column: text(), value: text() },
            Note::UnseenCategories { column: text(), n_rows: 1, n_test_rows: 2 },
            Note::UnexpectedMissing { column: text(), n_rows: 1 },
        ];
        for note in notes {
            let message = note.to_string();
            assert!(message.contains(r"`a\u{1b}[2J\u{202e}\u{2069}\n`"), "{message}");
            assert_eq!(cleaned(&message), message);
        }
    }
}
