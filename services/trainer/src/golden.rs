//! Golden rows: what a server replays before it answers from a version. They take every way through the model:
//! every category, every missing value, both ends of every range, and rows as they come.

use std::ops::RangeInclusive;

use anyhow::Context as _;
use dataset::Dataset;
use estimators::Fitted;
use model::Pipeline;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use registry::{Golden, Refusal};
use schema::{Dtype, Feature, Nulls, ReadOptions, Rows, Signature};
use serde_json::{Map, Number, Value};

use crate::data::Data;

/// Rows drawn from the data, and the fewest golden rows of a version.
const N_DRAWN: usize = 64;
/// Cells in rows with a single missing value, so that a wide table does not make a large file.
const MAX_NULL_CELLS: usize = 100_000;
/// The fewest and the most such rows where there are more features; then one row misses several values.
const NULL_ROWS: RangeInclusive<usize> = 20..=500;

/// Chooses the rows, has the training library predict them, and holds the weights that will be published to that
/// as a server does, while no version has a number yet.
pub(crate) fn golden(
    fitted: &Fitted,
    weights: &[u8],
    data: &Data,
    library: &str,
    seed: u64,
) -> anyhow::Result<Golden> {
    let signature = data.train.signature();
    let instances: Vec<_> = rows(data, seed).iter().map(|row| instance(signature, row)).collect();
    let rows = read_back(signature, &instances)?;
    let predictions = fitted.library_predict(&rows);
    let published = Pipeline::from_safetensors(weights, signature)
        .context("reading back the weights to be published")?;
    let golden = Golden { source: library.to_owned(), instances, predictions };
    golden.check(signature, &published).map_err(unservable)?;
    Ok(golden)
}

fn unservable(refusal: Refusal) -> anyhow::Error {
    let advice = match refusal {
        Refusal::Parity { .. } => {
            "; where a column's values are large and close together (such as timestamps), subtract their smallest"
        }
        _ => "",
    };
    anyhow::Error::from(refusal).context(format!("no server would answer from this model{advice}"))
}

/// The rows as the server will read them.
fn read_back(signature: &Signature, instances: &[Map<String, Value>]) -> anyhow::Result<Rows> {
    let body = serde_json::json!({"instances": instances}).to_string();
    let options = ReadOptions { nulls: Nulls::Allowed, ..ReadOptions::default() };
    let request = signature.read_json(body.as_bytes(), options);
    Ok(request.context("reading back the golden rows")?.rows)
}

/// Golden rows in the model's terms, NaN for missing.
fn rows(data: &Data, seed: u64) -> Vec<Vec<f64>> {
    let features = data.train.signature().features();
    let mut rows = drawn(&data.test, seed);
    rows.extend(drawn(&data.train, seed));
    rows.truncate(N_DRAWN);
    let base = rows.clone();
    let like = |i: usize| base[i % base.len()].clone();
    let n_levels = features.iter().map(levels).max().unwrap_or(0);
    for level in 0..n_levels {
        let mut row = like(level);
        for (value, feature) in row.iter_mut().zip(features) {
            if let Some(level) = level.checked_rem(levels(feature)) {
                *value = level as f64;
            }
        }
        rows.push(row);
    }
    let n_null_rows = features.len().min(max_null_rows(features.len()));
    for i in 0..n_null_rows {
        let mut row = like(i);
        row.iter_mut().skip(i).step_by(n_null_rows).for_each(|value| *value = f64::NAN);
        rows.push(row);
    }
    rows.push(vec![f64::NAN; features.len()]);
    rows.push(along(&like(0), features, 0.0));
    rows.push(along(&like(0), features, 1.0));
    let mut share = 0.0;
    while rows.len() < N_DRAWN {
        share = (share + 0.618_033_988_749_894_9) % 1.0; // spreads evenly, whatever the number of rows
        rows.push(along(&like(rows.len()), features, share));
    }
    rows
}

/// How many rows with a single missing value a version has at most.
fn max_null_rows(n_features: usize) -> usize {
    (MAX_NULL_CELLS / n_features.max(1)).clamp(*NULL_ROWS.start(), *NULL_ROWS.end())
}

/// Up to half of the drawn rows.
fn drawn(dataset: &Dataset, seed: u64) -> Vec<Vec<f64>> {
    let mut order: Vec<usize> = (0..dataset.n_rows()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (chosen, _) = order.partial_shuffle(&mut rng, N_DRAWN / 2);
    chosen.iter().map(|&row| dataset.rows().row(row).to_vec()).collect()
}

/// The number of different values that each need a row; 0 for numbers.
fn levels(feature: &Feature) -> usize {
    match feature.dtype {
        Dtype::Number | Dtype::Integer => 0,
        Dtype::Boolean => 2,
        Dtype::Category => feature.categories.len(),
    }
}

/// The row with every number moved to this share of the way from its least to its greatest value.
fn along(row: &[f64], features: &[Feature], share: f64) -> Vec<f64> {
    let moved = row.iter().zip(features).map(|(&value, feature)| match feature.range {
        None => value,
        Some(range) if share == 0.0 => range.minimum,
        Some(range) if share == 1.0 => range.maximum,
        Some(range) => {
            let between = range.minimum * (1.0 - share) + range.maximum * share;
            if feature.dtype == Dtype::Integer { between.round() } else { between }
        }
    });
    moved.collect()
}

/// A row as a caller would send it.
pub(crate) fn instance(signature: &Signature, row: &[f64]) -> Map<String, Value> {
    let members = signature.features().iter().zip(row);
    members.map(|(feature, &value)| (feature.name.clone(), json_value(feature, value))).collect()
}

fn json_value(feature: &Feature, value: f64) -> Value {
    /// Whole numbers up to here are exact as integers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.is_nan() {
        return Value::Null;
    }
    match feature.dtype {
        Dtype::Integer if value.abs() <= EXACT => Value::from(value as i64),
        Dtype::Number | Dtype::Integer => {
            Number::from_f64(value).map_or(Value::Null, Value::Number)
        }
        Dtype::Boolean => Value::Bool(value != 0.0),
        Dtype::Category => Value::from(feature.categories[value as usize].as_str()),
    }
}

#[cfg(test)]
mod tests;
