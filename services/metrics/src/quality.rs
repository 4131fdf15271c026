//! Live quality over a window: predictions paired with what turned out to be true.

use std::collections::BTreeMap;

use evaluation::live::{Moments, Quality, Unit, worse_than_training};
use registry::{Manifest, ModelName};

use crate::clock::{Millis, Minute};
use crate::config::Window;
use crate::store::PairMinute;

/// What a chart of scores has room for: fewer points than one of traffic, so that each stands on more pairs.
const MAX_POINTS: i64 = 60;

/// The sampled predictions of one version in one window.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pairs {
    /// Those whose truth is known, and the others.
    pub(crate) n_predictions: u64,
    moments: Moments,
    /// By the start of each point's first minute, in order of time; points without a pair are not there.
    points: BTreeMap<Minute, Moments>,
}

/// The sampled predictions of a window, by version.
#[derive(Debug)]
pub(crate) struct WindowPairs {
    pub(crate) window: Window,
    first: Minute,
    step: i64,
    versions: BTreeMap<(ModelName, u64), Pairs>,
}

/// Quality at some minutes of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct QualityPoint {
    pub(crate) time: Millis,
    pub(crate) quality: Quality,
}

impl WindowPairs {
    /// Empty sums of a window that ends with the present minute.
    pub(crate) fn new(window: Window, now: Minute) -> Self {
        let n_minutes = i64::from(window.minutes);
        let step = (n_minutes + MAX_POINTS - 1) / MAX_POINTS;
        Self { window, first: Minute(now.0 - n_minutes + 1), step, versions: BTreeMap::new() }
    }

    /// The minute it starts with.
    pub(crate) fn first(&self) -> Minute {
        self.first
    }

    /// Adds a minute, if it lies in the window.
    pub(crate) fn add(&mut self, minute: &PairMinute) {
        if minute.minute < self.first {
            return;
        }
        let start = Minute(minute.minute.0.div_euclid(self.step) * self.step);
        let pairs = self.versions.entry((minute.model.clone(), minute.version)).or_default();
        pairs.n_predictions += minute.n_predictions;
        pairs.moments += minute.moments;
        if minute.moments.n > 0 {
            *pairs.points.entry(start).or_default() += minute.moments;
        }
    }

    /// The sums of a version; none where none of its predictions was sampled.
    pub(crate) fn version(&self, model: &ModelName, version: u64) -> Option<&Pairs> {
        self.versions.get(&(model.clone(), version))
    }
}

impl Pairs {
    /// The scores; none without a pair.
    pub(crate) fn quality(&self, manifest: &Manifest) -> Option<Quality> {
        self.moments.quality(unit(manifest))
    }

    /// Predictions whose truth is not known yet.
    pub(crate) fn n_without_actual(&self) -> u64 {
        self.n_predictions.saturating_sub(self.moments.n)
    }

    /// The share of them.
    pub(crate) fn without_actual_ratio(&self) -> Option<f64> {
        let n_predictions = self.n_predictions;
        (n_predictions > 0).then(|| self.n_without_actual() as f64 / n_predictions as f64)
    }

    /// The scores over time.
    pub(crate) fn history(&self, manifest: &Manifest) -> Vec<QualityPoint> {
        let unit = unit(manifest);
        let points = self.points.iter().filter_map(|(minute, moments)| {
            Some(QualityPoint { time: minute.start(), quality: moments.quality(unit)? })
        });
        points.collect()
    }
}

/// What moments of a version are summed in: it follows from the manifest, which never changes.
pub(crate) fn unit(manifest: &Manifest) -> Unit {
    Unit::of(&manifest.baseline.target)
}

/// Whether the live error is above that of training by more than chance explains; none where too little is known.
pub(crate) fn is_worse(quality: &Quality, manifest: &Manifest) -> Option<bool> {
    worse_than_training(quality.rmse, manifest.scores.model.rmse)
}
