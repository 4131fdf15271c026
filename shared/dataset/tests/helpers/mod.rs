//! Tables written in a line, read as a file would be.

#![allow(dead_code, reason = "each test binary uses some of these")]

use dataset::{DatasetError, MemoryInput, ReadOptions, Table, read_input};

/// A header and rows made from their index.
pub(crate) fn table(header: &str, n_rows: u64, row: impl Fn(u64) -> String) -> String {
    let rows: Vec<String> = (0..n_rows).map(row).collect();
    format!("{header}\n{}\n", rows.join("\n"))
}

/// Reads a text with everything inferred.
pub(crate) fn read_text(csv: &str, target: &str) -> Result<Table, DatasetError> {
    read_options(csv, &ReadOptions::new(target))
}

/// Reads a text with options.
pub(crate) fn read_options(csv: &str, options: &ReadOptions) -> Result<Table, DatasetError> {
    read_input(&MemoryInput::new("data.csv", csv), options)
}

/// The message of a text that is refused.
pub(crate) fn refusal(csv: &str, target: &str) -> String {
    refusal_of(csv, &ReadOptions::new(target))
}

/// The message of a text that is refused with these options.
pub(crate) fn refusal_of(csv: &str, options: &ReadOptions) -> String {
    match read_options(csv, options) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("this table should be refused:\n{csv}"),
    }
}
