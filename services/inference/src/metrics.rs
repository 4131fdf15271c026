//! The time series of a model: handles made once, at start or when a version is loaded.
//!
//! How rows are spread is in `distribution_series.rs`; those of a challenger are in `challenger_series.rs`; those of HTTP, of rejections and of the process in
//! `service_kit`.

use std::sync::Arc;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use registry::{Manifest, ModelName};
use schema::WarningCode;
use service_kit::metrics::Exporter;

use crate::answered::AnsweredRows;
use crate::distribution::Distribution;
use crate::events::VersionEvents;
use crate::recording::Recording;

const PREDICTIONS: &str = "canopy_predictions_total";
const PREDICTION_DURATION: &str = "canopy_prediction_duration_seconds";
const INPUT_WARNINGS: &str = "canopy_input_warnings_total";
const MODEL_INFO: &str = "canopy_model_info";
const MODEL_LOADS: &str = "canopy_model_loads_total";
const MODEL_LOAD_DURATION: &str = "canopy_model_load_duration_seconds";

/// What a load came to: the label `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadOutcome {
    /// The version answers.
    Loaded,
    /// The version failed a check.
    Refused,
    /// The registry could not be read.
    Failed,
}

/// The series of a model's loads, and the maker of each version's own.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    recording: Recording,
    loads: [Counter; 3],
    load_duration: Histogram,
}

impl Series {
    pub(crate) fn new(recording: &Recording, model: &ModelName) -> Self {
        recording.exporter.register(|| {
            describe_counter!(PREDICTIONS, "Rows predicted.");
            describe_histogram!(
                PREDICTION_DURATION,
                "Time the model alone took for the rows of one request."
            );
            describe_counter!(
                INPUT_WARNINGS,
                "Values answered with a warning: unseen categories, numbers out of range."
            );
            describe_gauge!(
                MODEL_INFO,
                "1 for the version that is champion, 0 for others that were loaded."
            );
            describe_counter!(
                MODEL_LOADS,
                "Attempts to load a version: loaded, refused by a check, failed to read."
            );
            describe_histogram!(
                MODEL_LOAD_DURATION,
                "Time to read, verify and replay a version that was loaded."
            );
            let loads = ["loaded", "refused", "failed"].map(|outcome| {
                let counter =
                    counter!(MODEL_LOADS, "model" => model.to_string(), "outcome" => outcome);
                counter.absolute(0);
                counter
            });
            Self {
                recording: recording.clone(),
                loads,
                load_duration: histogram!(MODEL_LOAD_DURATION, "model" => model.to_string()),
            }
        })
    }

    pub(crate) fn exporter(&self) -> &Exporter {
        &self.recording.exporter
    }

    pub(crate) fn count_load(&self, outcome: LoadOutcome) {
        self.loads[outcome as usize].increment(1);
    }

    pub(crate) fn record_load(&self, seconds: f64) {
        self.load_duration.record(seconds);
    }

    /// Registers the series of a version, and opens the way for its events.
    pub(crate) fn of_model(&self, manifest: &Manifest) -> ModelSeries {
        let model = manifest.model.to_string();
        let version = manifest.version.to_string();
        let estimator = manifest.estimator.name.clone();
        let Recording { exporter, distributions, events } = &self.recording;
        exporter.register(|| ModelSeries {
            distribution: distributions.of_version(manifest),
            events: events.as_ref().map(|events| events.of_version(manifest)),
            predictions: counter!(
                PREDICTIONS, "model" => model.clone(), "version" => version.clone()
            ),
            duration: histogram!(
                PREDICTION_DURATION, "model" => model.clone(), "version" => version.clone()
            ),
            info: gauge!(
                MODEL_INFO,
                "model" => model.clone(), "version" => version.clone(), "estimator" => estimator
            ),
            warnings: manifest
                .signature
                .features()
                .iter()
                .map(|feature| {
                    let Some(code) = WarningCode::of(feature.dtype) else {
                        return Counter::noop();
                    };
                    counter!(
                        INPUT_WARNINGS,
                        "model" => model.clone(),
                        "version" => version.clone(),
                        "feature" => feature.name.clone(),
                        "code" => code.as_str()
                    )
                })
                .collect(),
        })
    }
}

/// The series of one version.
#[derive(Debug)]
pub(crate) struct ModelSeries {
    predictions: Counter,
    duration: Histogram,
    info: Gauge,
    /// By feature: each dtype has one kind of warning.
    warnings: Vec<Counter>,
    /// How rows and predictions are spread; none where the baseline does not fit.
    distribution: Option<Arc<Distribution>>,
    /// None where none are sent.
    events: Option<VersionEvents>,
}

impl ModelSeries {
    /// Notes that the version answers from now on.
    pub(crate) fn begin(&self, manifest: &Manifest) {
        if let Some(events) = &self.events {
            events.begin(manifest);
        }
    }

    /// Counts a request that was answered.
    pub(crate) fn record(&self, answered: &AnsweredRows<'_>, seconds: f64) {
        self.count(answered);
        self.observe(seconds);
    }

    /// Counts some rows of a request, and offers them as events.
    pub(crate) fn count(&self, answered: &AnsweredRows<'_>) {
        self.predictions.increment(answered.predictions.len() as u64);
        for (feature_idx, count) in answered.warnings.counts() {
            self.warnings[feature_idx].increment(count);
        }
        if let Some(distribution) = &self.distribution {
            distribution.count(answered.rows, answered.predictions, answered.warnings);
        }
        if let Some(events) = &self.events {
            events.offer(answered);
        }
    }

    /// Records the time that the model took for all rows of a request.
    pub(crate) fn observe(&self, seconds: f64) {
        self.duration.record(seconds);
    }

    /// Says whether this version is champion.
    pub(crate) fn set_active(&self, is_active: bool) {
        self.info.set(f64::from(u8::from(is_active)));
    }
}
