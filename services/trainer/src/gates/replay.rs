//! Recent real requests, where a server kept a sample: the candidate must answer what the champion answers.

use std::io::{BufRead, BufReader};

use anyhow::Context as _;
use registry::{GateRecord, ModelVersion};
use schema::ReadOptions;
use serde_json::json;

use super::{Champion, Contest, figures, record, skipped, verdict};
use crate::text::{clean, counted, number};

const GATE: &str = "replay";

pub(super) fn judge(contest: &Contest<'_>) -> anyhow::Result<GateRecord> {
    let Some(path) = &contest.limits.replay else {
        return Ok(skipped(GATE, "no sample of requests is given (--replay)"));
    };
    let shown = path.display();
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(skipped(GATE, format!("there is no sample of requests at {shown} yet")));
        }
        Err(error) => return Err(error).with_context(|| format!("reading the sample {shown}")),
    };
    let champion = match contest.champion {
        Champion::Version(champion) => Some(&**champion),
        Champion::None(_) | Champion::Unreadable { .. } => None,
    };
    let (mut n_requests, mut n_refused, mut n_rows, mut moved) = (0_u64, 0_u64, 0_u64, 0.0);
    let mut first = None;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.with_context(|| format!("reading the sample {shown}"))?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        // What the champion itself would refuse says nothing of the candidate.
        let theirs = champion.map(|champion| answer(champion, &line)).transpose();
        let Ok(theirs) = theirs else { continue };
        n_requests += 1;
        match answer(contest.candidate, &line) {
            Ok(ours) => {
                n_rows += ours.len() as u64;
                let pairs = ours.iter().zip(theirs.iter().flatten());
                moved += pairs.map(|(ours, theirs)| (ours - theirs).abs()).sum::<f64>();
            }
            Err(reason) => {
                n_refused += 1;
                first.get_or_insert(reason);
            }
        }
    }
    if n_requests == 0 {
        return Ok(skipped(GATE, format!("{shown} holds no request that the champion answers")));
    }
    let mean_moved = if n_rows == 0 { 0.0 } else { moved / n_rows as f64 };
    let requests = counted(n_requests, "recent request");
    let detail = match &first {
        None => format!(
            "it answers {}{requests}; predictions move by {} on average",
            if n_requests == 1 { "the " } else { "all " },
            number(mean_moved)
        ),
        Some(reason) => {
            format!("it cannot answer {n_refused} of {requests}, the first: {}", clean(reason))
        }
    };
    let figures = figures([
        ("n_requests", json!(n_requests)),
        ("n_refused", json!(n_refused)),
        ("mean_absolute_change", json!(mean_moved)),
    ]);
    Ok(record(GATE, verdict(n_refused == 0), detail, figures))
}

/// Reads a body as a server does by default and predicts.
fn answer(version: &ModelVersion, body: &[u8]) -> Result<Vec<f64>, String> {
    let request = version.manifest.signature.read_json(body, ReadOptions::default());
    let request = request.map_err(|error| error.to_string())?;
    let predictions = version.pipeline.predict(&request.rows);
    match predictions.iter().position(|prediction| !prediction.is_finite()) {
        Some(row) => Err(format!("the prediction for row {row} is not a finite number")),
        None => Ok(predictions),
    }
}
