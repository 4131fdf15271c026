//! From what a column holds to the feature or the output it becomes.

use schema::{Dtype, Feature, Output, Range};

use crate::columns::Intent;
use crate::scan::{Column, Distinct, Found};
use crate::table::Declared;
use crate::{DatasetError, MAX_CATEGORY_BYTES, Note, ReadOptions};

/// The output, once the target is known to be something that can be learned.
pub(crate) fn output(
    target: &Column,
    options: &ReadOptions,
    minimum_rows: usize,
    notes: &mut Vec<Note>,
) -> Result<Output, DatasetError> {
    let column = options.target.trim().to_owned();
    if target.n_values == 0 {
        return Err(DatasetError::NoTarget { column });
    }
    if let Some(Found { value, line }) = target.first_text.clone() {
        return Err(DatasetError::TargetNotNumeric { column, value, line });
    }
    let dtype = numeric_dtype(&column, target, notes)?;
    if target.n_values < minimum_rows as u64 {
        return Err(DatasetError::TooFewRows {
            found: usize::try_from(target.n_values).unwrap_or(usize::MAX),
            minimum: minimum_rows,
        });
    }
    if target.minimum == target.maximum {
        return Err(DatasetError::ConstantTarget { column, value: target.minimum, rows: "row" });
    }
    if target.n_missing > 0 {
        notes.push(Note::DroppedRows {
            n_dropped: target.n_missing,
            n_rows: target.n_missing + target.n_values,
            target: column.clone(),
        });
    }
    Ok(Output {
        name: column,
        dtype,
        range: Range { minimum: target.minimum, maximum: target.maximum },
    })
}

/// A feature, and what of it the schema file declared.
pub(crate) fn feature(
    name: &str,
    intent: Intent<'_>,
    seen: &Column,
    options: &ReadOptions,
    notes: &mut Vec<Note>,
) -> Result<(Feature, Declared), DatasetError> {
    if seen.n_values == 0 {
        return Err(DatasetError::AllMissing { column: name.to_owned() });
    }
    let mut feature = Feature {
        name: name.to_owned(),
        dtype: dtype(name, intent, seen, notes)?,
        nullable: seen.n_missing > 0,
        range: None,
        categories: vec![],
    };
    let mut declared = Declared::default();
    if let Intent::Declared(said) = intent {
        feature.nullable = said.nullable.unwrap_or(feature.nullable);
        feature.categories = said.categories.clone().unwrap_or_default();
        declared = Declared {
            minimum: said.minimum,
            maximum: said.maximum,
            categories: said.categories.is_some(),
        };
    }
    match feature.dtype {
        Dtype::Number | Dtype::Integer => {
            feature.range = declared.range(seen.minimum, seen.maximum);
        }
        Dtype::Category if !declared.categories => {
            feature.categories = categories(name, seen, options.max_categories)?;
        }
        Dtype::Category | Dtype::Boolean => {}
    }
    notes.extend(constant(&feature, seen));
    Ok((feature, declared))
}

fn dtype(
    name: &str,
    intent: Intent<'_>,
    seen: &Column,
    notes: &mut Vec<Note>,
) -> Result<Dtype, DatasetError> {
    match intent {
        Intent::Declared(declared) => return Ok(declared.dtype),
        Intent::Categorical => return Ok(Dtype::Category),
        Intent::Inferred => {}
    }
    if seen.is_boolean() {
        return Ok(Dtype::Boolean);
    }
    if seen.is_numeric() {
        return numeric_dtype(name, seen, notes);
    }
    const MOSTLY: f64 = 0.9;
    let number_ratio = seen.n_numbers as f64 / seen.n_values as f64;
    if let Some(Found { value, line }) = seen.first_text.clone()
        && number_ratio >= MOSTLY
    {
        notes.push(Note::MostlyNumbers { column: name.to_owned(), number_ratio, value, line });
    }
    Ok(Dtype::Category)
}

fn numeric_dtype(name: &str, seen: &Column, notes: &mut Vec<Note>) -> Result<Dtype, DatasetError> {
    let column = name.to_owned();
    if let Some(Found { value, line }) = seen.first_not_finite.clone() {
        return Err(DatasetError::NotFinite { column, value, line });
    }
    if seen.n_integers < seen.n_values {
        return Ok(Dtype::Number);
    }
    if seen.exceeds_integers {
        notes.push(Note::LargeIntegers { column });
        return Ok(Dtype::Number);
    }
    Ok(Dtype::Integer)
}

fn categories(
    name: &str,
    seen: &Column,
    max_categories: usize,
) -> Result<Vec<String>, DatasetError> {
    let column = name.to_owned();
    match &seen.distinct {
        Distinct::Known(known) => {
            let mut categories: Vec<String> = known.iter().map(ToString::to_string).collect();
            categories.sort_unstable();
            Ok(categories)
        }
        Distinct::TooLong { n_bytes, line } => Err(DatasetError::CategoryTooLong {
            column,
            n_bytes: *n_bytes,
            line: *line,
            limit: MAX_CATEGORY_BYTES,
        }),
        Distinct::TooMany | Distinct::NotCollected => {
            Err(DatasetError::TooManyCategories { column, limit: max_categories })
        }
    }
}

/// A column with missing values is not constant: that a value is missing may tell something.
fn constant(feature: &Feature, seen: &Column) -> Option<Note> {
    let value = match feature.dtype {
        _ if seen.n_missing > 0 => None,
        Dtype::Number | Dtype::Integer => {
            (seen.minimum == seen.maximum).then(|| seen.minimum.to_string())
        }
        Dtype::Boolean if seen.n_true == seen.n_values => Some("true".to_owned()),
        Dtype::Boolean if seen.n_false == seen.n_values => Some("false".to_owned()),
        Dtype::Boolean => None,
        Dtype::Category => match &feature.categories[..] {
            [only] => Some(crate::error::shortened(only)),
            _ => None,
        },
    };
    value.map(|value| Note::ConstantColumn { column: feature.name.clone(), value })
}
