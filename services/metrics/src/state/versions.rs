//! The versions side by side: what training promised, and what each does now.

use evaluation::drift::DriftLevel;
use registry::{CHALLENGER, Manifest, ModelName};
use serde::Serialize;

use crate::config::Window;
use crate::snapshot::Snapshot;

use super::quality::LiveQuality;

/// One version in the window.
#[derive(Debug, Serialize)]
pub(super) struct Version<'a> {
    version: u64,
    role: Role,
    rows: u64,
    rows_per_second: Option<f64>,
    created_at: Option<&'a str>,
    estimator: Option<&'a str>,
    training: Option<Training>,
    live: Option<LiveQuality>,
    drift_level: DriftLevel,
    model_p50_seconds: Option<f64>,
    model_p99_seconds: Option<f64>,
}

/// What the aliases say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    Champion,
    Challenger,
    Former,
}

/// The scores on the rows that training had set aside.
#[derive(Debug, Serialize)]
struct Training {
    mae: f64,
    rmse: f64,
    r2: Option<f64>,
    n_rows: u64,
}

/// The champion first, then the challenger, then those that were, newest first.
pub(super) fn of<'a>(
    snapshot: &'a Snapshot,
    model: &ModelName,
    window: Window,
) -> Vec<Version<'a>> {
    let versions = snapshot.versions(model).into_iter();
    let versions = versions.map(|version| Version::of(snapshot, model, version, window));
    let is_shown = |version: &Version<'_>| version.role != Role::Former || version.rows > 0;
    let mut versions: Vec<_> = versions.filter(is_shown).collect();
    versions.sort_by_key(|version| (version.role, std::cmp::Reverse(version.version)));
    versions
}

impl<'a> Version<'a> {
    fn of(snapshot: &'a Snapshot, model: &ModelName, version: u64, window: Window) -> Self {
        let manifest = snapshot.model(model).and_then(|model| model.manifest(version));
        let sums = snapshot.windows.iter().find(|sums| sums.window == window);
        let answered = sums.and_then(|sums| sums.version(model, version));
        let latency = |q| answered.and_then(|answered| answered.latency.quantile(q));
        let drift = snapshot.drift(model, version, window).and_then(|drift| drift.as_ref().ok());
        Self {
            version,
            role: role(snapshot, model, version),
            rows: answered.map_or(0, |answered| answered.n_rows),
            rows_per_second: snapshot.rows_per_second(model, version),
            created_at: manifest.map(|manifest| manifest.provenance.finished_at.as_str()),
            estimator: manifest.map(|manifest| manifest.estimator.name.as_str()),
            training: manifest.map(Training::of),
            live: LiveQuality::of(snapshot, model, version, window),
            drift_level: drift.map_or(DriftLevel::Unknown, |drift| drift.level),
            model_p50_seconds: latency(0.5),
            model_p99_seconds: latency(0.99),
        }
    }
}

fn role(snapshot: &Snapshot, model: &ModelName, version: u64) -> Role {
    let named = |alias| snapshot.model(model).and_then(|model| model.aliases.get(alias)).copied();
    if snapshot.champion(model) == Some(version) {
        Role::Champion
    } else if named(CHALLENGER) == Some(version) {
        Role::Challenger
    } else {
        Role::Former
    }
}

impl Training {
    fn of(manifest: &Manifest) -> Self {
        let scores = &manifest.scores.model;
        let n_rows = manifest.scores.n_rows;
        Self { mae: scores.mae, rmse: scores.rmse, r2: scores.r2, n_rows }
    }
}
