//! What both versions predict for the held-out rows.

use dataset::HeldOut;
use registry::ModelVersion;
use schema::{Nulls, ReadOptions, UnknownFeatures};

use super::{Champion, Contest};
use crate::context::Context;

/// Rows read at a time, so that a large table needs little memory.
const BLOCK_ROWS: usize = 1_000;

/// Both versions' predictions; none where there are no rows.
pub(super) struct Predicted {
    pub(super) candidate: Vec<f64>,
    /// Why the champion cannot answer, where it cannot.
    pub(super) champion: Result<Vec<f64>, String>,
}

impl Predicted {
    pub(super) fn of(contest: &Contest<'_>, context: &Context<'_>) -> anyhow::Result<Self> {
        let Ok(held_out) = contest.held_out else {
            return Ok(Self { candidate: vec![], champion: Ok(vec![]) });
        };
        let candidate = predict_held_out(contest.candidate, held_out, context)?;
        let champion = match contest.champion {
            Champion::Version(champion) => {
                predict_held_out(champion, held_out, context).map_err(|error| format!("{error:#}"))
            }
            Champion::Unreadable { reason, .. } | Champion::None(reason) => Err(reason.clone()),
        };
        context.go_on()?;
        Ok(Self { candidate, champion })
    }
}

/// What a version predicts for held-out rows, which it reads as a server does: by name, in its own signature's terms.
pub(crate) fn predict_held_out(
    version: &ModelVersion,
    held_out: &HeldOut,
    context: &Context<'_>,
) -> anyhow::Result<Vec<f64>> {
    let options = ReadOptions { unknown_features: UnknownFeatures::Ignore, nulls: Nulls::Allowed };
    let mut predicted = Vec::with_capacity(held_out.n_rows());
    for block in held_out.blocks(BLOCK_ROWS) {
        context.go_on()?;
        let request = version.manifest.signature.read_csv(&block, options).map_err(|error| {
            // Its own row counts from the block's first.
            let row = error.row().map(|row| predicted.len() + row);
            let line = row.filter(|row| *row < held_out.n_rows()).map(|row| held_out.line(row));
            let line = line.map(|line| format!(" (line {line})")).unwrap_or_default();
            let number = version.manifest.version;
            let said = format!("version {number} cannot answer the held-out rows{line}");
            anyhow::Error::from(error).context(said)
        })?;
        predicted.extend(version.pipeline.predict(&request.rows));
    }
    Ok(predicted)
}
