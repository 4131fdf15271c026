//! Whether a new version takes the champion's place: never, always, or where it is not worse on the same rows.

use std::fmt;

use anyhow::Context as _;
use clap::ValueEnum;
use dataset::Dataset;
use evaluation::Pairs;
use registry::{CHAMPION, ModelName, ModelVersion, Registry};
use schema::ReadOptions;
use serde::Serialize;

use crate::context::Context;
use crate::golden::instance;
use crate::text::{counted, number, percent};

/// Rows that the champion reads at a time, so that a large test table needs little memory.
const BLOCK_ROWS: usize = 1_000;

/// When a new version becomes the champion. The first version of a model always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Promote {
    /// Only by `canopy-trainer promote`.
    #[value(aliases = ["false", "no", "0"])]
    Never,
    /// Where its RMSE on the held-out rows is not above the champion's on the same rows; else the exit code is 3.
    NotWorse,
    /// Whatever its scores are.
    #[value(aliases = ["true", "yes", "1"])]
    Always,
}

/// What a new version is held to.
pub(crate) struct Gate<'a> {
    pub(crate) when: Promote,
    /// By which share of the champion's RMSE the new one may be above it, 0 or more.
    pub(crate) max_regression: f64,
    /// Rows that the new version was not fitted to.
    pub(crate) test: &'a Dataset,
    /// The new version's root mean squared error on them, in the target's unit.
    pub(crate) rmse: f64,
}

/// Both versions on the same rows. Its `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Comparison {
    champion: u64,
    n_rows: u64,
    rmse: f64,
    /// None where the champion cannot answer these rows.
    champion_rmse: Option<f64>,
    max_regression: f64,
    /// Why the champion cannot answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Gate<'_> {
    /// Scores the champion on the rows that the new version was scored on; none where there is no champion yet.
    ///
    /// A champion that cannot be read or cannot answer is no reason to replace it unseen: that is in the result.
    pub(crate) fn compare(
        &self,
        registry: &Registry,
        model: &ModelName,
        context: &Context<'_>,
    ) -> anyhow::Result<Option<Comparison>> {
        let alias = context.wait(registry.alias(model, CHAMPION));
        let Some(champion) = alias.context("comparing with the champion")? else {
            return Ok(None);
        };
        let scored = context.wait(registry.load(model, champion)).map_err(anyhow::Error::from);
        let scored = scored.and_then(|champion| self.rmse_of(&champion, context));
        context.go_on()?;
        let (champion_rmse, reason) = match scored {
            Ok(rmse) => (Some(rmse), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Ok(Some(Comparison {
            champion,
            n_rows: self.test.n_rows() as u64,
            rmse: self.rmse,
            champion_rmse,
            max_regression: self.max_regression,
            reason,
        }))
    }

    /// The champion reads the rows as a server would: by name, in its own signature's terms.
    fn rmse_of(&self, champion: &ModelVersion, context: &Context<'_>) -> anyhow::Result<f64> {
        let ours = self.test.signature();
        let theirs = &champion.manifest.signature;
        let options = ReadOptions {
            unknown_features: schema::UnknownFeatures::Ignore,
            ..ReadOptions::default()
        };
        let mut predicted = Vec::with_capacity(self.test.n_rows());
        let rows: Vec<&[f64]> = self.test.rows().iter().collect();
        for block in rows.chunks(BLOCK_ROWS) {
            context.go_on()?;
            let instances: Vec<_> = block.iter().map(|row| instance(ours, row)).collect();
            let body = serde_json::json!({ "instances": instances }).to_string();
            let request = theirs
                .read_json(body.as_bytes(), options)
                .context("the champion cannot answer the held-out rows")?;
            predicted.extend(champion.pipeline.predict(&request.rows));
        }
        let pairs = Pairs { actual: self.test.target(), predicted: &predicted };
        Ok(evaluation::rmse(pairs))
    }
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
        Ok(())
    }
}

/// A share from a text such as `1%` or `0.01`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let (digits, scale) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits, 100.0));
    match digits.trim().parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(value / scale),
        _ => Err("expected a share of 0 or more, such as 1% or 0.01".to_owned()),
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

    #[test]
    fn reads_shares_as_percentages_or_fractions() {
        assert_eq!((share("1%"), share("0.01"), share("0")), (Ok(0.01), Ok(0.01), Ok(0.0)));
        for text in ["-1%", "many", "", "inf", "NaN%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
