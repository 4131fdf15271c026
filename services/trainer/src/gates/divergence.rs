//! Not another quantity: predictions do not jump away from the champion's on the same rows.
//!
//! A table whose target changed its unit gives a model that is right about that table, held-out rows and all; only
//! the champion knows that something is wrong. Servers veto a challenger by the same measure.

use registry::GateRecord;
use serde_json::json;

use super::{Champion, Contest, Predicted, figures, record, skipped, verdict};
use crate::text::number;

const GATE: &str = "divergence";

pub(super) fn judge(contest: &Contest<'_>, predicted: &Predicted) -> GateRecord {
    let champion = match contest.champion {
        Champion::None(reason) => return skipped(GATE, reason),
        Champion::Unreadable { version, .. } => {
            return skipped(GATE, format!("version {version} cannot be loaded"));
        }
        Champion::Version(champion) => &champion.manifest,
    };
    let theirs = match &predicted.champion {
        Ok(theirs) if !theirs.is_empty() => theirs,
        _ => return skipped(GATE, "both do not answer the same rows"),
    };
    let apart = predicted.candidate.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs());
    let mean = apart.sum::<f64>() / theirs.len() as f64;
    let divergence = mean / champion.baseline.target.scale();
    let limit = contest.limits.max_divergence;
    let is_passed = divergence <= limit;
    let mut detail = format!(
        "predictions move by {} on average, {} standard deviations of the target",
        number(mean),
        number(divergence)
    );
    if !is_passed {
        detail = format!(
            "{detail}, allowed are {}: has the target another unit, or are the data of another world?",
            number(limit)
        );
    }
    let figures = figures([
        ("mean_absolute_change", json!(mean)),
        ("divergence", json!(divergence)),
        ("max_divergence", json!(limit)),
    ]);
    record(GATE, verdict(is_passed), detail, figures)
}
