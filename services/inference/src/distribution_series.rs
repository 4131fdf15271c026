//! The time series of distributions: the text that `/metrics` has of them, for the versions of all models.
//!
//! They are not registered one by one, as there are some two hundred for each version: the text is written from the
//! counts when somebody asks for it.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use registry::Manifest;
use service_kit::metrics::Exporter;

use crate::distribution::{Counts, Distribution};

const FEATURE_BIN: &str = "canopy_feature_bin_total";
const FEATURE_MISSING: &str = "canopy_feature_missing_total";
const FEATURE_UNSEEN: &str = "canopy_feature_unseen_total";
const PREDICTION_BIN: &str = "canopy_prediction_bin_total";

/// Versions of a model whose counts are kept after they have served: a rollback goes on counting where it was, and a
/// server that has seen a hundred versions does not show a hundred.
const KEPT_VERSIONS: usize = 4;

/// The distributions of the versions that were loaded.
#[derive(Debug, Clone)]
pub(crate) struct DistributionSeries(Arc<Mutex<Vec<Arc<Distribution>>>>);

impl DistributionSeries {
    pub(crate) fn new(exporter: &Exporter) -> Self {
        let distributions = Self(Arc::default());
        let shown = distributions.clone();
        exporter.write_with(move |text| shown.write(text));
        distributions
    }

    /// The distribution of a version, with what was counted when it was loaded before; none where its baseline does
    /// not fit, which is logged.
    pub(crate) fn of_version(&self, manifest: &Manifest) -> Option<Arc<Distribution>> {
        let made = Distribution::new(manifest).inspect_err(|reason| {
            tracing::warn!(
                model.name = %manifest.model,
                model.version = manifest.version,
                reason,
                "the version's baseline does not fit its signature; how its rows are spread is not counted"
            );
        });
        Some(self.keep(made.ok()?))
    }

    fn keep(&self, made: Distribution) -> Arc<Distribution> {
        let mut kept = self.lock();
        let is_same =
            |kept: &Distribution| kept.model == made.model && kept.version == made.version;
        let before = kept.iter().position(|kept| is_same(kept)).map(|idx| kept.remove(idx));
        // Published anew under its number, it is another version, and has other bins.
        let distribution =
            before.filter(|before| before.has_bins_of(&made)).unwrap_or_else(|| Arc::new(made));
        let idle = |kept: &Arc<Distribution>| {
            kept.model == distribution.model && Arc::strong_count(kept) == 1
        };
        while kept.iter().filter(|kept| idle(kept)).count() > KEPT_VERSIONS {
            let oldest = kept.iter().position(idle);
            oldest.map(|idx| kept.remove(idx));
        }
        kept.push(Arc::clone(&distribution));
        distribution
    }

    /// Writes all series, each family in one piece.
    fn write(&self, text: &mut String) {
        let distributions = self.lock().clone();
        if distributions.is_empty() {
            return;
        }
        let versions: Vec<_> = distributions.iter().map(|of| Version::new(of)).collect();
        let help =
            "Values of answered rows by the bins of the version's baseline: `bin` is the index.";
        family(text, FEATURE_BIN, help, &versions, |lines, counts| {
            for feature in counts.features() {
                let name = escaped(feature.name);
                for (bin, count) in feature.bins.iter().enumerate() {
                    lines.add(format_args!(",feature=\"{name}\",bin=\"{bin}\""), *count);
                }
            }
        });
        let help = "Values of answered rows that were missing.";
        family(text, FEATURE_MISSING, help, &versions, |lines, counts| {
            for feature in counts.features() {
                let name = escaped(feature.name);
                lines.add(format_args!(",feature=\"{name}\""), feature.missing);
            }
        });
        let help = "Values of answered rows whose category training never saw.";
        family(text, FEATURE_UNSEEN, help, &versions, |lines, counts| {
            for feature in counts.features() {
                let name = escaped(feature.name);
                lines.add(format_args!(",feature=\"{name}\""), feature.unseen);
            }
        });
        let help =
            "Predictions by the bins of those that the version's baseline has: `bin` is the index.";
        family(text, PREDICTION_BIN, help, &versions, |lines, counts| {
            for (bin, count) in counts.prediction().iter().enumerate() {
                lines.add(format_args!(",bin=\"{bin}\""), *count);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Distribution>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A version with its counts, read once for all families.
struct Version<'a> {
    labels: String,
    counts: Counts<'a>,
}

impl<'a> Version<'a> {
    fn new(distribution: &'a Distribution) -> Self {
        let model = escaped(&distribution.model);
        Self {
            labels: format!("model=\"{model}\",version=\"{}\"", distribution.version),
            counts: distribution.counts(),
        }
    }
}

/// The lines of a version in a family.
struct Lines<'a> {
    text: &'a mut String,
    name: &'a str,
    labels: &'a str,
}

impl Lines<'_> {
    fn add(&mut self, more_labels: std::fmt::Arguments<'_>, count: u64) {
        let Self { name, labels, .. } = self;
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{name}{{{labels}{more_labels}}} {count}");
    }
}

fn family(
    text: &mut String,
    name: &str,
    help: &str,
    versions: &[Version<'_>],
    write: impl Fn(&mut Lines<'_>, &Counts<'_>),
) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
    for Version { labels, counts } in versions {
        write(&mut Lines { text, name, labels }, counts);
    }
    text.push('\n');
}

/// A label's value as the text format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

#[cfg(test)]
mod tests;
