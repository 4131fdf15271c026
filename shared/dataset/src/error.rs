//! Everything that can be wrong with a table, in words for the person who made it.

use schema::{SignatureError, cleaned};

use crate::text::{did_you_mean, shortened};

/// Why a table cannot be read or split.
///
/// Every message names the value at fault, where it stands, what was expected and what to do.
/// Lines count from 1 and include the header, as an editor shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nothing is there.
    #[error("`{}` does not exist; check the path", cleaned(.location))]
    NotFound {
        /// The path as given.
        location: String,
    },
    /// A folder, a device or a pipe.
    #[error(
        "`{}` is {found}; give the path of a CSV file (it is read twice, so a pipe will not do)",
        cleaned(.location)
    )]
    NotAFile {
        /// The path as given.
        location: String,
        /// What it is instead.
        found: &'static str,
    },
    /// The operating system refused.
    #[error("`{}` cannot be read: {}", cleaned(.location), cleaned(.reason))]
    Unreadable {
        /// The path as given.
        location: String,
        /// What the operating system said.
        reason: String,
    },
    /// A URL, or a `synthetic:` series that is not there.
    #[error("`{}` is not a place to read from: {}", cleaned(.location), cleaned(.reason))]
    Location {
        /// The location as given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Packed, and not to be unpacked to the end.
    #[error(
        "`{}` is packed with {format}, and damaged or cut off: {}; fetch or write it again",
        cleaned(.location), cleaned(.reason)
    )]
    Damaged {
        /// The location as given.
        location: String,
        /// How it is packed.
        format: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// No bytes, or only blank lines.
    #[error("`{}` is empty; expected a header line and rows", cleaned(.location))]
    Empty {
        /// The location as given.
        location: String,
    },
    /// No rows.
    #[error("`{}` has a header but no rows", cleaned(.location))]
    HeaderOnly {
        /// The location as given.
        location: String,
    },
    /// The two passes over the table saw different bytes.
    #[error("`{}` changed while it was being read; try again once it is complete", cleaned(.location))]
    Changed {
        /// The location as given.
        location: String,
    },

    /// A name is empty.
    #[error(
        "column {position} of the header has no name; name it, or leave it out (pandas: `to_csv(…, index=False)`)"
    )]
    EmptyColumnName {
        /// The column's place in the header, from 1.
        position: usize,
    },
    /// A name is there twice.
    #[error(
        "the header names `{}` twice, as column {first} and column {second}; rename one of them",
        cleaned(.column)
    )]
    DuplicateColumn {
        /// The name.
        column: String,
        /// Its first place in the header, from 1.
        first: usize,
        /// Its second place.
        second: usize,
    },
    /// A row with too few or too many cells.
    #[error(
        "line {line} has {found} cell{} where the header has {expected}{}",
        if *found == 1 { "" } else { "s" },
        runs_on(.line, .last_line)
    )]
    Ragged {
        /// Where the row starts.
        line: u64,
        /// Where it ends.
        last_line: u64,
        /// The cells it has.
        found: usize,
        /// The cells the header has.
        expected: usize,
    },
    /// The header is one name that holds another separator.
    #[error(
        "the table seems to be separated by {separator}; Canopy reads commas: save it with `,` between cells and \
         `.` in numbers"
    )]
    Separator {
        /// The separator, in words.
        separator: &'static str,
    },
    /// A file of another kind, known by its first bytes.
    #[error("the table is {found}, not CSV in UTF-8; {advice}")]
    NotText {
        /// What the bytes are.
        found: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Bytes that are no text.
    #[error(
        "line {line} is not UTF-8 (byte {byte} of the file); save the table as UTF-8: in Excel as \"CSV UTF-8\", or \
         with `iconv -f WINDOWS-1252 -t UTF-8`"
    )]
    NotUtf8 {
        /// Where the bytes stand.
        line: u64,
        /// Their offset in the file, from 0.
        byte: u64,
    },
    /// A row that never seems to end.
    #[error("line {line} is longer than 16 MiB; is a quote left open?")]
    LineTooLong {
        /// Where the row starts.
        line: u64,
    },
    /// A quoted cell goes on behind its closing quote: rows or cells may have been joined.
    #[error(
        "the row of line {line} has text behind a closing quote; a quote inside a quoted cell is written twice, \
             and a cell that only begins with one is quoted as a whole"
    )]
    StrayQuote {
        /// Where the row starts.
        line: u64,
    },
    /// A space in front of a quote, which thereby belongs to the value.
    #[error(
        "the row of line {line} has a space before a quoted cell, so that its quotes would be part of the value; \
         remove the spaces behind the commas (pandas: `read_csv(…, skipinitialspace=True)` before `to_csv`)"
    )]
    SpacedQuote {
        /// Where the row starts.
        line: u64,
    },
    /// The file ends inside a quoted cell.
    #[error("a quote opened in the row of line {line} is never closed; the file ends inside it")]
    UnclosedQuote {
        /// Where the row starts.
        line: u64,
    },

    /// An option names a column that is not there.
    #[error("{origin} names the column `{}`, which is not in the table; {}the columns are {}",
            cleaned(.column), guess(.origin, .column, .columns), listed(.columns))]
    UnknownColumn {
        /// The flag, or the schema file.
        origin: &'static str,
        /// The name as given.
        column: String,
        /// The header.
        columns: Vec<String>,
    },
    /// Another table, such as test data, lacks a column of the training table.
    #[error(
        "the training table has the column `{}`, the test table has not; {}the columns of the test table are {}",
        cleaned(.column), guess("the training table", .column, .columns), listed(.columns)
    )]
    MissingColumn {
        /// The column.
        column: String,
        /// The header of the other table.
        columns: Vec<String>,
    },
    /// Two options say different things of one column.
    #[error("the column `{}` is {first} and also {second}; choose one", cleaned(.column))]
    Conflict {
        /// The column.
        column: String,
        /// What one option says.
        first: &'static str,
        /// What the other says.
        second: &'static str,
    },
    /// The schema file does not say what a schema file says.
    #[error("the schema file is not valid: {}", cleaned(.reason))]
    Schema {
        /// What is wrong, and where.
        reason: String,
    },
    /// The schema file is not there, or may not be read.
    #[error("the schema file `{}` cannot be read: {}", cleaned(.path), cleaned(.reason))]
    SchemaUnreadable {
        /// The path as given.
        path: String,
        /// What the operating system said.
        reason: String,
    },

    /// No row has a target.
    #[error(
        "the target `{}` is missing in every row; choose another column with `--target COL`",
        cleaned(.column)
    )]
    NoTarget {
        /// The target.
        column: String,
    },
    /// The target is a category or a boolean.
    #[error(
        "the target `{}` holds text such as `{}` in line {line}; Canopy fits regression models: choose a numeric column",
        cleaned(.column), cleaned(.value)
    )]
    TargetNotNumeric {
        /// The target.
        column: String,
        /// The first value that is no number.
        value: String,
        /// Where it stands.
        line: u64,
    },
    /// The target never changes.
    #[error("the target `{}` is {value} in every {rows}: there is nothing to learn", cleaned(.column))]
    ConstantTarget {
        /// The target.
        column: String,
        /// Its one value.
        value: f64,
        /// Which rows: all, or those of the training split.
        rows: &'static str,
    },
    /// Not enough to learn from.
    #[error(
        "only {found} row{} a target; at least {minimum} are needed",
        if *found == 1 { " has" } else { "s have" }
    )]
    TooFewRows {
        /// Rows with a target.
        found: usize,
        /// The least number of them.
        minimum: usize,
    },

    /// Only the target is left.
    #[error("no feature columns are left beside the target `{}`; a model needs at least one", cleaned(.target))]
    NoFeatures {
        /// The target.
        target: String,
    },
    /// A column without a value.
    #[error("the column `{0}` is missing in every row; leave it out with `--ignore {0}`", cleaned(.column))]
    AllMissing {
        /// The column.
        column: String,
    },
    /// NaN, an infinity, or a number too large for 64 bits.
    #[error(
        "the column `{}` holds `{}` in line {line}, which is not a finite number; write an empty cell or NA for a missing value",
        cleaned(.column), cleaned(.value)
    )]
    NotFinite {
        /// The column.
        column: String,
        /// The cell.
        value: String,
        /// Where it stands.
        line: u64,
    },
    /// An identifier rather than a category.
    #[error(
        "the column `{0}` has more than {limit} different values, so it looks like an identifier; leave it out with `--ignore {0}`, or raise `--max-categories`",
        cleaned(.column)
    )]
    TooManyCategories {
        /// The column.
        column: String,
        /// The limit that was in force.
        limit: usize,
    },
    /// Numbers rather than a category, but for some of them.
    #[error(
        "the column `{}` has more than {limit} different values, and {:.0} % of its values are numbers: `{}` in line \
         {line} is not; write missing values as an empty cell or NA",
        cleaned(.column), (.number_ratio * 100.0).floor(), cleaned(.value)
    )]
    MostlyNumbers {
        /// The column.
        column: String,
        /// The share of its values that are numbers, below 1.
        number_ratio: f64,
        /// The first value that is not.
        value: String,
        /// Where it stands.
        line: u64,
        /// The limit of categories that was in force.
        limit: usize,
    },
    /// Free text rather than a category.
    #[error(
        "the column `{0}` holds a text of {n_bytes} bytes in line {line}, too long for a category (at most {limit}); leave it out with `--ignore {0}`",
        cleaned(.column)
    )]
    CategoryTooLong {
        /// The column.
        column: String,
        /// The text's length.
        n_bytes: usize,
        /// Where it stands.
        line: u64,
        /// The greatest length of a category.
        limit: usize,
    },
    /// A cell does not fit what the schema file, or the model's signature, says of its column.
    #[error("the column `{}` holds `{}` in line {line}; expected {}", cleaned(.column), cleaned(.value), cleaned(.expected))]
    Misfit {
        /// The column.
        column: String,
        /// The cell.
        value: String,
        /// Where it stands.
        line: u64,
        /// What fits.
        expected: String,
    },
    /// A missing value in a column that the schema file declares without any.
    #[error(
        "the column `{}` is missing in line {line}, but the schema file says `\"nullable\": false`",
        cleaned(.column)
    )]
    NotNullable {
        /// The column.
        column: String,
        /// Where the cell stands.
        line: u64,
    },

    /// A test fraction that leaves one side empty.
    #[error("the test fraction is {fraction}; expected a number between 0 and 1, such as 0.2")]
    TestFraction {
        /// The fraction as given.
        fraction: f64,
    },
    /// A test fraction that leaves too few rows to learn from.
    #[error(
        "`--test-fraction {fraction}` leaves {n_train} of {n_rows} rows to learn from; at least {minimum} are needed: \
         give a smaller fraction or more rows"
    )]
    TooFewTrainingRows {
        /// The fraction as given.
        fraction: f64,
        /// Rows that are left.
        n_train: usize,
        /// Rows with a target.
        n_rows: usize,
        /// The least number of rows to learn from.
        minimum: usize,
    },
    /// The training rows hold no value of a column.
    #[error(
        "the column `{0}` has no value in any row of the training split; leave it out with `--ignore {0}`, or try another seed",
        cleaned(.column)
    )]
    NoTrainingValue {
        /// The column.
        column: String,
    },
    /// A value, or a column's name, that a reader of CSV would take for something else.
    #[error(
        "`{}` of the column `{}` cannot be kept as CSV: it would be read as {}",
        shortened(.value), cleaned(.column), cleaned(.taken_for)
    )]
    Unwritable {
        /// The column.
        column: String,
        /// The value, or the name.
        value: String,
        /// What a reader would make of it.
        taken_for: String,
    },
    /// Features that make no signature.
    #[error("{}", cleaned(&.0.to_string()))]
    Signature(SignatureError),
}

// By hand: what is not a source is not printed twice.
impl From<SignatureError> for DatasetError {
    fn from(error: SignatureError) -> Self {
        Self::Signature(error)
    }
}

/// The guess in front of another clause.
fn guess(origin: &str, name: &str, known: &[String]) -> String {
    let is_repeatable = matches!(origin, "`--ignore`" | "`--categorical`");
    let parts: Vec<&str> = name.split(',').map(str::trim).collect();
    let is_column = |part: &str| known.iter().any(|column| column == part);
    if is_repeatable && parts.len() > 1 && parts.iter().all(|part| is_column(part)) {
        let flag = origin.trim_matches('`');
        let flags: Vec<_> = parts.iter().map(|part| format!("{flag} {}", cleaned(part))).collect();
        return format!("repeat the flag for each column: `{}`; ", flags.join(" "));
    }
    did_you_mean(name, known)
        .strip_prefix("; ")
        .map(|guess| format!("{guess} "))
        .unwrap_or_default()
}

fn listed(columns: &[String]) -> String {
    const SHOWN: usize = 40;
    let names: Vec<_> =
        columns.iter().take(SHOWN).map(|name| format!("`{}`", shortened(name))).collect();
    match columns.len().saturating_sub(SHOWN) {
        0 => names.join(", "),
        rest => format!("{} and {rest} more", names.join(", ")),
    }
}

fn runs_on(line: &u64, last_line: &u64) -> String {
    if last_line > line {
        format!(" and runs on to line {last_line}; is a quote left open?")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{202e}\u{2066}\u{9b}\r\né";
    const HARMLESS: &str = "a\\u{1b}[2J\\u{202e}\\u{2066}\\u{9b}\\r\\né";

    #[test]
    fn no_message_hands_text_to_the_terminal_raw() {
        let text = || HOSTILE.to_owned();
        let (line, limit) = (2, 10);
        let errors = [
            DatasetError::NotFound { location: text() },
            DatasetError::NotAFile { location: text(), found: "a directory" },
            DatasetError::Unreadable { location: text(), reason: text() },
            DatasetError::Location { location: text(), reason: text() },
            DatasetError::Damaged { location: text(), format: "gzip", reason: text() },
            DatasetError::Empty { location: text() },
            DatasetError::HeaderOnly { location: text() },
            DatasetError::Changed { location: text() },
            DatasetError::DuplicateColumn { column: text(), first: 1, second: 2 },
            DatasetError::UnknownColumn {
                origin: "`--ignore`",
                column: text(),
                columns: vec![text(), text() + "x"],
            },
            DatasetError::UnknownColumn {
                origin: "`--ignore`",
                column: format!("{HOSTILE},{HOSTILE}"),
                columns: vec![HOSTILE.to_owned()],
            },
            DatasetError::MissingColumn {
                column: text(),
                columns: vec![text() + "x", text() + "y"],
            },
            DatasetError::Conflict { column: text(), first: "the target", second: "ignored" },
            DatasetError::Schema { reason: text() },
            DatasetError::SchemaUnreadable { path: text(), reason: text() },
            DatasetError::NoTarget { column: text() },
            DatasetError::TargetNotNumeric { column: text(), value: text(), line },
            DatasetError::ConstantTarget { column: text(), value: 1.0, rows: "row" },
            DatasetError::NoFeatures { target: text() },
            DatasetError::AllMissing { column: text() },
            DatasetError::NotFinite { column: text(), value: text(), line },
            DatasetError::TooManyCategories { column: text(), limit },
            DatasetError::MostlyNumbers {
                column: text(),
                number_ratio: 0.5,
                value: text(),
                line,
                limit,
            },
            DatasetError::CategoryTooLong { column: text(), n_bytes: 2000, line, limit },
            DatasetError::Misfit { column: text(), value: text(), line, expected: text() },
            DatasetError::NotNullable { column: text(), line },
            DatasetError::NoTrainingValue { column: text() },
            DatasetError::Unwritable { column: text(), value: text(), taken_for: text() },
            DatasetError::Signature(SignatureError::DuplicateName(text())),
        ];
        for error in errors {
            let message = error.to_string();
            assert_eq!(cleaned(&message), message, "{message:?}");
            assert!(message.contains(HARMLESS), "{message}");
        }
    }
}
