//! `compare`: two versions on the same held-out rows.

mod segments;

use anyhow::Context as _;
use dataset::HeldOut;
use evaluation::{BootstrapParams, Interval, PairedPredictions, Pairs};
use registry::{Manifest, ModelVersion, Registry};
use schema::{Nulls, ReadOptions, Rows, Scores, UnknownFeatures};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::config::{CompareArgs, Output};
use crate::context::Context;
use crate::gates::predict_held_out;
use crate::golden::instance;
use crate::promote::rows_of;
use crate::text::{clean, counted, fixed, name, number, percent, share, table};
use crate::to_json;
use crate::versions::resolve;

use segments::Segment;

/// Rows shown where the two disagree most.
const N_SHOWN: usize = 5;
/// Segments of a feature that are shown to a person, the largest first.
const N_SEGMENTS: usize = 8;

/// Two versions on the same rows.
#[derive(Debug, Serialize)]
struct Compared {
    a: String,
    b: String,
    n_rows: u64,
    /// Whose held-out rows they are: a version's, or a file.
    rows_of: String,
    #[serde(skip)]
    is_from_file: bool,
    scores_a: Scores,
    scores_b: Scores,
    /// B's less A's, with the interval that holds it in 95 % of samples.
    rmse_difference: Interval,
    mae_difference: Interval,
    segments: Vec<Segment>,
    disagreements: Vec<Disagreement>,
    /// What speaks in favour of one of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// A row on which the two are far apart.
#[derive(Debug, Serialize)]
struct Disagreement {
    row: usize,
    features: Map<String, Value>,
    actual: f64,
    a: f64,
    b: f64,
}

pub(crate) fn compare(args: &CompareArgs, context: &Context<'_>) -> anyhow::Result<String> {
    let registry = args.common.open()?;
    let (model, a) = resolve(&registry, &args.a, context)?;
    let b = match args.b.parse::<u64>() {
        Ok(number) => (model.clone(), number),
        Err(_) => resolve(&registry, &args.b, context)?,
    };
    let a = context.wait(registry.load(&model, a))?;
    let b = context.wait(registry.load(&b.0, b.1))?;
    let compared = compared(&registry, &a, &b, args, context)?;
    Ok(match args.common.output {
        Output::Json => to_json(&compared),
        Output::Text => in_words(&compared, &a.manifest, &b.manifest),
    })
}

fn compared(
    registry: &Registry,
    a: &ModelVersion,
    b: &ModelVersion,
    args: &CompareArgs,
    context: &Context<'_>,
) -> anyhow::Result<Compared> {
    let targets = [a, b].map(|version| version.manifest.signature.target().name.clone());
    anyhow::ensure!(
        targets[0] == targets[1],
        "{} predicts `{}` and {} predicts `{}`: there is nothing to compare",
        called(&a.manifest),
        name(&targets[0]),
        called(&b.manifest),
        name(&targets[1]),
    );
    // The newer one's: what came later may have been fitted to the rows that the older one set aside.
    let newer = if a.manifest.version > b.manifest.version { a } else { b };
    let held_out = rows_of(registry, &newer.manifest, args.held_out.as_deref(), context)?;
    let held_out = held_out.map_err(anyhow::Error::msg)?;
    let of_a = predict_held_out(a, &held_out, context)?;
    let of_b = predict_held_out(b, &held_out, context)?;
    let actual = held_out.target();
    let scores = |predicted: &[f64]| {
        evaluation::scores(Pairs { actual, predicted }).context("scoring the held-out rows")
    };
    let pairs = PairedPredictions { actual, a: &of_a, b: &of_b };
    let params = BootstrapParams { seed: args.seed, ..BootstrapParams::default() };
    let rows = rows(newer, &held_out)?;
    let signature = &newer.manifest.signature;
    let file = args.held_out.as_ref().map(|path| path.display().to_string());
    Ok(Compared {
        a: called(&a.manifest),
        b: called(&b.manifest),
        n_rows: held_out.n_rows() as u64,
        note: note(&a.manifest, &b.manifest).filter(|_| file.is_none()),
        is_from_file: file.is_some(),
        rows_of: file.unwrap_or_else(|| called(&newer.manifest)),
        scores_a: scores(&of_a)?,
        scores_b: scores(&of_b)?,
        rmse_difference: evaluation::rmse_difference(pairs, params)?,
        mae_difference: evaluation::mae_difference(pairs, params)?,
        segments: segments::of(signature, &rows, pairs),
        disagreements: disagreements(pairs)
            .map(|row| Disagreement {
                row,
                features: instance(signature, rows.row(row)),
                actual: actual[row],
                a: of_a[row],
                b: of_b[row],
            })
            .collect(),
    })
}

fn rows(version: &ModelVersion, held_out: &HeldOut) -> anyhow::Result<Rows> {
    let options = ReadOptions { unknown_features: UnknownFeatures::Ignore, nulls: Nulls::Allowed };
    let request = version.manifest.signature.read_csv(held_out.csv(), options);
    Ok(request.context("reading the held-out rows")?.rows)
}

/// The rows on which the two are furthest apart.
fn disagreements(pairs: PairedPredictions<'_>) -> impl Iterator<Item = usize> {
    let apart = |row: &usize| (pairs.a[*row] - pairs.b[*row]).abs();
    let mut rows: Vec<usize> = (0..pairs.actual.len()).filter(|row| apart(row) > 0.0).collect();
    rows.sort_by(|a, b| apart(b).total_cmp(&apart(a)));
    rows.truncate(N_SHOWN);
    rows.into_iter()
}

/// What makes the comparison unfair.
fn note(a: &Manifest, b: &Manifest) -> Option<String> {
    let (ours, theirs) = (&a.provenance, &b.provenance);
    let is_same_split = ours.seed == theirs.seed
        && ours.test_fraction == theirs.test_fraction
        && ours.test_data == theirs.test_data;
    let (older, newer) = if a.version > b.version { (b, a) } else { (a, b) };
    (!is_same_split && older.version != newer.version).then(|| {
        format!(
            "{} set other rows aside than {}, so it may have been fitted to some of these: that is in its favour",
            called(older),
            called(newer)
        )
    })
}

fn called(manifest: &Manifest) -> String {
    format!("{}@{}", manifest.model, manifest.version)
}

fn in_words(compared: &Compared, a: &Manifest, b: &Manifest) -> String {
    let Compared { scores_a, scores_b, rmse_difference, mae_difference, .. } = compared;
    let mut lines = vec![
        ["Score", &compared.a, &compared.b, "difference", "95 % interval"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let interval = |interval: &Interval| {
        vec![
            signed(interval.estimate),
            format!("{} to {}", signed(interval.low), signed(interval.high)),
        ]
    };
    let mut line = |score: &str, values: [String; 2], rest: Vec<String>| {
        let mut cells = vec![score.to_owned()];
        cells.extend(values);
        cells.extend(rest);
        cells.resize(5, String::new());
        lines.push(cells);
    };
    line("MAE", [fixed(scores_a.mae), fixed(scores_b.mae)], interval(mae_difference));
    line("RMSE", [fixed(scores_a.rmse), fixed(scores_b.rmse)], interval(rmse_difference));
    let medians = [scores_a, scores_b].map(|scores| scores.median_absolute_error);
    line("median |error|", medians.map(fixed), vec![signed(medians[1] - medians[0])]);
    if let (Some(of_a), Some(of_b)) = (scores_a.r2, scores_b.r2) {
        line("R²", [share(of_a), share(of_b)], vec![]);
    }
    let mut text = format!(
        "{} and {} on {}{}, predicting `{}`\n\n{}\n{}\n",
        compared.a,
        compared.b,
        counted(compared.n_rows, "row"),
        if compared.is_from_file {
            format!(" of {}", clean(&compared.rows_of))
        } else {
            format!(" that {} did not learn from", compared.rows_of)
        },
        name(&a.signature.target().name),
        table(&lines, &[1, 2, 3]),
        judgement(compared),
    );
    if let Some(note) = &compared.note {
        text.push_str(&format!("Note: {note}.\n"));
    }
    let newer = if a.version > b.version { a } else { b };
    text.push_str(&segments::in_words(&compared.segments, N_SEGMENTS));
    text.push_str(&disagreements_in_words(compared, newer));
    text
}

/// What the interval says.
fn judgement(compared: &Compared) -> String {
    let Interval { estimate, low, high } = compared.rmse_difference;
    let change = percent((estimate / compared.scores_a.rmse).abs());
    let Compared { a, b, .. } = compared;
    if high < 0.0 {
        format!("{b} is better: its RMSE is {change} below that of {a}")
    } else if low > 0.0 {
        format!("{b} is worse: its RMSE is {change} above that of {a}")
    } else {
        "These rows do not tell which is better: the interval holds 0".to_owned()
    }
}

fn disagreements_in_words(compared: &Compared, newer: &Manifest) -> String {
    if compared.disagreements.is_empty() {
        return "\nBoth predict the same for every row.\n".to_owned();
    }
    let mut lines = vec![vec!["Furthest apart".to_owned(), "actual".to_owned()]];
    lines[0].extend([compared.a.clone(), compared.b.clone(), String::new()]);
    for row in &compared.disagreements {
        let shown = newer.signature.features().iter().filter_map(|feature| {
            let value = row.features.get(&feature.name)?;
            Some(format!("{}={}", name(&feature.name), clean(&value.to_string())))
        });
        let mut cells = vec![format!("row {}", row.row)];
        cells.extend([row.actual, row.a, row.b].map(number));
        cells.push(shown.collect::<Vec<_>>().join(" "));
        lines.push(cells);
    }
    format!("\n{}", table(&lines, &[1, 2, 3]))
}

/// A difference, its sign in front.
pub(super) fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 { format!("+{text}") } else { text }
}
