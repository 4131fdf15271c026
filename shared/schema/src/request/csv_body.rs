//! CSV rows with a header, columns in any order: what a body in one piece and a stream are both read by.

use super::csv_records::{Cells, Fault, Scanner, Span};
use super::error::shortened;
use super::{Filling, Form, ReadOptions, Request, RequestError, UnknownFeatures};
use crate::{Signature, closest, parse_cell};

/// Far more than a model has features; each takes memory, whether it is a feature or not.
const MAX_COLUMNS: usize = 100_000;

pub(super) fn read(
    signature: &Signature,
    body: &[u8],
    options: ReadOptions,
) -> Result<Request, RequestError> {
    // The body is there already, however long a record is.
    let mut scanner = Scanner::new(usize::MAX);
    let text = Text::new(body, 1);
    let mut next = || scanner.next(body, true).map_err(|fault| text.invalid(fault, usize::MAX));
    let header = CsvHeader::read(signature, options, &text, next()?)?;
    let mut filling = Filling::new(signature, options);
    while let Some(span) = next()? {
        header.read_record(&mut filling, &text, span)?;
    }
    filling.finish(Form::Many)
}

/// The header of a CSV, held against a signature: what each column is.
#[derive(Debug, Clone)]
pub struct CsvHeader {
    names: Vec<String>,
    /// The feature of each column; none for one that is ignored.
    columns: Vec<Option<usize>>,
    /// As it came in a stream; not kept of a body that is there as a whole.
    pub(super) bytes: Vec<u8>,
}

impl CsvHeader {
    /// The columns' names in order, spaces around them removed.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The bytes as they came, from the first of the stream to the line's end: the chunks follow without a gap.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The names of the columns that are no features, in order.
    pub fn ignored(&self) -> impl Iterator<Item = &str> {
        let columns = self.names.iter().zip(&self.columns);
        columns.filter(|(_, feature)| feature.is_none()).map(|(name, _)| name.as_str())
    }

    /// Reads the first record; without one there are no columns.
    pub(super) fn read(
        signature: &Signature,
        options: ReadOptions,
        text: &Text<'_>,
        span: Option<Span>,
    ) -> Result<Self, RequestError> {
        let record = span.map(|span| text.record(span)).transpose()?;
        let cells = || record.into_iter().flat_map(Cells::of);
        if cells().nth(MAX_COLUMNS).is_some() {
            let reason = format!("the header has more than {MAX_COLUMNS} columns");
            return Err(RequestError::InvalidCsv { reason });
        }
        let names: Vec<String> = cells().map(|cell| cell.trim().to_owned()).collect();
        let columns = columns(&Filling::new(signature, options), &names)?;
        Ok(Self { names, columns, bytes: Vec::new() })
    }

    /// Reads one row.
    pub(super) fn read_record(
        &self,
        filling: &mut Filling<'_>,
        text: &Text<'_>,
        span: Span,
    ) -> Result<(), RequestError> {
        let record = text.record(span)?;
        let is_filled = self.fill(filling, record);
        if let Ok(true) = is_filled {
            filling.row += 1;
            return Ok(());
        }
        // In a row of another length the cells stand in wrong columns: that is the error, not what they hold.
        let (found, expected) = (Cells::of(record).count(), self.columns.len());
        if found == expected {
            return is_filled.map(drop);
        }
        let line = text.line_at(span.start);
        let reason = format!("line {line} has {found} cells where the header has {expected}");
        Err(RequestError::InvalidCsv { reason })
    }

    /// Whether there are as many cells as columns.
    fn fill(&self, filling: &mut Filling<'_>, record: &str) -> Result<bool, RequestError> {
        filling.start_row();
        let mut cells = Cells::of(record);
        for column in &self.columns {
            let Some(cell) = cells.next() else { return Ok(false) };
            let Some(feature_idx) = *column else { continue };
            let feature = filling.feature(feature_idx);
            filling.set(feature_idx, parse_cell(feature, &cell), || {
                format!("`{}`", shortened(cell.trim()))
            })?;
        }
        Ok(cells.next().is_none())
    }
}

fn columns(filling: &Filling<'_>, names: &[String]) -> Result<Vec<Option<usize>>, RequestError> {
    let mut columns = Vec::with_capacity(names.len());
    let mut is_there = vec![false; filling.signature.n_features()];
    for (hint, name) in names.iter().enumerate() {
        let feature_idx = filling.signature.index_of(name, hint);
        if let Some(feature_idx) = feature_idx {
            if std::mem::replace(&mut is_there[feature_idx], true) {
                return Err(RequestError::DuplicateFeature { row: None, feature: name.clone() });
            }
        } else if filling.options.unknown_features == UnknownFeatures::Reject {
            return Err(filling.unknown(name, None));
        }
        columns.push(feature_idx);
    }
    match is_there.iter().position(|is_there| !is_there) {
        Some(feature_idx) => {
            let feature = filling.feature(feature_idx);
            let others =
                names.iter().zip(&columns).filter(|(_, feature_idx)| feature_idx.is_none());
            let meant = closest(&feature.name, others.map(|(name, _)| name.as_str()));
            Err(RequestError::MissingFeature {
                row: None,
                feature: feature.name.clone(),
                expected: feature.expected(),
                suggestion: meant.map(shortened),
            })
        }
        None => Ok(columns),
    }
}

/// Bytes that should be UTF-8, and where they stand.
#[derive(Debug)]
pub(super) struct Text<'a> {
    bytes: &'a [u8],
    /// As far as they are UTF-8: whatever stands before that is read, and found fault with, first.
    valid: &'a str,
    /// The line of the first byte, from 1.
    first_line: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: &'a [u8], first_line: usize) -> Self {
        let valid = std::str::from_utf8(bytes)
            .or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]))
            .unwrap_or_default();
        Self { bytes, valid, first_line }
    }

    fn record(&self, span: Span) -> Result<&'a str, RequestError> {
        self.valid.get(span.start..span.end).ok_or_else(|| {
            let reason = format!("line {} is not UTF-8", self.line_at(span.start));
            RequestError::InvalidCsv { reason }
        })
    }

    pub(super) fn line_at(&self, offset: usize) -> usize {
        self.first_line + memchr::memchr_iter(b'\n', &self.bytes[..offset]).count()
    }

    pub(super) fn invalid(&self, fault: Fault, max_record_bytes: usize) -> RequestError {
        let reason = match fault {
            Fault::Quote { at, fault } => format!("{fault} in line {}", self.line_at(at)),
            Fault::TooLong { start } => format!(
                "the row that begins in line {} is longer than {max_record_bytes} bytes; is a quote left open?",
                self.line_at(start)
            ),
        };
        RequestError::InvalidCsv { reason }
    }
}
