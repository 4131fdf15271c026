//! What a run prints at its end: a table for people, or one JSON object.

use std::fmt;

use registry::{Draft, EstimatorRecord, GateRecord, Provenance, Verdict};
use schema::{Evaluation, Scores};
use serde::Serialize;

use crate::data::Data;
use crate::gates::Comparison;
use crate::publish::Outcome;
use crate::text::{bar, count, counted, fixed, name, number, percent, share, table};
use crate::warning::Warning;

/// Importances shown to a person.
const SHOWN_IMPORTANCES: usize = 20;
const BAR_WIDTH: usize = 30;

/// What became of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    model: String,
    version: u64,
    is_champion: bool,
    /// The version that is served.
    champion: Option<u64>,
    /// The version beside the champion before it, where `--promote not-worse` had to decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    /// What the gates said, where they were asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<GateRecord>,
    registry: String,
    path: String,
    target: String,
    n_features: usize,
    n_threads: usize,
    estimator: EstimatorRecord,
    scores: Evaluation,
    provenance: Provenance,
    n_golden_rows: usize,
    warnings: Vec<Warning>,
    #[serde(skip)]
    is_refused: bool,
}

impl Summary {
    /// All but where it was published.
    pub(crate) fn of(draft: &Draft, data: &Data, n_threads: usize) -> Self {
        Self {
            model: draft.model.to_string(),
            version: 0,
            is_champion: false,
            champion: None,
            comparison: None,
            gates: vec![],
            registry: String::new(),
            path: String::new(),
            target: draft.signature.target().name.clone(),
            n_features: draft.signature.n_features(),
            n_threads,
            estimator: draft.estimator.clone(),
            scores: draft.scores.clone(),
            provenance: draft.provenance.clone(),
            n_golden_rows: draft.golden.instances.len(),
            warnings: data.notes.clone(),
            is_refused: false,
        }
    }

    /// Where it was published.
    pub(crate) fn published(&mut self, outcome: Outcome, registry: &str) {
        self.version = outcome.version;
        self.is_champion = outcome.champion == Some(outcome.version);
        self.champion = outcome.champion;
        if let Some(judged) = outcome.judged {
            self.is_refused = !judged.is_passed() && !self.is_champion;
            self.comparison = judged.comparison;
            self.gates = judged.records;
        }
        self.path = outcome.path;
        registry.clone_into(&mut self.registry);
    }

    /// Whether it was to be promoted and was not, because a gate said no.
    pub(crate) fn is_held_back(&self) -> bool {
        self.is_refused
    }

    /// What has changed for good.
    pub(crate) fn done(&self) -> String {
        format!("version {} of {} is published", self.version, self.model)
    }

    fn facts(&self) -> Vec<Vec<String>> {
        let Provenance { n_rows, n_rows_train, n_rows_test, fit_seconds, .. } = self.provenance;
        let fact = |what: &str, value: String| vec![what.to_owned(), value];
        let target = name(&self.target);
        let rows = counted(n_rows, "row");
        let features = counted(self.n_features as u64, "feature");
        let mut facts = vec![
            fact(
                "Data",
                format!("{}: {rows}, {features}, target `{target}`", self.provenance.data),
            ),
            fact("", format!("{} to train, {} to test", count(n_rows_train), count(n_rows_test))),
            fact("Estimator", format!("{} ({})", self.estimator.name, self.estimator.library)),
        ];
        let settings = self.estimator.hyperparameters.iter();
        let settings: Vec<_> = settings.map(|(name, value)| format!("{name} {value}")).collect();
        if !settings.is_empty() {
            facts.push(fact("", settings.join(", ").replace("null", "none")));
        }
        let threads = counted(self.n_threads as u64, "thread");
        facts.push(fact("Fit", format!("{} s on {threads}", number(fit_seconds))));
        facts
    }

    fn scores(&self) -> String {
        let Evaluation { model, constant_mean, .. } = &self.scores;
        let mut rows =
            vec![["Score", "model", "constant mean", "better by"].map(str::to_owned).to_vec()];
        for score in rows_of(model, constant_mean) {
            rows.push(vec![score.name.to_owned(), score.model, score.constant_mean, score.better]);
        }
        table(&rows, &[1, 2, 3])
    }

    fn importances(&self) -> String {
        let mut sorted: Vec<_> = self.scores.importances.iter().collect();
        sorted.sort_by(|a, b| b.importance.total_cmp(&a.importance));
        let greatest = sorted.first().map_or(0.0, |first| first.importance);
        let shown = sorted.iter().take(SHOWN_IMPORTANCES).map(|importance| {
            let length = if greatest > 0.0 { importance.importance / greatest } else { 0.0 };
            let bar = bar(length, BAR_WIDTH);
            vec![name(&importance.feature), fixed(importance.importance), bar]
        });
        let mut text = table(&shown.collect::<Vec<_>>(), &[1]);
        if let Some(rest) = sorted.len().checked_sub(SHOWN_IMPORTANCES).filter(|&rest| rest > 0) {
            text.push_str(&format!("and {rest} more in report.html\n"));
        }
        text
    }

    fn alias(&self) -> String {
        let Self { model, version, registry, .. } = self;
        let refusals = self.gates.iter().filter(|gate| gate.verdict == Verdict::Failed);
        let refusals: Vec<_> = refusals.map(|gate| gate.detail.as_str()).collect();
        let compared = match &self.comparison {
            _ if self.is_refused => format!("not promoted: {}\n           ", refusals.join("; ")),
            _ if !refusals.is_empty() => {
                format!("promoted although: {}\n           ", refusals.join("; "))
            }
            Some(comparison) => format!("{comparison}\n           "),
            None => String::new(),
        };
        let alias = match self.champion {
            // The gates would say the same again.
            Some(champion) if self.is_refused => format!(
                "version {champion} stays the champion; to serve this one all the same:\n\
                 \x20          canopy-trainer promote {model} {version} --registry {registry} --force --reason \"…\""
            ),
            Some(champion) if champion != *version => format!(
                "version {champion} stays the champion; to serve this one instead:\n\
                 \x20          canopy-trainer promote {model} {version} --registry {registry}"
            ),
            Some(_) => format!("version {version} is the champion: servers answer from it"),
            None => format!(
                "no champion can be read; to serve this version:\n\
                 \x20          canopy-trainer promote {model} {version} --registry {registry}"
            ),
        };
        compared + &alias
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, version, registry, .. } = self;
        writeln!(f, "{}", table(&self.facts(), &[]))?;
        writeln!(f, "{}", self.scores())?;
        writeln!(f, "Importance: rise of the test RMSE when a column is shuffled")?;
        writeln!(f, "{}", self.importances())?;
        writeln!(f, "Published  {model} version {version}: {}", self.path)?;
        writeln!(f, "           {}", self.alias())?;
        writeln!(f, "Report     {}/report.html", self.path)?;
        write!(
            f,
            "Serve      canopy-inference --model {model} --registry {registry} --allow-anonymous"
        )
    }
}

/// One score of the model beside that of the constant mean, in words.
pub(crate) struct ScoreRow {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) model: String,
    pub(crate) constant_mean: String,
    /// By how much of it the constant's error shrinks.
    pub(crate) better: String,
}

/// All scores of a model and of the constant mean.
pub(crate) fn rows_of(model: &Scores, constant_mean: &Scores) -> Vec<ScoreRow> {
    let median = (model.median_absolute_error, constant_mean.median_absolute_error);
    let mut rows = vec![
        error("MAE", "mean absolute error", (model.mae, constant_mean.mae), fixed),
        error("RMSE", "root mean squared error", (model.rmse, constant_mean.rmse), fixed),
        error("median |error|", "median absolute error", median, fixed),
    ];
    if let (Some(model), Some(constant)) = (model.mape, constant_mean.mape) {
        rows.push(error("MAPE", "mean absolute percentage error", (model, constant), percent));
    }
    if let (Some(model), Some(constant)) = (model.r2, constant_mean.r2) {
        rows.push(ScoreRow {
            name: "R²",
            meaning: "share of the variance that is explained",
            model: share(model),
            constant_mean: share(constant),
            better: String::new(),
        });
    }
    rows
}

fn error(
    name: &'static str,
    meaning: &'static str,
    (model, constant): (f64, f64),
    text: fn(f64) -> String,
) -> ScoreRow {
    let better = if constant > 0.0 { percent(1.0 - model / constant) } else { String::new() };
    ScoreRow { name, meaning, model: text(model), constant_mean: text(constant), better }
}
