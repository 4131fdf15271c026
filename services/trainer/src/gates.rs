//! The gates: what a version must pass before it takes the champion's place.
//!
//! Each says in a sentence how it judged, with its figures; the ledger keeps both.

mod divergence;
mod latency;
mod predicted;
mod replay;
mod score;
mod signature;

use dataset::HeldOut;
use registry::{GateRecord, ModelVersion, Verdict};
use serde_json::{Map, Value};

use crate::config::GateArgs;
use crate::context::Context;

use predicted::Predicted;
pub(crate) use predicted::predict_held_out;
pub(crate) use score::Comparison;

/// The champion that a version is held against.
pub(crate) enum Champion {
    /// There is none, for this reason.
    None(String),
    /// It answers.
    Version(Box<ModelVersion>),
    /// There is one that fails its own checks.
    Unreadable { version: u64, reason: String },
}

/// A version, and what it is held against.
pub(crate) struct Contest<'a> {
    pub(crate) candidate: &'a ModelVersion,
    pub(crate) champion: &'a Champion,
    /// Rows that the candidate was not fitted to, or why there are none.
    pub(crate) held_out: Result<&'a HeldOut, &'a str>,
    pub(crate) limits: &'a GateArgs,
}

/// What all gates said.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) records: Vec<GateRecord>,
    /// Both versions on the same rows, where there were two to compare.
    pub(crate) comparison: Option<Comparison>,
}

impl Judged {
    /// Whether no gate refuses.
    pub(crate) fn is_passed(&self) -> bool {
        self.refusals().next().is_none()
    }

    /// The gates that refuse.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = &GateRecord> {
        self.records.iter().filter(|record| record.verdict == Verdict::Failed)
    }
}

/// Holds a version against the champion. The candidate was loaded, so it passed the parity check already.
pub(crate) fn judge(contest: &Contest<'_>, context: &Context<'_>) -> anyhow::Result<Judged> {
    let parity = "it is whole, and answers its golden rows as the training library did";
    let mut judged = Judged {
        records: vec![record("parity", Verdict::Passed, parity, Map::new())],
        comparison: None,
    };
    judged.records.push(signature::judge(contest));
    let predicted = Predicted::of(contest, context)?;
    let (score, comparison) = score::judge(contest, &predicted);
    judged.comparison = comparison;
    judged.records.push(score);
    judged.records.push(divergence::judge(contest, &predicted));
    judged.records.push(latency::judge(contest, context)?);
    judged.records.push(replay::judge(contest)?);
    Ok(judged)
}

fn record(
    gate: &str,
    verdict: Verdict,
    detail: impl Into<String>,
    figures: Map<String, Value>,
) -> GateRecord {
    GateRecord { gate: gate.to_owned(), verdict, detail: detail.into(), figures }
}

/// A gate that has nothing to judge by.
fn skipped(gate: &str, why: impl Into<String>) -> GateRecord {
    record(gate, Verdict::Skipped, why, Map::new())
}

fn verdict(is_passed: bool) -> Verdict {
    if is_passed { Verdict::Passed } else { Verdict::Failed }
}

/// Figures for the ledger; what JSON has no word for is null.
fn figures<const N: usize>(figures: [(&str, Value); N]) -> Map<String, Value> {
    figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
