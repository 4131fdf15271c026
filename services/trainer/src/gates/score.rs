//! Not worse than the champion, on the same rows, by more than a tolerance.

use std::fmt;

use evaluation::Pairs;
use registry::{GateRecord, ModelVersion, Verdict};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Champion, Contest, Predicted, record, skipped, verdict};
use crate::text::{counted, number, percent};

const GATE: &str = "score";

/// Both versions on the same rows. Its `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    pub(crate) champion: u64,
    pub(crate) n_rows: u64,
    pub(crate) rmse: f64,
    /// None where the champion cannot answer these rows.
    pub(crate) champion_rmse: Option<f64>,
    pub(crate) max_regression: f64,
    /// Why the champion cannot answer, or what speaks in its favour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

pub(super) fn judge(
    contest: &Contest<'_>,
    predicted: &Predicted,
) -> (GateRecord, Option<Comparison>) {
    let champion = match contest.champion {
        Champion::None(reason) => return (skipped(GATE, reason), None),
        Champion::Unreadable { version, .. } => *version,
        Champion::Version(champion) => champion.manifest.version,
    };
    let held_out = match contest.held_out {
        Ok(held_out) => held_out,
        Err(reason) => return (record(GATE, Verdict::Failed, reason, Map::new()), None),
    };
    let rmse = |predicted: &[f64]| evaluation::rmse(Pairs { actual: held_out.target(), predicted });
    let theirs = match (contest.champion, &predicted.champion) {
        (Champion::Version(champion), Ok(theirs)) => {
            Ok((rmse(theirs), leak(contest.candidate, champion)))
        }
        // Its clients have changed, so it need not answer these rows: what it was worth on its own has to do.
        (Champion::Version(champion), Err(error)) if contest.limits.allow_breaking => {
            let own = format!("on the rows that it set aside itself, because {error}");
            Ok((champion.manifest.scores.model.rmse, Some(own)))
        }
        (Champion::Unreadable { reason, .. }, _) | (_, Err(reason)) => Err(reason.clone()),
        (Champion::None(reason), _) => Err(reason.clone()),
    };
    let (champion_rmse, reason) = match theirs {
        Ok((rmse, leak)) => (Some(rmse), leak),
        Err(reason) => (None, Some(reason)),
    };
    let comparison = Comparison {
        champion,
        n_rows: held_out.n_rows() as u64,
        rmse: rmse(&predicted.candidate),
        champion_rmse,
        max_regression: contest.limits.max_regression,
        reason,
    };
    let figures = match json!(comparison) {
        Value::Object(figures) => figures,
        _ => Map::new(),
    };
    let gate = record(GATE, verdict(comparison.is_passed()), comparison.to_string(), figures);
    (gate, Some(comparison))
}

/// Why the champion may have been fitted to rows that the candidate was not.
fn leak(candidate: &ModelVersion, champion: &ModelVersion) -> Option<String> {
    let (ours, theirs) = (&candidate.manifest.provenance, &champion.manifest.provenance);
    let is_same_split = ours.seed == theirs.seed
        && ours.test_fraction == theirs.test_fraction
        && ours.test_data == theirs.test_data;
    (!is_same_split).then(|| {
        format!(
            "version {} set other rows aside, so it may have been fitted to some of these: that is in its favour",
            champion.manifest.version
        )
    })
}

impl Comparison {
    /// Whether the new version may take the champion's place.
    pub(crate) fn is_passed(&self) -> bool {
        self.champion_rmse
            .is_some_and(|champion| self.rmse <= champion * (1.0 + self.max_regression))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { champion, rmse, max_regression, .. } = self;
        let Some(theirs) = self.champion_rmse else {
            let reason = self.reason.as_deref().unwrap_or("it cannot be read");
            return write!(f, "it cannot be compared with version {champion}: {reason}");
        };
        let rows = counted(self.n_rows, "held-out row");
        let (ours, theirs_text) = (number(*rmse), number(theirs));
        write!(f, "its RMSE on {rows} is {ours}, that of version {champion} is {theirs_text}")?;
        if !self.is_passed() {
            let by = if theirs > 0.0 { percent(rmse / theirs - 1.0) } else { "any share".into() };
            write!(f, ": worse by {by}, allowed are {}", percent(*max_regression))?;
        }
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(rmse: f64, champion_rmse: Option<f64>, max_regression: f64) -> Comparison {
        let reason = champion_rmse.is_none().then(|| "no reason".to_owned());
        Comparison { champion: 3, n_rows: 1_000, rmse, champion_rmse, max_regression, reason }
    }

    #[test]
    fn an_equal_version_is_not_worse_and_the_tolerance_is_a_share_of_the_champions_error() {
        assert!(comparison(2.0, Some(2.0), 0.0).is_passed());
        assert!(comparison(2.02, Some(2.0), 0.0101).is_passed());
        assert!(!comparison(2.02, Some(2.0), 0.0).is_passed());
        assert!(!comparison(2.0, None, 9.0).is_passed());
    }

    #[test]
    fn says_by_how_much_a_version_is_worse() {
        assert_eq!(
            comparison(2.1, Some(2.0), 0.01).to_string(),
            "its RMSE on 1,000 held-out rows is 2.1, that of version 3 is 2: worse by 5.0 %, allowed are 1.0 %"
        );
        assert!(comparison(2.0, None, 0.0).to_string().ends_with("version 3: no reason"));
    }
}
