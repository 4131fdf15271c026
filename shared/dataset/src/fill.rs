//! The pass that fills the buffers: every cell through `schema::parse_cell`, as the server reads it.

use schema::{Cell, Dtype, Feature, Rows, Signature, parse_cell};

use crate::records::Records;
use crate::table::Declared;
use crate::text::{did_you_mean, shortened};
use crate::{DatasetError, Note};

/// Where each value of a row comes from.
pub(crate) struct Places {
    /// The target's column.
    pub(crate) target: usize,
    /// The column of each feature, in signature order.
    pub(crate) features: Vec<usize>,
}

/// What happens to values that the signature does not foresee.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unforeseen<'d> {
    /// The signature was made from this table and from these declarations: they contradict the latter.
    Error(&'d [Declared]),
    /// Another table made it: they become missing, and are counted.
    Missing,
}

/// The buffers, filled.
pub(crate) struct Filled {
    pub(crate) rows: Rows,
    pub(crate) target: Vec<f64>,
    pub(crate) n_rows_read: u64,
    pub(crate) notes: Vec<Note>,
}

/// Reads all rows that have a target, at most `max_rows` rows in all.
pub(crate) fn fill(
    records: &mut Records<'_>,
    places: &Places,
    signature: &Signature,
    unforeseen: Unforeseen<'_>,
    max_rows: Option<u64>,
) -> Result<Filled, DatasetError> {
    let mut filling = Filling::new(signature, unforeseen);
    let capacity = max_rows.map_or(0, |n| usize::try_from(n).unwrap_or(0));
    let mut target = Vec::with_capacity(capacity);
    let mut values = Vec::with_capacity(capacity.saturating_mul(signature.n_features()));
    let mut n_rows_read = 0;
    while max_rows.is_none_or(|max_rows| n_rows_read < max_rows) {
        let Some(record) = records.next()? else {
            break;
        };
        n_rows_read += 1;
        let Some(actual) = filling.target(&record.cells[places.target], record.line)? else {
            continue;
        };
        target.push(actual);
        filling.n_rows += 1;
        for (feature_idx, &place) in places.features.iter().enumerate() {
            values.push(filling.value(feature_idx, &record.cells[place], record.line)?);
        }
    }
    Ok(Filled {
        rows: Rows::new(signature.n_features(), values),
        target,
        n_rows_read,
        notes: filling.notes(),
    })
}

struct Filling<'s> {
    features: &'s [Feature],
    target: Feature,
    unforeseen: Unforeseen<'s>,
    n_rows: u64,
    /// For each feature: unseen categories, and missing values where none were expected.
    counts: Vec<(u64, u64)>,
}

impl<'s> Filling<'s> {
    fn new(signature: &'s Signature, unforeseen: Unforeseen<'s>) -> Self {
        Self {
            features: signature.features(),
            target: as_number(&signature.target().name),
            unforeseen,
            n_rows: 0,
            counts: vec![(0, 0); signature.n_features()],
        }
    }

    /// The target of a row, none where it is missing.
    fn target(&self, cell: &str, line: u64) -> Result<Option<f64>, DatasetError> {
        match parse_cell(&self.target, cell) {
            Cell::Value(value) => Ok(Some(value)),
            Cell::Missing => Ok(None),
            Cell::NotFinite => Err(not_finite(&self.target, cell, line)),
            Cell::Unseen | Cell::Unreadable => Err(misfit(&self.target, cell, line)),
        }
    }

    fn value(&mut self, feature_idx: usize, cell: &str, line: u64) -> Result<f64, DatasetError> {
        let feature = &self.features[feature_idx];
        let counts = &mut self.counts[feature_idx];
        let declared = match self.unforeseen {
            Unforeseen::Error(declared) => Some(declared[feature_idx]),
            Unforeseen::Missing => None,
        };
        let strict = declared.is_some();
        match parse_cell(feature, cell) {
            Cell::Value(value) => match declared.and_then(|declared| declared.refuses(value)) {
                Some(expected) => Err(out_of_range(feature, cell, line, &expected)),
                None => Ok(value),
            },
            Cell::Missing if strict && !feature.nullable => {
                Err(DatasetError::NotNullable { column: feature.name.clone(), line })
            }
            Cell::Missing => {
                counts.1 += u64::from(!feature.nullable);
                Ok(f64::NAN)
            }
            Cell::Unseen if !strict => {
                counts.0 += 1;
                Ok(f64::NAN)
            }
            // The range is that of the very cells that may be wrong: it explains nothing.
            Cell::Unseen | Cell::Unreadable if strict => Err(misfit(&unseen(feature), cell, line)),
            Cell::Unseen | Cell::Unreadable => Err(misfit(feature, cell, line)),
            Cell::NotFinite => Err(not_finite(feature, cell, line)),
        }
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = vec![];
        for (feature, &(n_unseen, n_missing)) in self.features.iter().zip(&self.counts) {
            let column = || feature.name.clone();
            if n_unseen > 0 {
                notes.push(Note::UnseenCategories {
                    column: column(),
                    n_rows: n_unseen,
                    n_test_rows: self.n_rows,
                });
            }
            if n_missing > 0 {
                notes.push(Note::UnexpectedMissing { column: column(), n_rows: n_missing });
            }
        }
        notes
    }
}

/// A test table may hold 3.5 where the training target happened to be whole.
pub(crate) fn as_number(name: &str) -> Feature {
    Feature {
        name: name.to_owned(),
        dtype: Dtype::Number,
        nullable: true,
        range: None,
        categories: vec![],
    }
}

/// The feature without what was seen of it.
fn unseen(feature: &Feature) -> Feature {
    Feature { range: None, ..feature.clone() }
}

fn misfit(feature: &Feature, cell: &str, line: u64) -> DatasetError {
    let suggestion = did_you_mean(cell.trim(), &feature.categories);
    DatasetError::Misfit {
        column: feature.name.clone(),
        value: shortened(cell),
        line,
        expected: feature.expected() + &suggestion,
    }
}

fn out_of_range(feature: &Feature, cell: &str, line: u64, expected: &str) -> DatasetError {
    let dtype = if feature.dtype == Dtype::Integer { "an integer" } else { "a number" };
    DatasetError::Misfit {
        column: feature.name.clone(),
        value: shortened(cell),
        line,
        expected: format!("{dtype} {expected}, as the schema file declares"),
    }
}

fn not_finite(feature: &Feature, cell: &str, line: u64) -> DatasetError {
    DatasetError::NotFinite { column: feature.name.clone(), value: shortened(cell), line }
}
