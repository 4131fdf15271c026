//! `report.html`: what a person looks at. One file without scripts that opens anywhere, for years.

mod chart;
mod distribution;
mod html;

use registry::{Draft, Provenance};
use schema::{Feature, FeatureImportance};
use serde_json::Value;

use crate::summary::rows_of;
use crate::text::{count, counted, number};
use html::{Html, escape, share_bar, table};

const STYLE: &str = include_str!("report/style.css");
/// Categories listed in the signature's table; the manifest has them all.
const SHOWN_CATEGORIES: usize = 12;
/// Features with a chart of their own; the manifest has the baseline of all.
const SHOWN_DISTRIBUTIONS: usize = 60;

/// What was true and what was predicted, row by row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scatter<'a> {
    pub(crate) actual: &'a [f64],
    pub(crate) predicted: &'a [f64],
}

/// Writes the page.
///
/// `n_seen` is the number of test rows that also stand in the training rows.
pub(crate) fn html(draft: &Draft, test: Scatter<'_>, n_seen: u64) -> String {
    let title = format!("{}: {}", draft.model, draft.estimator.name);
    let mut page = Html::default();
    header(&mut page, draft, n_seen);
    warnings(&mut page, draft);
    scores(&mut page, draft);
    page.cards(&[
        ("Predicted against actual", &chart::scatter(test)),
        ("Errors on the test rows (predicted − actual)", &chart::residuals(test)),
    ]);
    importances(&mut page, draft);
    distributions(&mut page, draft);
    signature(&mut page, draft);
    provenance(&mut page, draft);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>\n{STYLE}</style>\n\
         </head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
        escape(&title),
        page.finish()
    )
}

fn header(page: &mut Html, draft: &Draft, n_seen: u64) {
    let Provenance { n_rows_train, n_rows_test, fit_seconds, data, .. } = &draft.provenance;
    let target = &draft.signature.target().name;
    page.raw(&format!(
        "<header>\n<p class=\"over\">Canopy training report</p>\n<h1>{}</h1>\n<p>Predicts <strong>{}</strong> from {} \
         with a <strong>{}</strong>, fitted to {} of <code>{}</code> in {} s and evaluated on {} {}.</p>\n\
         </header>\n",
        escape(draft.model.as_str()),
        escape(target),
        counted(draft.signature.n_features() as u64, "feature"),
        escape(&draft.estimator.name),
        counted(*n_rows_train, "row"),
        escape(data),
        number(*fit_seconds),
        counted(*n_rows_test, "row"),
        match n_seen {
            0 => "it had not seen".to_owned(),
            n_seen if n_seen == *n_rows_test => "it had seen all of".to_owned(),
            n_seen => format!("of which it had seen {}", count(n_seen)),
        }
    ));
}

fn warnings(page: &mut Html, draft: &Draft) {
    let items = draft.provenance.notes.iter().map(|note| format!("<li>{}</li>\n", escape(note)));
    let items: String = items.collect();
    if !items.is_empty() {
        page.section("Warnings", &format!("<ul>\n{items}</ul>\n"));
    }
}

fn scores(page: &mut Html, draft: &Draft) {
    let scores = &draft.scores;
    let rows = rows_of(&scores.model, &scores.constant_mean).into_iter().map(|row| {
        let name = format!("{} <small>{}</small>", escape(row.name), escape(row.meaning));
        vec![name, row.model, row.constant_mean, row.better]
    });
    let titles = ["Score", "Model", "Constant mean", "Better by"];
    page.section("Scores", &table(&titles, rows, &[1, 2, 3]));
}

fn importances(page: &mut Html, draft: &Draft) {
    let mut sorted: Vec<&FeatureImportance> = draft.scores.importances.iter().collect();
    sorted.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    let greatest = sorted.first().map_or(0.0, |first| first.importance).max(f64::MIN_POSITIVE);
    let rows = sorted.into_iter().map(|FeatureImportance { feature, importance }| {
        vec![escape(feature), number(*importance), share_bar(importance / greatest)]
    });
    let unit = escape(&draft.signature.target().name);
    page.section(
        "Importances",
        &format!(
            "<p class=\"note\">By how much the RMSE of the test rows rises, in the unit of {unit}, when a column is \
             shuffled.</p>\n{}",
            table(&["Feature", "Importance", ""], rows, &[1])
        ),
    );
}

fn distributions(page: &mut Html, draft: &Draft) {
    let baseline = &draft.baseline;
    let mut cards = vec![
        (draft.signature.target().name.clone() + " (target)", distribution::of(&baseline.target)),
        ("predictions (test rows)".to_owned(), distribution::of(&baseline.predictions)),
    ];
    for feature in baseline.features.iter().take(SHOWN_DISTRIBUTIONS) {
        let mut chart = distribution::of(&feature.distribution);
        if feature.n_missing > 0 {
            let missing = counted(feature.n_missing, "row");
            chart.push_str(&format!("<p class=\"note\">missing in {missing}</p>\n"));
        }
        cards.push((feature.name.clone(), chart));
    }
    let mut body = "<div class=\"small-cards\">\n".to_owned();
    for (name, chart) in &cards {
        body.push_str(&format!(
            "<figure>\n<figcaption>{}</figcaption>\n{chart}</figure>\n",
            escape(name)
        ));
    }
    body.push_str("</div>\n");
    if let Some(rest) = baseline.features.len().checked_sub(SHOWN_DISTRIBUTIONS).filter(|&n| n > 0)
    {
        body.push_str(&format!("<p class=\"note\">and {rest} more in manifest.json</p>\n"));
    }
    page.section("What the training rows look like", &body);
}

fn signature(page: &mut Html, draft: &Draft) {
    let rows = draft.signature.features().iter().map(|feature| {
        let nullable = if feature.nullable { "may be missing" } else { "" };
        let dtype = feature.dtype.to_string();
        vec![escape(&feature.name), dtype, values(feature), nullable.to_owned()]
    });
    let body = table(&["Feature", "Type", "Values seen", ""], rows, &[]);
    page.section("Signature: what a request must have", &body);
}

fn values(feature: &Feature) -> String {
    if let Some(range) = feature.range {
        return format!("{} to {}", number(range.minimum), number(range.maximum));
    }
    let shown: Vec<_> =
        feature.categories.iter().take(SHOWN_CATEGORIES).map(|name| escape(name)).collect();
    match feature.categories.len().saturating_sub(SHOWN_CATEGORIES) {
        0 => shown.join(", "),
        rest => format!("{} and {} more", shown.join(", "), count(rest as u64)),
    }
}

fn provenance(page: &mut Html, draft: &Draft) {
    let p = &draft.provenance;
    let mut facts = vec![
        ("Data", p.data.clone()),
        ("Its SHA-256", p.data_sha256.clone()),
        ("Rows read", count(p.n_rows)),
        ("Left out, without a target", count(p.n_rows_without_target)),
        ("Seed", p.seed.to_string()),
        ("Estimator", format!("{} ({})", draft.estimator.name, draft.estimator.library)),
        ("Canopy", p.canopy_version.clone()),
        ("Started", p.started_at.clone()),
        ("Finished", p.finished_at.clone()),
        ("Golden rows", count(draft.golden.instances.len() as u64)),
    ];
    let optional = [
        ("Set aside to test", p.test_fraction.map(|fraction| fraction.to_string())),
        ("Read as categories", listed(&p.categorical)),
        ("Left out", listed(&p.ignore)),
        ("Categories at most", Some(count(p.max_categories))),
        ("SHA-256 of the schema", p.schema_sha256.clone()),
    ];
    facts.extend(optional.into_iter().filter_map(|(what, value)| Some((what, value?))));
    if let (Some(location), Some(sha256)) = (&p.test_data, &p.test_data_sha256) {
        facts.insert(2, ("Test data", location.clone()));
        facts.insert(3, ("Its SHA-256", sha256.clone()));
    }
    let settings = draft.estimator.hyperparameters.iter();
    let settings = settings.map(|(name, value)| (name.as_str(), setting(value)));
    let rows = |facts: Vec<(&str, String)>| {
        facts
            .into_iter()
            .map(|(what, value)| vec![escape(what), escape(&value)])
            .collect::<Vec<_>>()
    };
    let settings = rows(settings.collect());
    if !settings.is_empty() {
        page.section("Hyperparameters", &table(&["Name", "Value"], settings, &[]));
    }
    page.section("Where it comes from", &table(&["", ""], rows(facts), &[]));
}

fn listed(columns: &[String]) -> Option<String> {
    (!columns.is_empty()).then(|| columns.join(", "))
}

fn setting(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
