//! Times the model of a version on rows from a file: nanoseconds a row in batches, microseconds for one row.
//!
//! `kernel WEIGHTS SIGNATURE ROWS PREDICTIONS`: a weights.safetensors; JSON that has a signature, such as a version's
//! manifest.json; rows as 64-bit floats in little-endian order, row by row; and where the predictions are written,
//! in the same form, so that `bench/peers.py` can compare them before it believes a time.
//! One thread; the medians go to standard output as JSON. What is timed is the same for every peer:
//! `bench/peers/kernel_peers.py` repeats, batches and takes medians as this file does.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, ensure};
use model::Pipeline;
use schema::Signature;

/// Passes over all rows; the median is told.
const REPETITIONS: usize = 15;
/// Calls with one row in each repetition, each with the next row.
const SINGLE_CALLS: usize = 2_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [weights, signature, rows, predictions] = &arguments[..] else {
        anyhow::bail!("usage: kernel WEIGHTS SIGNATURE ROWS PREDICTIONS");
    };
    let signature = read_signature(signature)?;
    let bytes = fs::read(weights).with_context(|| format!("reading {weights}"))?;
    let pipeline = Pipeline::from_safetensors(&bytes, &signature)
        .with_context(|| format!("making a model of {weights}"))?;
    let rows = read_rows(rows, signature.n_features())?;

    let mut out = vec![0.0; rows.len() / signature.n_features()];
    let batch_ns = median(|| nanoseconds(|| pipeline.predict_into(black_box(&rows), &mut out)));
    write(predictions, &out)?;
    let single_ns = median(|| nanoseconds(|| one_by_one(&pipeline, &rows, &signature)));

    let n_rows = out.len();
    let (per_row, one_row) = (batch_ns / n_rows as f64, single_ns / SINGLE_CALLS as f64 / 1e3);
    println!("{{\"n_rows\":{n_rows},\"ns_per_row\":{per_row:.2},\"us_one_row\":{one_row:.4}}}");
    Ok(())
}

fn one_by_one(pipeline: &Pipeline, rows: &[f64], signature: &Signature) {
    let mut out = [0.0];
    let rows = rows.chunks_exact(signature.n_features()).cycle().take(SINGLE_CALLS);
    for row in rows {
        pipeline.predict_into(black_box(row), &mut out);
        black_box(&out);
    }
}

/// The signature of a manifest; everything else in it is left alone.
fn read_signature(path: &str) -> anyhow::Result<Signature> {
    #[derive(serde::Deserialize)]
    struct HasSignature {
        signature: Signature,
    }
    let bytes = fs::read(path).with_context(|| format!("reading {path}"))?;
    let manifest: HasSignature = serde_json::from_slice(&bytes)
        .with_context(|| format!("looking for a signature in {path}"))?;
    Ok(manifest.signature)
}

fn read_rows(path: &str, n_features: usize) -> anyhow::Result<Vec<f64>> {
    let bytes = fs::read(path).with_context(|| format!("reading {path}"))?;
    let (values, rest) = bytes.as_chunks::<8>();
    let whole = rest.is_empty() && values.len().is_multiple_of(n_features) && !values.is_empty();
    ensure!(whole, "{path} has {} bytes, not rows of {n_features} 64-bit floats", bytes.len());
    Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
}

fn write(path: &str, values: &[f64]) -> anyhow::Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(path, bytes).with_context(|| format!("writing {path}"))
}

fn nanoseconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_nanos() as f64
}

/// The median of the repetitions, after one that is not counted.
fn median(mut measure: impl FnMut() -> f64) -> f64 {
    measure();
    let mut values: Vec<_> = (0..REPETITIONS).map(|_| measure()).collect();
    values.sort_by(f64::total_cmp);
    values[REPETITIONS / 2]
}
