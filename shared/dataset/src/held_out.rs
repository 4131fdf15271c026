//! Held-out rows as they are kept with a version: written, read and handed out in blocks.

use csv::{QuoteStyle, StringRecord, WriterBuilder};
use schema::{Cell, Dtype, Feature, Quotes, parse_cell};

use crate::fill::as_number;
use crate::text::shortened;
use crate::{Dataset, DatasetError};

/// The file, as messages name it.
const FILE: &str = "holdout.csv";
const BOM: &str = "\u{feff}";

/// Rows that a version was not fitted to, with their targets, as CSV: what versions are compared on.
///
/// The header is the features in signature order, then the target; every line ends with `\n`. Numbers have the fewest
/// digits that are read as the same 64-bit float, integers no fraction; booleans are `true` and `false`; a
/// category is its text, quoted where it has to be; a missing value is an empty cell. So is a category that no training
/// row has, for the signature of a split does not know it. `Signature::read_csv` reads the same values back, bit for
/// bit, if it ignores unknown features (the target is one) and allows nulls.
///
/// # Examples
///
/// ```
/// use dataset::{HeldOut, ReadOptions, read};
///
/// let table = read("synthetic:demand?rows=500", &ReadOptions::new("demand"))?;
/// let test = table.dataset.split(0.2, 42)?.test;
/// let held_out = HeldOut::of(&test, 10)?;
/// assert_eq!(held_out.target(), &test.target()[..10]);
///
/// let again = HeldOut::read(held_out.csv().to_vec(), "demand")?;
/// assert_eq!(again.n_rows(), 10);
/// assert_eq!(again.blocks(4).count(), 3);
/// # Ok::<(), dataset::DatasetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HeldOut {
    csv: Vec<u8>,
    target: Vec<f64>,
    /// Where each row begins in `csv`.
    starts: Vec<usize>,
}

impl HeldOut {
    /// Writes the first `max_rows` rows.
    ///
    /// # Errors
    ///
    /// If a cell would be read as something else. No table that this crate reads has such a value: a category that is
    /// empty, `NA`, `null` or `NULL`, or has spaces around it, a name with spaces around it, a number that is infinite
    /// or not of its dtype. And if there are no rows.
    pub fn of(test: &Dataset, max_rows: usize) -> Result<Self, DatasetError> {
        let signature = test.signature();
        let target = signature.target().name.as_str();
        let names = || signature.features().iter().map(|f| f.name.as_str()).chain([target]);
        if let Some(name) = names().find(|name| name.trim() != *name) {
            return Err(unwritable(name, name, "another name"));
        }
        // A byte order mark in front of all text is left out where it is read.
        let has_bom = names().next().is_some_and(|name| name.starts_with(BOM));
        let style = if has_bom { QuoteStyle::Always } else { QuoteStyle::Necessary };
        let mut csv = WriterBuilder::new().quote_style(style).from_writer(vec![]);
        csv.write_record(names()).map_err(unwritten)?;
        let mut csv = WriterBuilder::new().from_writer(csv.into_inner().map_err(unwritten)?);

        for (row, actual) in test.rows().iter().zip(test.target()).take(max_rows) {
            for (feature, value) in signature.features().iter().zip(row) {
                csv.write_field(written(feature, *value)?).map_err(unwritten)?;
            }
            csv.write_field(digits(*actual)).map_err(unwritten)?;
            csv.write_record(None::<&[u8]>).map_err(unwritten)?;
        }
        Self::read(csv.into_inner().map_err(unwritten)?, target)
    }

    /// Takes rows that [`HeldOut::csv`] gave before; `target` names the column to find.
    ///
    /// The other columns are not looked at: they are read by the signature of each model that is asked.
    ///
    /// # Errors
    ///
    /// Without rows or without the target's column; with a row that is ragged or wrongly quoted, or whose target is not
    /// a finite number. The error says line, column and what was expected.
    pub fn read(csv: Vec<u8>, target: &str) -> Result<Self, DatasetError> {
        let mut records = Records::of(&csv)?;
        let mut record = StringRecord::new();
        if records.next(&mut record)?.is_none() {
            return Err(DatasetError::Empty { location: FILE.to_owned() });
        }
        let header = record.clone();
        let place = target_place(&header, target)?;
        let column = as_number(target);
        let (mut values, mut starts) = (vec![], vec![]);
        while let Some(start) = records.next(&mut record)? {
            if record.len() != header.len() {
                let (found, expected) = (record.len(), header.len());
                let (line, last_line) = (records.line(start), records.last_line());
                return Err(DatasetError::Ragged { line, last_line, found, expected });
            }
            let Cell::Value(value) = parse_cell(&column, &record[place]) else {
                return Err(DatasetError::Misfit {
                    column: target.to_owned(),
                    value: shortened(&record[place]),
                    line: records.line(start),
                    expected: "a finite number".to_owned(),
                });
            };
            values.push(value);
            starts.push(start);
        }
        if values.is_empty() {
            return Err(DatasetError::HeaderOnly { location: FILE.to_owned() });
        }
        Ok(Self { csv, target: values, starts })
    }

    /// The whole document.
    pub fn csv(&self) -> &[u8] {
        &self.csv
    }

    /// The target of each row, finite, in the target's unit.
    pub fn target(&self) -> &[f64] {
        &self.target
    }

    /// The number of rows, at least 1.
    pub fn n_rows(&self) -> usize {
        self.target.len()
    }

    /// The line of the document that a row begins in, from 1.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn line(&self, row_idx: usize) -> usize {
        1 + self.csv[..self.starts[row_idx]].iter().filter(|&&byte| byte == b'\n').count()
    }

    /// CSV documents of at most `n_rows` rows each (0 is taken as 1), every one with the header, so that a reader needs
    /// little memory. Their rows in order are those of the whole.
    pub fn blocks(&self, n_rows: usize) -> impl Iterator<Item = Vec<u8>> {
        let n_rows = n_rows.max(1);
        let start_of = |row: usize| self.starts.get(row).copied().unwrap_or(self.csv.len());
        let header = &self.csv[..start_of(0)];
        (0..self.n_rows()).step_by(n_rows).map(move |first| {
            let rows = &self.csv[start_of(first)..start_of(first.saturating_add(n_rows))];
            [header, rows].concat()
        })
    }
}

/// A value as a cell, once it is sure to be read as the same value.
fn written(feature: &Feature, value: f64) -> Result<String, DatasetError> {
    if value.is_nan() {
        return Ok(String::new());
    }
    let cell = match feature.dtype {
        Dtype::Number | Dtype::Integer => digits(value),
        Dtype::Boolean => (value == 1.0).to_string(),
        Dtype::Category => feature.categories[value as usize].clone(),
    };
    match parse_cell(feature, &cell) {
        Cell::Value(read) if read.to_bits() == value.to_bits() => Ok(cell),
        Cell::Missing => Err(unwritable(&feature.name, &cell, "a missing value")),
        Cell::Value(_) | Cell::Unseen => Err(unwritable(&feature.name, &cell, "another value")),
        Cell::NotFinite | Cell::Unreadable => {
            Err(unwritable(&feature.name, &cell, &format!("no {}", feature.dtype)))
        }
    }
}

/// The shortest digits that are read as this float, with an exponent where many would be zeros.
fn digits(value: f64) -> String {
    if value == 0.0 || (1e-5..1e16).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

fn target_place(header: &StringRecord, target: &str) -> Result<usize, DatasetError> {
    let mut places = (0..header.len()).filter(|&place| header[place].trim() == target);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(first), Some(second)) => Err(DatasetError::DuplicateColumn {
            column: target.to_owned(),
            first: first + 1,
            second: second + 1,
        }),
        (None, _) => Err(DatasetError::UnknownColumn {
            origin: "the version",
            column: target.to_owned(),
            columns: header.iter().map(|name| name.trim().to_owned()).collect(),
        }),
    }
}

/// Records with the places they stand in.
struct Records<'c> {
    text: &'c str,
    csv: csv::Reader<&'c [u8]>,
}

impl<'c> Records<'c> {
    fn of(csv: &'c [u8]) -> Result<Self, DatasetError> {
        let text = std::str::from_utf8(csv).map_err(|error| DatasetError::NotUtf8 {
            line: line_of(csv, error.valid_up_to()),
            byte: error.valid_up_to() as u64,
        })?;
        let csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv);
        Ok(Self { text, csv })
    }

    /// Reads the next record and says where it begins; none after the last.
    fn next(&mut self, record: &mut StringRecord) -> Result<Option<usize>, DatasetError> {
        let before = self.place();
        if !self.csv.read_record(record).map_err(unwritten)? {
            return Ok(None);
        }
        // Blank lines, and what is left of a `\r\n`, are read with the record behind them.
        let piece = &self.text[before..self.place()];
        let start = before + (piece.len() - piece.trim_start_matches(['\r', '\n']).len());
        let written = &self.text[start..self.place()];
        let bom = if start == 0 { BOM } else { "" };
        let mut quotes = Quotes::default();
        let line = || self.line(start);
        quotes
            .feed(written.strip_prefix(bom).unwrap_or(written).as_bytes())
            .map_err(|_| DatasetError::StrayQuote { line: line() })?;
        quotes.finish().map_err(|_| DatasetError::UnclosedQuote { line: line() })?;
        Ok(Some(start))
    }

    /// How far the reader is: memory is the limit of what it reads.
    fn place(&self) -> usize {
        usize::try_from(self.csv.position().byte()).unwrap_or(usize::MAX)
    }

    fn line(&self, place: usize) -> u64 {
        line_of(self.text.as_bytes(), place)
    }

    /// Where the record that was read last ends.
    fn last_line(&self) -> u64 {
        self.line(self.text[..self.place()].trim_end_matches(['\r', '\n']).len())
    }
}

/// Lines count from 1.
fn line_of(csv: &[u8], place: usize) -> u64 {
    1 + csv[..place].iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn unwritable(column: &str, value: &str, taken_for: &str) -> DatasetError {
    DatasetError::Unwritable {
        column: column.to_owned(),
        value: value.to_owned(),
        taken_for: taken_for.to_owned(),
    }
}

/// Memory takes and gives all bytes, and the text is UTF-8: there is nothing else that can fail.
fn unwritten(error: impl std::fmt::Display) -> DatasetError {
    DatasetError::Unreadable { location: FILE.to_owned(), reason: error.to_string() }
}
