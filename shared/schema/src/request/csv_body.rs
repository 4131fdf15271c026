//! CSV rows with a header, columns in any order.

use super::error::shortened;
use super::{Filling, Form, ReadOptions, Request, RequestError, UnknownFeatures};
use crate::{Signature, parse_cell};

pub(super) fn read(
    signature: &Signature,
    body: &[u8],
    options: ReadOptions,
) -> Result<Request, RequestError> {
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
    let mut columns = Vec::with_capacity(header.len());
    for (hint, name) in header.iter().map(str::trim).enumerate() {
        let feature_idx = filling.signature.index_of(name, hint);
        if let Some(feature_idx) = feature_idx {
            if columns.contains(&Some(feature_idx)) {
                return Err(RequestError::DuplicateFeature { row: None, feature: name.to_owned() });
            }
        } else if filling.options.unknown_features == UnknownFeatures::Reject {
            return Err(filling.unknown(name, None));
        }
        columns.push(feature_idx);
    }
    for (feature_idx, feature) in filling.signature.features().iter().enumerate() {
        if !columns.contains(&Some(feature_idx)) {
            return Err(RequestError::MissingFeature {
                row: None,
                feature: feature.name.clone(),
                expected: feature.expected(),
            });
        }
    }
    Ok(columns)
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
