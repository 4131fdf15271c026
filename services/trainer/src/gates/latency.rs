//! Not slower than the champion beyond a factor: the model alone, a row at a time.

use registry::{GateRecord, ModelVersion};
use schema::{Nulls, ReadOptions, Rows, UnknownFeatures};
use serde_json::json;

use super::{Champion, Contest, figures, record, skipped, verdict};
use crate::clock::Clock;
use crate::context::Context;
use crate::text::number;

const GATE: &str = "latency";

/// Rows that are timed.
const N_ROWS: usize = 200;
/// Times that each version takes its turn; the least counts, as whatever else the machine does only adds to it.
const N_ROUNDS: usize = 15;
/// Below this a row costs less than reading its request: nobody can notice the difference.
const UNNOTICED_SECONDS: f64 = 20e-6;

pub(super) fn judge(contest: &Contest<'_>, context: &Context<'_>) -> anyhow::Result<GateRecord> {
    let champion = match contest.champion {
        Champion::None(reason) => return Ok(skipped(GATE, reason)),
        Champion::Unreadable { version, .. } => {
            return Ok(skipped(GATE, format!("version {version} cannot be loaded")));
        }
        Champion::Version(champion) => champion,
    };
    let Ok(held_out) = contest.held_out else {
        return Ok(skipped(GATE, "there are no rows to measure it on"));
    };
    let Some(csv) = held_out.blocks(N_ROWS).next() else {
        return Ok(skipped(GATE, "there are no rows to measure it on"));
    };
    let (Some(ours), Some(theirs)) = (rows(contest.candidate, &csv), rows(champion, &csv)) else {
        return Ok(skipped(GATE, "both do not read the same rows"));
    };
    let [mut ours_least, mut theirs_least] = [f64::INFINITY; 2];
    for _ in 0..N_ROUNDS {
        context.go_on()?;
        ours_least = ours_least.min(seconds_per_row(contest.candidate, &ours, context));
        theirs_least = theirs_least.min(seconds_per_row(champion, &theirs, context));
    }
    let (ours, theirs) = (ours_least, theirs_least);
    let served = champion.manifest.version;
    let limit = contest.limits.max_latency_factor;
    let is_passed = ours <= theirs * limit || ours <= UNNOTICED_SECONDS;
    let mut detail = format!(
        "a row takes {} µs, one of version {served} {} µs",
        number(ours * 1e6),
        number(theirs * 1e6)
    );
    if !is_passed {
        let factor = number(ours / theirs);
        detail = format!("{detail}: {factor} times as long, allowed are {}", number(limit));
    }
    let figures = figures([
        ("seconds_per_row", json!(ours)),
        ("champion_seconds_per_row", json!(theirs)),
        ("max_latency_factor", json!(limit)),
    ]);
    Ok(record(GATE, verdict(is_passed), detail, figures))
}

fn rows(version: &ModelVersion, csv: &[u8]) -> Option<Rows> {
    let options = ReadOptions { unknown_features: UnknownFeatures::Ignore, nulls: Nulls::Allowed };
    let request = version.manifest.signature.read_csv(csv, options).ok()?;
    (request.rows.n_rows() > 0).then_some(request.rows)
}

fn seconds_per_row(version: &ModelVersion, rows: &Rows, context: &Context<'_>) -> f64 {
    let (_, took) = context.clock.timed(|| {
        let mut out = [0.0];
        for row in rows.iter() {
            version.pipeline.predict_into(row, &mut out);
            std::hint::black_box(&out);
        }
    });
    took.as_secs_f64() / rows.n_rows() as f64
}
