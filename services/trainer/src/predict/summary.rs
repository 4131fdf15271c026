//! What was predicted, by what, and what a person should know of the rows.

use std::fmt;
use std::time::Duration;

use registry::ModelVersion;
use schema::WarningCode;
use serde::Serialize;

use super::{Done, Source};
use crate::config::PredictArgs;
use crate::text::{clean, count, counted, name, number, table};

/// Names listed in one sentence.
const LISTED: usize = 20;

/// What `predict` prints.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    model: String,
    version: u64,
    data: String,
    out: String,
    n_rows: u64,
    prediction_column: String,
    /// Columns that are no features, and were kept as they are.
    kept_columns: Vec<String>,
    warnings: Vec<FeatureWarnings>,
    n_warnings: u64,
    n_threads: usize,
    duration_ms: u64,
    #[serde(skip)]
    source: String,
}

/// The unusual values of one feature.
#[derive(Debug, Serialize)]
struct FeatureWarnings {
    feature: String,
    code: WarningCode,
    n_rows: u64,
}

impl Summary {
    pub(super) fn new(
        args: &PredictArgs,
        version: &ModelVersion,
        source: &Source,
        done: &Done,
        (n_threads, took): (usize, Duration),
    ) -> Self {
        let features = version.manifest.signature.features();
        let warnings = done.totals.warnings.counts().filter_map(|(feature_idx, n_rows)| {
            let feature = &features[feature_idx];
            let code = WarningCode::of(feature.dtype)?;
            Some(FeatureWarnings { feature: feature.name.clone(), code, n_rows })
        });
        Self {
            model: version.manifest.model.to_string(),
            version: version.manifest.version,
            data: source.location().to_owned(),
            out: args.out.clone(),
            n_rows: done.totals.n_rows,
            prediction_column: args.prediction_column.clone(),
            kept_columns: done.header.ignored().map(str::to_owned).collect(),
            warnings: warnings.collect(),
            n_warnings: done.totals.warnings.n_total(),
            n_threads,
            duration_ms: took.as_millis() as u64,
            source: source.shown(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, version, n_rows, .. } = self;
        let out = if self.out == super::place::STDOUT { "standard output" } else { &self.out };
        writeln!(
            f,
            "Predicted {} of {} with {model} version {version}, verified, in {} s on {}",
            counted(*n_rows, "row"),
            self.source,
            number(self.duration_ms as f64 / 1000.0),
            counted(self.n_threads as u64, "thread"),
        )?;
        writeln!(f, "Written to {}, column `{}`", clean(out), name(&self.prediction_column))?;
        if !self.kept_columns.is_empty() {
            let shown = self.kept_columns.iter().take(LISTED);
            let shown: Vec<_> = shown.map(|column| format!("`{}`", name(column))).collect();
            let rest = self.kept_columns.len().saturating_sub(LISTED);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            writeln!(f, "Kept and not looked at, no features: {}{more}", shown.join(", "))?;
        }
        if self.warnings.is_empty() {
            return Ok(());
        }
        let mut lines = vec![["Unusual values", "rows", ""].map(str::to_owned).to_vec()];
        lines.extend(self.warnings.iter().map(|warning| {
            let what = match warning.code {
                WarningCode::UnseenCategory => "not seen in training, treated as missing",
                WarningCode::OutOfRange => "outside the range seen in training",
            };
            vec![name(&warning.feature), count(warning.n_rows), what.to_owned()]
        }));
        write!(f, "\n{}", table(&lines, &[1]))
    }
}
