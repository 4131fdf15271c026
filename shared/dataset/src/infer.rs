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
    let dtype = numeric_dtype(&column, target, true, notes)?;
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
            if matches!(intent, Intent::Inferred) {
                check_meant(name, seen, options.max_categories)?;
            }
            feature.categories = categories(name, seen, options.max_categories)?;
            notes.extend(missing_markers(name, &feature.categories, notes));
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
        return numeric_dtype(name, seen, false, notes);
    }
    notes.extend(mostly_numbers(name, seen).or_else(|| many_categories(name, seen)));
    Ok(Dtype::Category)
}

/// Where half of the values are numbers, or all different values but one.
fn mostly_numbers(name: &str, seen: &Column) -> Option<Note> {
    const MOSTLY: f64 = 0.5;
    let Found { value, line } = seen.first_text.clone()?;
    let number_ratio = seen.n_numbers as f64 / seen.n_values as f64;
    let is_number = |value: &str| value.parse::<f64>().is_ok();
    let has_one_text = match &seen.distinct {
        Distinct::Known(known) => known.iter().filter(|value| !is_number(value)).count() == 1,
        _ => false,
    };
    let is_mostly = seen.n_numbers > 0 && (number_ratio >= MOSTLY || has_one_text);
    is_mostly.then(|| Note::MostlyNumbers { column: name.to_owned(), number_ratio, value, line })
}

/// Refuses numbers with a slip that have too many different values, for what that error would say is beside the point.
fn check_meant(name: &str, seen: &Column, limit: usize) -> Result<(), DatasetError> {
    match (&seen.distinct, mostly_numbers(name, seen)) {
        (Distinct::TooMany, Some(Note::MostlyNumbers { column, number_ratio, value, line })) => {
            Err(DatasetError::MostlyNumbers { column, number_ratio, value, line, limit })
        }
        _ => Ok(()),
    }
}

/// Where most values are different ones, unless there are few.
fn many_categories(name: &str, seen: &Column) -> Option<Note> {
    const FEW: u64 = 20;
    let Distinct::Known(known) = &seen.distinct else {
        return None; // an error already
    };
    let (n_distinct, n_values) = (known.len() as u64, seen.n_values);
    let is_many = n_values > FEW && n_distinct * 2 > n_values;
    is_many.then(|| Note::ManyCategories { column: name.to_owned(), n_distinct, n_values })
}

/// The categories that other programs write for a missing value, unless a note names the value already.
fn missing_markers(name: &str, categories: &[String], notes: &[Note]) -> Vec<Note> {
    const MARKERS: [&str; 10] =
        ["none", "nan", "na", "n/a", "#n/a", "#na", "<na>", "null", "?", "-"];
    let is_noted = |marker: &str| {
        notes.iter().any(|note| match note {
            Note::MostlyNumbers { column, value, .. } => column == name && value == marker,
            _ => false,
        })
    };
    let is_marker = |category: &&String| MARKERS.contains(&category.to_lowercase().as_str());
    let markers = categories.iter().filter(is_marker).filter(|marker| !is_noted(marker));
    markers
        .map(|value| Note::MissingMarker { column: name.to_owned(), value: value.clone() })
        .collect()
}

fn numeric_dtype(
    name: &str,
    seen: &Column,
    is_target: bool,
    notes: &mut Vec<Note>,
) -> Result<Dtype, DatasetError> {
    let column = name.to_owned();
    if let Some(Found { value, line }) = seen.first_not_finite.clone() {
        return Err(DatasetError::NotFinite { column, value, line });
    }
    if let Some(Found { value, line }) = seen.first_grouped.clone()
        && seen.may_separate_thousands()
    {
        notes.push(Note::ThousandsPoint { column: column.clone(), value, line });
    }
    if seen.n_integers < seen.n_values {
        return Ok(Dtype::Number);
    }
    if let Some(Found { value, line }) = seen.first_zero.clone()
        && !is_target
    {
        notes.push(Note::LeadingZeros { column: column.clone(), value, line });
    }
    if seen.exceeds_integers {
        notes.push(Note::LargeIntegers { column, is_target });
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
            [only] => Some(crate::text::shortened(only)),
            _ => None,
        },
    };
    value.map(|value| Note::ConstantColumn { column: feature.name.clone(), value })
}
