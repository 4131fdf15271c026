//! The time series whose labels come and go with models, versions and features: written anew each time from the
//! snapshot, so that none outlives what it tells of.
//!
//! Those with labels that are known from the start are in `metrics.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;

use evaluation::drift::{DriftLevel, FeatureDrift};
use evaluation::live::Quality;
use registry::{CHALLENGER, ModelName};

use crate::clock::Millis;
use crate::config::Window;
use crate::fleet::State;
use crate::snapshot::Snapshot;
use crate::volume::Volume;

/// Writes all of them in the text format 0.0.4.
pub(crate) fn render(snapshot: &Snapshot) -> String {
    let mut text = Text::default();
    fleet(&mut text, snapshot);
    versions(&mut text, snapshot);
    drift(&mut text, snapshot);
    quality(&mut text, snapshot);
    registry(&mut text, snapshot);
    volumes(&mut text, snapshot);
    text.render()
}

fn fleet(text: &mut Text, snapshot: &Snapshot) {
    for state in State::ALL {
        let n = snapshot.fleet.replicas.iter().filter(|replica| replica.state == state).count();
        let labels = [("state", state.as_str())];
        text.gauge("canopy_fleet_replicas", "Replicas in each state.", &labels, n as f64);
    }
    for model in &snapshot.models {
        let labels = [("model", model.as_str())];
        let skew = f64::from(u8::from(snapshot.has_version_skew(model)));
        let help = "1 while replicas that are ready serve different champions.";
        text.gauge("canopy_fleet_version_skew", help, &labels, skew);
        if let Some(version) = snapshot.champion(model) {
            let help = "The version under the alias champion.";
            text.gauge("canopy_champion_version", help, &labels, version as f64);
        }
    }
}

/// Champion and challenger of each model; what was before raises no alarm any more.
fn current(snapshot: &Snapshot) -> impl Iterator<Item = (&ModelName, u64)> {
    snapshot.models.iter().flat_map(|model| {
        let champion = snapshot.champion(model);
        let aliases = snapshot.model(model).map(|model| &model.aliases);
        let challenger = aliases.and_then(|aliases| aliases.get(CHALLENGER)).copied();
        let challenger = challenger.filter(|&version| Some(version) != champion);
        champion.into_iter().chain(challenger).map(move |version| (model, version))
    })
}

fn versions(text: &mut Text, snapshot: &Snapshot) {
    for (model, version) in current(snapshot) {
        let Some(manifest) = snapshot.model(model).and_then(|model| model.manifest(version)) else {
            continue;
        };
        let number = version.to_string();
        let labels = [("model", model.as_str()), ("version", number.as_str())];
        let scores = &manifest.scores.model;
        let mut gauge = |name, help, value: Option<f64>| {
            if let Some(value) = value {
                text.gauge(name, help, &labels, value);
            }
        };
        gauge("canopy_training_mae", "Mean absolute error on the test split.", Some(scores.mae));
        gauge(
            "canopy_training_rmse",
            "Root mean squared error on the test split.",
            Some(scores.rmse),
        );
        gauge("canopy_training_r2", "Coefficient of determination on the test split.", scores.r2);
        let created = Millis::parse(&manifest.provenance.finished_at);
        gauge(
            "canopy_model_version_created_timestamp_seconds",
            "When the version was fitted.",
            created.map(|created| created.0 as f64 / 1e3),
        );
    }
}

fn drift(text: &mut Text, snapshot: &Snapshot) {
    for (model, version) in current(snapshot) {
        for window in snapshot.windows.iter().map(|sums| sums.window) {
            let Some(Ok(drift)) = snapshot.drift(model, version, window) else { continue };
            let labels = OfVersion::new(model, version, window);
            let help = "Rows that drift is measured on.";
            text.gauge("canopy_drift_rows", help, &labels.with(&[]), drift.rows as f64);
            let prediction = Family { prefix: "canopy_prediction_drift", of: "the predictions" };
            prediction.write(text, &labels.with(&[]), &drift.prediction);
            for feature in &drift.features {
                let labels = labels.with(&[("feature", &feature.name)]);
                let features = Family { prefix: "canopy_feature_drift", of: "a feature" };
                features.write(text, &labels, feature);
                shares(text, &labels, feature);
            }
        }
    }
}

/// Labels of a version in a window.
struct OfVersion<'a> {
    model: &'a str,
    version: String,
    window: String,
}

impl<'a> OfVersion<'a> {
    fn new(model: &'a ModelName, version: u64, window: Window) -> Self {
        Self { model: model.as_str(), version: version.to_string(), window: window.to_string() }
    }

    fn with<'l>(&'l self, more: &[(&'static str, &'l str)]) -> Vec<(&'static str, &'l str)> {
        let own = [("model", self.model), ("version", &self.version), ("window", &self.window)];
        own.into_iter().chain(more.iter().copied()).collect()
    }
}

/// The statistics of features, or of predictions.
struct Family {
    prefix: &'static str,
    of: &'static str,
}

impl Family {
    fn write(&self, text: &mut Text, labels: &[(&str, &str)], drift: &FeatureDrift) {
        let Self { prefix, of } = self;
        let level = match drift.level {
            DriftLevel::Unknown => None,
            DriftLevel::Ok => Some(0.0),
            DriftLevel::Warning => Some(1.0),
            DriftLevel::Alarm => Some(2.0),
        };
        let figures = [
            ("psi", drift.psi, "Population stability index of"),
            ("js", drift.js, "Jensen-Shannon divergence of"),
            ("ks", drift.ks, "Kolmogorov-Smirnov distance of"),
            ("chi2_p", drift.chi2_p, "p-value of the chi-squared test of"),
            ("level", level, "0 ok, 1 warning, 2 alarm; absent with too few rows: drift of"),
        ];
        for (name, value, help) in figures {
            if let Some(value) = value {
                let help = format!("{help} {of} against training.");
                text.gauge(&format!("{prefix}_{name}"), &help, labels, value);
            }
        }
    }
}

fn shares(text: &mut Text, labels: &[(&str, &str)], drift: &FeatureDrift) {
    let shares = [
        ("canopy_feature_missing_ratio", drift.missing_ratio, "Share of rows without the feature."),
        (
            "canopy_feature_unseen_ratio",
            drift.unseen_ratio,
            "Share of rows whose category training never saw.",
        ),
    ];
    for (name, value, help) in shares {
        if let Some(value) = value {
            text.gauge(name, help, labels, value);
        }
    }
}

fn quality(text: &mut Text, snapshot: &Snapshot) {
    for (model, version) in current(snapshot) {
        let Some(manifest) = snapshot.model(model).and_then(|model| model.manifest(version)) else {
            continue;
        };
        for window in snapshot.windows.iter().map(|sums| sums.window) {
            let Some(pairs) = snapshot.pairs(model, version, window) else { continue };
            let labels = OfVersion::new(model, version, window);
            let labels = labels.with(&[]);
            let live = pairs.quality(manifest);
            let value = |figure: fn(&Quality) -> Option<f64>| live.as_ref().and_then(figure);
            let figures = [
                ("mae", value(|q| Some(q.mae.value)), "Mean absolute error"),
                ("rmse", value(|q| Some(q.rmse.value)), "Root mean squared error"),
                ("rmse_low", value(|q| q.rmse.low), "Lower end of the 95 % interval of the RMSE"),
                ("rmse_high", value(|q| q.rmse.high), "Upper end of the 95 % interval of the RMSE"),
                ("bias", value(|q| Some(q.bias.value)), "Mean of prediction less actual"),
                ("r2", value(|q| Some(q.r2?.value)), "Coefficient of determination"),
                (
                    "pairs",
                    Some(live.map_or(0.0, |q| q.pairs as f64)),
                    "Pairs, as the live scores have them,",
                ),
                (
                    "without_actual_ratio",
                    pairs.without_actual_ratio(),
                    "Share that waits for an actual",
                ),
            ];
            for (name, value, help) in figures {
                if let Some(value) = value {
                    let help = format!("{help} of sampled predictions.");
                    text.gauge(&format!("canopy_live_{name}"), &help, &labels, value);
                }
            }
        }
    }
}

fn registry(text: &mut Text, snapshot: &Snapshot) {
    let readable = f64::from(u8::from(snapshot.registry.unreadable.is_none()));
    let help = "1 while the registry can be read.";
    text.gauge("canopy_registry_readable", help, &[], readable);
    for (model, view) in &snapshot.registry.models {
        let mut moves = BTreeMap::<(&str, &str), u64>::new();
        let entries = view.ledger.entries.iter().filter(|entry| entry.is_move());
        for entry in entries {
            *moves.entry((&entry.alias, entry.action.as_str())).or_default() += 1;
        }
        for ((alias, action), n) in moves {
            let labels = [("model", model.as_str()), ("alias", alias), ("action", action)];
            let help = "Moves of an alias in the ledger.";
            text.counter("canopy_alias_moves_total", help, &labels, n as f64);
        }
    }
}

fn volumes(text: &mut Text, snapshot: &Snapshot) {
    let help = "Bytes that the database takes.";
    text.gauge("canopy_store_bytes", help, &[], snapshot.store_bytes as f64);
    let volumes = [("store", snapshot.store_volume), ("registry", snapshot.registry.volume)];
    for (name, volume) in volumes {
        let Some(Volume { size_bytes, free_bytes }) = volume else { continue };
        let labels = [("volume", name)];
        let (size, free) = ("canopy_volume_size_bytes", "canopy_volume_free_bytes");
        text.gauge(size, "Size of the volume.", &labels, size_bytes as f64);
        text.gauge(free, "Bytes of the volume that are free.", &labels, free_bytes as f64);
    }
}

/// Series by their name: the format wants those of one name together.
#[derive(Default)]
struct Text(BTreeMap<String, Series>);

struct Series {
    help: String,
    kind: &'static str,
    lines: String,
}

impl Text {
    fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, help, "gauge", labels, value);
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, help, "counter", labels, value);
    }

    fn add(
        &mut self,
        name: &str,
        help: &str,
        kind: &'static str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let new = || Series { help: help.to_owned(), kind, lines: String::new() };
        let series = self.0.entry(name.to_owned()).or_insert_with(new);
        series.lines.push_str(name);
        for (idx, (label, value)) in labels.iter().enumerate() {
            let before = if idx == 0 { '{' } else { ',' };
            // Writing to a string cannot fail.
            let _ = write!(series.lines, "{before}{label}=\"{}\"", escaped(value));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(series.lines, "{after} {}", number(value));
    }

    fn render(self) -> String {
        let families = self.0.into_iter().map(|(name, Series { help, kind, lines })| {
            format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}\n")
        });
        families.collect()
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// As Go writes it.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}
