//! Everything that can be wrong with a table, in words for the person who made it.

use schema::{SignatureError, closest};

/// Why a table cannot be read or split.
///
/// Every message names the value at fault, where it stands, what was expected and what to do.
/// Lines count from 1 and include the header, as an editor shows them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nothing is there.
    #[error("`{location}` does not exist; check the path")]
    NotFound {
        /// The path as given.
        location: String,
    },
    /// A folder, a device or a pipe.
    #[error(
        "`{location}` is {found}; give the path of a CSV file (it is read twice, so a pipe will not do)"
    )]
    NotAFile {
        /// The path as given.
        location: String,
        /// What it is instead.
        found: &'static str,
    },
    /// The operating system refused.
    #[error("`{location}` cannot be read: {reason}")]
    Unreadable {
        /// The path as given.
        location: String,
        /// What the operating system said.
        reason: String,
    },
    /// A URL, or a `synthetic:` series that is not there.
    #[error("`{location}` is not a place to read from: {reason}")]
    Location {
        /// The location as given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No bytes, or only blank lines.
    #[error("`{location}` is empty; expected a header line and rows")]
    Empty {
        /// The location as given.
        location: String,
    },
    /// No rows.
    #[error("`{location}` has a header but no rows")]
    HeaderOnly {
        /// The location as given.
        location: String,
    },
    /// The two passes over the table saw different bytes.
    #[error("`{location}` changed while it was being read; try again once it is complete")]
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
        "the header names `{column}` twice, as column {first} and column {second}; rename one of them"
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
    /// Bytes that are no text.
    #[error(
        "line {line} is not UTF-8 (byte {byte} of the file); save the table as UTF-8, for example with `iconv -t UTF-8`"
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
    /// The file ends inside a quoted cell.
    #[error("a quote opened in the row of line {line} is never closed; the file ends inside it")]
    UnclosedQuote {
        /// Where the row starts.
        line: u64,
    },

    /// An option names a column that is not there.
    #[error("{origin} names the column `{column}`, which is not in the table; {}the columns are {}",
            guess(.column, .columns), listed(.columns))]
    UnknownColumn {
        /// The flag, or the schema file.
        origin: &'static str,
        /// The name as given.
        column: String,
        /// The header.
        columns: Vec<String>,
    },
    /// Two options say different things of one column.
    #[error("the column `{column}` is {first} and also {second}; choose one")]
    Conflict {
        /// The column.
        column: String,
        /// What one option says.
        first: &'static str,
        /// What the other says.
        second: &'static str,
    },
    /// The schema file does not say what a schema file says.
    #[error("the schema file is not valid: {reason}")]
    Schema {
        /// What is wrong, and where.
        reason: String,
    },

    /// No row has a target.
    #[error(
        "the target `{column}` is missing in every row; choose another column with `--target COL`"
    )]
    NoTarget {
        /// The target.
        column: String,
    },
    /// The target is a category or a boolean.
    #[error(
        "the target `{column}` holds text such as `{value}` in line {line}; Canopy fits regression models: choose a numeric column"
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
    #[error("the target `{column}` is {value} in every {rows}: there is nothing to learn")]
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
    #[error("no feature columns are left beside the target `{target}`; a model needs at least one")]
    NoFeatures {
        /// The target.
        target: String,
    },
    /// A column without a value.
    #[error("the column `{column}` is missing in every row; leave it out with `--ignore {column}`")]
    AllMissing {
        /// The column.
        column: String,
    },
    /// NaN, an infinity, or a number too large for 64 bits.
    #[error(
        "the column `{column}` holds `{value}` in line {line}, which is not a finite number; write an empty cell or NA for a missing value"
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
        "the column `{column}` has more than {limit} different values, so it looks like an identifier; leave it out with `--ignore {column}`, or raise `--max-categories`"
    )]
    TooManyCategories {
        /// The column.
        column: String,
        /// The limit that was in force.
        limit: usize,
    },
    /// Free text rather than a category.
    #[error(
        "the column `{column}` holds a text of {n_bytes} bytes in line {line}, too long for a category (at most {limit}); leave it out with `--ignore {column}`"
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
    #[error("the column `{column}` holds `{value}` in line {line}; expected {expected}")]
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
        "the column `{column}` is missing in line {line}, but the schema file says `\"nullable\": false`"
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
    /// The training rows hold no value of a column.
    #[error(
        "the column `{column}` has no value in any row of the training split; leave it out with `--ignore {column}`, or try another seed"
    )]
    NoTrainingValue {
        /// The column.
        column: String,
    },
    /// Features that make no signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// A cell as it may stand in a message: one line, not too long.
pub(crate) fn shortened(cell: &str) -> String {
    const SHOWN: usize = 40;
    let cell = cell.trim();
    let mut text: String = cell.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if cell.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    // Quotes need no escape between backticks.
    text.replace("\\\"", "\"").replace("\\'", "'")
}

pub(crate) fn did_you_mean(name: &str, known: &[String]) -> String {
    closest(name, known.iter().map(String::as_str))
        .map(|near| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}

/// The guess in front of another clause.
fn guess(name: &str, known: &[String]) -> String {
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
