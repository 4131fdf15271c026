//! The way of a table from an input to a dataset: one pass to see it, one to fill the buffers.

use schema::Signature;

use crate::columns::{Role, roles};
use crate::fill::{Places, Unforeseen, fill};
use crate::records::Records;
use crate::scan::Column;
use crate::split::few_test_rows;
use crate::table::{Dataset, Declared, Source, Table};
use crate::unpack::Fingerprint;
use crate::{DatasetError, Input, Note, ReadOptions, infer, locate};

/// The least number of rows with a target that a table to learn from must have.
pub const MIN_ROWS: usize = 10;

/// Reads a table to learn from; `location` is the path of a CSV file, packed with gzip or zstd or not, or
/// `synthetic:demand`.
///
/// The README of this crate says how columns are read.
///
/// # Errors
///
/// [`DatasetError`], for everything that would have to be guessed.
///
/// # Examples
///
/// ```
/// use dataset::{ReadOptions, read};
///
/// let table = read("synthetic:demand?rows=500&seed=1", &ReadOptions::new("demand"))?;
/// assert_eq!(table.dataset.n_rows(), 500);
/// assert_eq!(table.source.sha256.len(), 64);
/// for note in &table.notes {
///     eprintln!("note: {note}");
/// }
/// # Ok::<(), dataset::DatasetError>(())
/// ```
pub fn read(location: &str, options: &ReadOptions) -> Result<Table, DatasetError> {
    read_input(locate(location)?.as_ref(), options)
}

/// Reads another table for a signature that is already there, for example a test table.
///
/// Columns are found by name, in any order; other columns are ignored. A category that the signature
/// does not list, and a missing value that it does not foresee, become missing and are noted.
/// One row with a target is enough.
///
/// # Errors
///
/// As [`read()`], and if a column of the signature is not there or a value is not of its dtype.
pub fn read_with(location: &str, signature: &Signature) -> Result<Table, DatasetError> {
    read_input_with(locate(location)?.as_ref(), signature)
}

/// [`read()`] for an input of one's own.
///
/// # Errors
///
/// As [`read()`].
pub fn read_input(input: &dyn Input, options: &ReadOptions) -> Result<Table, DatasetError> {
    let survey = survey(input, options)?;
    let mut records = Records::open(input)?;
    let filled = fill(
        &mut records,
        &survey.places,
        &survey.signature,
        Unforeseen::Error(&survey.declared),
        Some(survey.n_rows),
    );
    // What looks wrong in a file that changed in between is not the cause of the trouble.
    if records.finish(survey.fingerprint.n_bytes)? != survey.fingerprint {
        return Err(DatasetError::Changed { location: input.location().to_owned() });
    }
    let filled = filled?;
    let source = source(input, survey.fingerprint, filled.n_rows_read, filled.target.len());
    Ok(Table {
        dataset: Dataset::new(survey.signature, filled.rows, filled.target)
            .declaring(survey.declared),
        source,
        notes: survey.notes,
    })
}

/// [`read_with`] for an input of one's own.
///
/// # Errors
///
/// As [`read_with`].
pub fn read_input_with(input: &dyn Input, signature: &Signature) -> Result<Table, DatasetError> {
    let mut records = Records::open(input)?;
    let place = |name: &str| {
        let columns = records.columns();
        columns.iter().position(|column| column == name).ok_or_else(|| {
            DatasetError::MissingColumn { column: name.to_owned(), columns: columns.to_vec() }
        })
    };
    let places = Places {
        target: place(&signature.target().name)?,
        features: signature
            .features()
            .iter()
            .map(|feature| place(&feature.name))
            .collect::<Result<_, _>>()?,
    };
    let mut filled = fill(&mut records, &places, signature, Unforeseen::Missing, None)?;
    let source = source(input, records.finish(u64::MAX)?, filled.n_rows_read, filled.target.len());
    let target = &signature.target().name;
    if filled.n_rows_read == 0 {
        return Err(header_only(input));
    }
    if filled.target.is_empty() {
        return Err(DatasetError::NoTarget { column: target.clone() });
    }
    if source.n_rows_without_target > 0 {
        filled.notes.insert(
            0,
            Note::DroppedRows {
                n_dropped: source.n_rows_without_target,
                n_rows: source.n_rows,
                target: target.clone(),
            },
        );
    }
    filled.notes.extend(few_test_rows(filled.target.len()));
    Ok(Table {
        dataset: Dataset::new(signature.clone(), filled.rows, filled.target),
        source,
        notes: filled.notes,
    })
}

/// What the first pass found.
struct Survey {
    signature: Signature,
    declared: Vec<Declared>,
    places: Places,
    n_rows: u64,
    fingerprint: Fingerprint,
    notes: Vec<Note>,
}

fn survey(input: &dyn Input, options: &ReadOptions) -> Result<Survey, DatasetError> {
    let mut records = Records::open(input)?;
    let names = records.columns().to_vec();
    let roles = roles(&names, options)?;
    let (columns, n_rows) = scan(&mut records, &roles, options)?;
    if n_rows == 0 {
        return Err(header_only(input));
    }
    let mut places = Places { target: target_place(&roles), features: vec![] };
    let mut notes = vec![];
    let output = infer::output(&columns[places.target], options, MIN_ROWS, &mut notes)?;
    let (mut features, mut declared) = (vec![], vec![]);
    for (place, role) in roles.iter().enumerate() {
        let Role::Feature(intent) = *role else {
            continue;
        };
        let (feature, said) =
            infer::feature(&names[place], intent, &columns[place], options, &mut notes)?;
        features.push(feature);
        declared.push(said);
        places.features.push(place);
    }
    Ok(Survey {
        signature: Signature::new(features, output)?,
        declared,
        places,
        n_rows,
        fingerprint: records.finish(u64::MAX)?,
        notes,
    })
}

/// Sees every row that has a target, and counts all rows.
fn scan(
    records: &mut Records<'_>,
    roles: &[Role<'_>],
    options: &ReadOptions,
) -> Result<(Vec<Column>, u64), DatasetError> {
    let mut columns: Vec<_> = roles
        .iter()
        .map(|role| {
            let collects = matches!(role, Role::Feature(intent) if intent.collects_categories());
            Column::new(collects.then_some(options.max_categories))
        })
        .collect();
    let target = target_place(roles);
    let mut n_rows = 0;
    while let Some(record) = records.next()? {
        n_rows += 1;
        columns[target].see(&record.cells[target], record.line);
        if schema::is_missing(&record.cells[target]) {
            continue;
        }
        for (place, cell) in record.cells.iter().enumerate() {
            if matches!(roles[place], Role::Feature(_)) {
                columns[place].see(cell, record.line);
            }
        }
    }
    Ok((columns, n_rows))
}

/// `roles` made sure that there is one.
fn target_place(roles: &[Role<'_>]) -> usize {
    roles.iter().position(|role| matches!(role, Role::Target)).unwrap_or_default()
}

fn header_only(input: &dyn Input) -> DatasetError {
    DatasetError::HeaderOnly { location: input.location().to_owned() }
}

fn source(
    input: &dyn Input,
    fingerprint: Fingerprint,
    n_rows: u64,
    n_rows_with_target: usize,
) -> Source {
    Source {
        location: input.location().to_owned(),
        sha256: fingerprint.sha256,
        n_bytes: fingerprint.n_bytes,
        n_rows,
        n_rows_without_target: n_rows - n_rows_with_target as u64,
    }
}
