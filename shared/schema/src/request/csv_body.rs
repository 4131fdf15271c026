//! CSV rows with a header, columns in any order.

use super::error::shortened;
use super::{Filling, Form, ReadOptions, Request, RequestError, UnknownFeatures};
use crate::{QuoteFault, Quotes, Signature, parse_cell};

/// Far more than a model has features; each takes memory, whether it is a feature or not.
const MAX_COLUMNS: usize = 100_000;
const BOM: &[u8] = "\u{feff}".as_bytes();

pub(super) fn read(
    signature: &Signature,
    body: &[u8],
    options: ReadOptions,
) -> Result<Request, RequestError> {
    check_quotes(body)?;
    let mut filling = Filling::new(signature, options);
    let mut csv = csv::ReaderBuilder::new().from_reader(body);
    let columns = columns(&mut filling, csv.headers().map_err(invalid)?)?;
    let mut record = csv::StringRecord::new();
    while csv.read_record(&mut record).map_err(invalid)? {
        filling.start_row();
        for (cell, feature_idx) in record.iter().zip(&columns) {
            let Some(feature_idx) = *feature_idx else {
                continue;
            };
            let feature = filling.feature(feature_idx);
            filling.set(feature_idx, parse_cell(feature, cell), || {
                format!("`{}`", shortened(cell.trim()))
            })?;
        }
        filling.row += 1;
    }
    filling.finish(Form::Many)
}

/// The feature of each column; none for one that is ignored.
fn columns(
    filling: &mut Filling<'_>,
    header: &csv::StringRecord,
) -> Result<Vec<Option<usize>>, RequestError> {
    if header.len() > MAX_COLUMNS {
        let reason = format!("the header has more than {MAX_COLUMNS} columns");
        return Err(RequestError::InvalidCsv { reason });
    }
    let mut columns = Vec::with_capacity(header.len());
    let mut is_there = vec![false; filling.signature.n_features()];
    for (hint, name) in header.iter().map(str::trim).enumerate() {
        let feature_idx = filling.signature.index_of(name, hint);
        if let Some(feature_idx) = feature_idx {
            if std::mem::replace(&mut is_there[feature_idx], true) {
                return Err(RequestError::DuplicateFeature { row: None, feature: name.to_owned() });
            }
        } else if filling.options.unknown_features == UnknownFeatures::Reject {
            return Err(filling.unknown(name, None));
        }
        columns.push(feature_idx);
    }
    match is_there.iter().position(|is_there| !is_there) {
        Some(feature_idx) => {
            let feature = filling.feature(feature_idx);
            let (feature, expected) = (feature.name.clone(), feature.expected());
            Err(RequestError::MissingFeature { row: None, feature, expected })
        }
        None => Ok(columns),
    }
}

/// A stray quote would join cells or rows: rows would go missing, or their values change places.
fn check_quotes(body: &[u8]) -> Result<(), RequestError> {
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let mut quotes = Quotes::default();
    let invalid = |at: usize, fault: QuoteFault| {
        let line = 1 + body[..at].iter().filter(|&&byte| byte == b'\n').count();
        RequestError::InvalidCsv { reason: format!("{fault} in line {line}") }
    };
    quotes.feed(body).map_err(|(at, fault)| invalid(at, fault))?;
    quotes.finish().map_err(|fault| invalid(body.len(), fault))
}

fn invalid(error: csv::Error) -> RequestError {
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line} has {len} cells where the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line} is not UTF-8")
        }
        _ => error.to_string(),
    };
    RequestError::InvalidCsv { reason }
}
