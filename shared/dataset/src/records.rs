//! The rows of a CSV input, each with as many cells as the header: what both passes read.

use std::collections::HashMap;
use std::io;

use csv::StringRecord;

use crate::lines::Lines;
use crate::unpack::{Fingerprint, Unpacked};
use crate::{DatasetError, Input};

/// A checked header and the rows below it.
pub(crate) struct Records<'a> {
    location: &'a str,
    csv: csv::Reader<Lines<'a>>,
    record: StringRecord,
    columns: Vec<String>,
    has_spaced_quote: bool,
}

/// One row as it stands in the file.
pub(crate) struct Record<'r> {
    /// Where it starts, from 1.
    pub(crate) line: u64,
    /// As many as there are columns.
    pub(crate) cells: &'r StringRecord,
}

impl<'a> Records<'a> {
    /// Opens an input and reads its header.
    pub(crate) fn open(input: &'a dyn Input) -> Result<Self, DatasetError> {
        let mut records = Self {
            location: input.location(),
            csv: csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(Lines::new(Unpacked::open(input)?)),
            record: StringRecord::new(),
            columns: vec![],
            has_spaced_quote: false,
        };
        let Some((line, _)) = records.read()? else {
            return Err(DatasetError::Empty { location: records.location.to_owned() });
        };
        records.check_quotes(line)?;
        records.columns = checked_header(&records.record)?;
        Ok(records)
    }

    /// The header, trimmed: names without repeats.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row, none after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, DatasetError> {
        let Some((line, last_line)) = self.read()? else {
            return Ok(None);
        };
        self.check_quotes(line)?;
        let (found, expected) = (self.record.len(), self.columns.len());
        if found != expected {
            return Err(DatasetError::Ragged { line, last_line, found, expected });
        }
        Ok(Some(Record { line, cells: &self.record }))
    }

    /// Reads on to the end, or until more than `at_most` bytes were read; what all bytes came to.
    pub(crate) fn finish(self, at_most: u64) -> Result<Fingerprint, DatasetError> {
        self.csv.into_inner().drain(at_most).map_err(|error| explain(self.location, error))
    }

    /// Refuses a cell that would keep the quotes around it, and one that they do not hold together.
    fn check_quotes(&self, line: u64) -> Result<(), DatasetError> {
        let is_wrapped = |cell: &str| {
            let cell = cell.trim();
            cell.len() > 1 && cell.starts_with('"') && cell.ends_with('"')
        };
        let is_apart = !self.columns.is_empty() && self.record.len() > self.columns.len();
        if self.has_spaced_quote && (is_apart || self.record.iter().any(is_wrapped)) {
            return Err(DatasetError::SpacedQuote { line });
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<(u64, u64)>, DatasetError> {
        let more =
            self.csv.read_record(&mut self.record).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => explain(self.location, error),
                // The bytes are checked as UTF-8 and rows may be ragged: only reading can fail.
                other => unreadable(self.location, format!("{other:?}")),
            })?;
        if !more {
            return Ok(None);
        }
        let span = self.csv.get_mut().end_record()?;
        self.has_spaced_quote = span.has_spaced_quote;
        Ok(Some((span.first_line, span.last_line)))
    }
}

fn checked_header(record: &StringRecord) -> Result<Vec<String>, DatasetError> {
    if let [only] = record.iter().collect::<Vec<_>>()[..] {
        let separators = [(';', "`;`"), ('\t', "tabs"), ('|', "`|`")];
        if let Some((_, separator)) = separators.into_iter().find(|(c, _)| only.contains(*c)) {
            return Err(DatasetError::Separator { separator });
        }
    }
    let mut places = HashMap::with_capacity(record.len());
    for (idx, name) in record.iter().map(str::trim).enumerate() {
        if name.is_empty() {
            return Err(DatasetError::EmptyColumnName { position: idx + 1 });
        }
        if let Some(first) = places.insert(name, idx + 1) {
            return Err(DatasetError::DuplicateColumn {
                column: name.to_owned(),
                first,
                second: idx + 1,
            });
        }
    }
    Ok(record.iter().map(|name| name.trim().to_owned()).collect())
}

/// An error that [`Lines`] raised comes back as it was.
fn explain(location: &str, error: io::Error) -> DatasetError {
    let reason = error.to_string();
    error
        .into_inner()
        .and_then(|inner| inner.downcast::<DatasetError>().ok())
        .map_or_else(|| unreadable(location, reason), |error| *error)
}

fn unreadable(location: &str, reason: String) -> DatasetError {
    DatasetError::Unreadable { location: location.to_owned(), reason }
}
