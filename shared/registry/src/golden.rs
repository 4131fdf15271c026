//! `golden.json`: rows, and what the training library itself predicts for them.

use model::Pipeline;
use schema::{Nulls, ReadOptions, Signature};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Refusal;

/// How far a replayed prediction may be from the training library's, relative to it, or to a millionth of the
/// largest of the golden ones where that is more: near 0, sums of large terms have no more digits.
///
/// Enough for sums in another order; a row that takes another branch is off by far more.
pub const PARITY_TOLERANCE: f64 = 1e-9;

/// Golden rows and their predictions.
#[derive(Debug, Serialize)]
pub struct Golden {
    /// The library and release that predicted.
    pub source: String,
    /// The rows in a request's own form: objects with every feature, null for missing.
    pub instances: Vec<serde_json::Map<String, serde_json::Value>>,
    /// What the library predicts, in the target's unit.
    pub predictions: Vec<f64>,
}

impl Golden {
    /// Replays the rows as a server does before it answers: what fails here, no server would serve.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that a server would give.
    pub fn check(&self, signature: &Signature, pipeline: &Pipeline) -> Result<(), Refusal> {
        parity_check(&self.to_json(), signature, pipeline)
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("golden rows are JSON")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay<'a> {
    #[serde(rename = "source")]
    _source: String,
    #[serde(borrow)]
    instances: &'a RawValue,
    predictions: Vec<f64>,
}

/// Replays golden rows: bytes to rows to predictions, as a request goes.
pub(crate) fn parity_check(
    golden: &[u8],
    signature: &Signature,
    pipeline: &Pipeline,
) -> Result<(), Refusal> {
    let refuse = |reason: String| Refusal::Golden(reason);
    let replay: Replay<'_> =
        serde_json::from_slice(golden).map_err(|error| refuse(error.to_string()))?;
    let body = format!(r#"{{"instances":{}}}"#, replay.instances.get());
    let options = ReadOptions { nulls: Nulls::Allowed, ..ReadOptions::default() };
    let request =
        signature.read_json(body.as_bytes(), options).map_err(|error| refuse(error.to_string()))?;
    if request.rows.n_rows() != replay.predictions.len() {
        let (n_rows, n) = (request.rows.n_rows(), replay.predictions.len());
        return Err(refuse(format!("it has {n_rows} rows and {n} predictions")));
    }
    let largest = replay.predictions.iter().fold(0.0, |largest: f64, p| largest.max(p.abs()));
    let found = pipeline.predict(&request.rows);
    for (row, (found, expected)) in found.into_iter().zip(replay.predictions).enumerate() {
        // Written so that a NaN on either side fails.
        let scale = expected.abs().max(largest * 1e-6);
        let close = (found - expected).abs() <= PARITY_TOLERANCE * scale;
        if !close {
            return Err(Refusal::Parity { row, found, expected });
        }
    }
    Ok(())
}
