//! Live quality, as the state document has it.

use evaluation::live::{Figure, Quality};
use registry::{Manifest, ModelName};
use serde::Serialize;

use crate::config::Window;
use crate::quality::{self, Pairs, QualityPoint};
use crate::snapshot::Snapshot;

/// How well a version predicts, on the predictions that were sampled; figures are null without a pair.
#[derive(Debug, Serialize)]
pub(super) struct LiveQuality {
    version: u64,
    window: String,
    pairs: u64,
    predictions: u64,
    without_actual: u64,
    without_actual_ratio: Option<f64>,
    mae: Option<Figure>,
    rmse: Option<Figure>,
    bias: Option<Figure>,
    r2: Option<Figure>,
    training: Training,
    worse_than_training: Option<bool>,
    history: Vec<Point>,
}

#[derive(Debug, Serialize)]
struct Training {
    mae: f64,
    rmse: f64,
    r2: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Point {
    time: String,
    pairs: u64,
    mae: f64,
    rmse: f64,
    bias: f64,
}

impl LiveQuality {
    /// None where nothing of the version was sampled, or its manifest is not known.
    pub(super) fn of(
        snapshot: &Snapshot,
        model: &ModelName,
        version: u64,
        window: Window,
    ) -> Option<Self> {
        let manifest = snapshot.model(model)?.manifest(version)?;
        let pairs = snapshot.pairs(model, version, window)?;
        Some(Self::new(version, window, pairs, manifest))
    }

    fn new(version: u64, window: Window, pairs: &Pairs, manifest: &Manifest) -> Self {
        let live: Option<Quality> = pairs.quality(manifest);
        let scores = &manifest.scores.model;
        Self {
            version,
            window: window.to_string(),
            pairs: live.map_or(0, |live| live.pairs),
            predictions: pairs.n_predictions,
            without_actual: pairs.n_without_actual(),
            without_actual_ratio: pairs.without_actual_ratio(),
            mae: live.map(|live| live.mae),
            rmse: live.map(|live| live.rmse),
            bias: live.map(|live| live.bias),
            r2: live.and_then(|live| live.r2),
            training: Training { mae: scores.mae, rmse: scores.rmse, r2: scores.r2 },
            worse_than_training: live.and_then(|live| quality::is_worse(&live, manifest)),
            history: pairs.history(manifest).iter().map(Point::of).collect(),
        }
    }
}

impl Point {
    fn of(point: &QualityPoint) -> Self {
        let Quality { pairs, mae, rmse, bias, .. } = point.quality;
        let [mae, rmse, bias] = [mae, rmse, bias].map(|figure| figure.value);
        Self { time: point.time.rfc3339(), pairs, mae, rmse, bias }
    }
}
