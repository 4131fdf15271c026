//! The time series of challengers: handles made once, at start or when a challenger is loaded.

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};
use registry::{Manifest, Mode, ModelName};
use service_kit::metrics::Exporter;

use crate::trial::Figures;
use crate::veto::VetoReason;
use crate::window::Measured;

const REQUESTS: &str = "canopy_challenger_requests_total";
const DROPPED: &str = "canopy_challenger_dropped_total";
const DIVERGENCE: &str = "canopy_challenger_divergence";
const DIVERGENCE_WINDOW: &str = "canopy_challenger_divergence_window";
const DURATION: &str = "canopy_challenger_duration_seconds";
const ERROR_RATIO: &str = "canopy_challenger_error_ratio";
const INFO: &str = "canopy_challenger_info";
const PERCENT: &str = "canopy_challenger_percent";
const VETOES: &str = "canopy_challenger_vetoes_total";

/// Histograms that are not in seconds. The divergence is in standard deviations of the training target: what is
/// below a thousandth of one is rounding, what is above ten is another model altogether.
pub(crate) const BUCKETS: [(&str, &[f64]); 1] = [(
    DIVERGENCE,
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
)];

/// What a request came to for the challenger: the label `outcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It predicted.
    Ok,
    /// It refuses what the champion accepts.
    Refused,
    /// A prediction is not a finite number.
    NotFinite,
    /// It panicked.
    Panicked,
}

/// Why a request was not compared: the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// As much as may wait waits already.
    QueueFull,
    /// The body is longer than those that are compared.
    BodyTooLarge,
}

/// The series of a model's challengers, whichever version is one.
#[derive(Debug)]
pub(crate) struct TrialSeries {
    dropped: [Counter; 2],
    percent: Gauge,
}

impl TrialSeries {
    pub(crate) fn new(exporter: &Exporter, model: &ModelName) -> Self {
        exporter.register(|| {
            describe();
            let dropped = ["queue_full", "body_too_large"].map(|reason| {
                let counter = counter!(DROPPED, "model" => model.to_string(), "reason" => reason);
                counter.absolute(0);
                counter
            });
            let percent = gauge!(PERCENT, "model" => model.to_string());
            percent.set(0.0);
            Self { dropped, percent }
        })
    }

    pub(crate) fn count_dropped(&self, dropped: Dropped) {
        self.dropped[dropped as usize].increment(1);
    }

    /// Shows the share of requests that a challenger answers.
    pub(crate) fn set_percent(&self, percent: f64) {
        self.percent.set(percent);
    }
}

fn describe() {
    describe_counter!(
        REQUESTS,
        "Requests a challenger was asked as well as the champion, by whether it could answer."
    );
    describe_counter!(DROPPED, "Requests not compared, so that comparing holds up no answer.");
    describe_histogram!(
        DIVERGENCE,
        "Distance of a challenger's prediction from the champion's, a row, in standard deviations of the champion's training target."
    );
    describe_gauge!(
        DIVERGENCE_WINDOW,
        "The same over the last 1000 compared requests: the mean over rows, quantiles over requests."
    );
    describe_histogram!(
        DURATION,
        "Time the model alone took for a compared request, both measured on the comparison thread."
    );
    describe_gauge!(
        ERROR_RATIO,
        "Share of the last 1000 compared requests that the challenger could not answer."
    );
    describe_gauge!(INFO, "1 for the version on trial in its mode, 0 for those that were.");
    describe_gauge!(PERCENT, "Share of requests a canary answers, in percent; 0 without one.");
    describe_counter!(VETOES, "Trials ended because the challenger crossed a limit.");
}

/// The series of one challenger.
#[derive(Debug)]
pub(crate) struct ChallengerSeries {
    requests: [Counter; 4],
    divergence: Histogram,
    window: [Gauge; 4],
    champion_seconds: Histogram,
    challenger_seconds: Histogram,
    error_ratio: Gauge,
    /// Shadow first.
    info: [Gauge; 2],
    vetoes: [Counter; 3],
}

impl ChallengerSeries {
    pub(crate) fn new(exporter: &Exporter, manifest: &Manifest) -> Self {
        let model = manifest.model.to_string();
        let version = manifest.version.to_string();
        let labels = |name: &'static str, value: &'static str| {
            [("model", model.clone()), ("version", version.clone()), (name, value.to_owned())]
        };
        let both = [("model", model.clone()), ("version", version.clone())];
        exporter.register(|| Self {
            requests: ["ok", "refused", "not_finite", "panicked"].map(|outcome| {
                let counter = counter!(REQUESTS, &labels("outcome", outcome));
                counter.increment(0);
                counter
            }),
            divergence: histogram!(DIVERGENCE, &both),
            window: ["mean", "p50", "p90", "p99"]
                .map(|stat| gauge!(DIVERGENCE_WINDOW, &labels("stat", stat))),
            champion_seconds: histogram!(DURATION, &labels("role", "champion")),
            challenger_seconds: histogram!(DURATION, &labels("role", "challenger")),
            error_ratio: gauge!(ERROR_RATIO, &both),
            info: ["shadow", "canary"].map(|mode| gauge!(INFO, &labels("mode", mode))),
            vetoes: VetoReason::ALL.map(|reason| {
                let counter = counter!(VETOES, &labels("reason", reason.as_str()));
                counter.increment(0);
                counter
            }),
        })
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        self.requests[outcome as usize].increment(1);
    }

    /// Records the distance of one row's predictions.
    pub(crate) fn record_divergence(&self, divergence: f64) {
        self.divergence.record(divergence);
    }

    /// Records what both took for a request.
    pub(crate) fn record_seconds(&self, measured: &Measured) {
        self.champion_seconds.record(measured.champion_seconds);
        self.challenger_seconds.record(measured.challenger_seconds);
    }

    pub(crate) fn show_error_ratio(&self, error_ratio: f64) {
        self.error_ratio.set(error_ratio);
    }

    pub(crate) fn show(&self, figures: &Figures) {
        self.show_error_ratio(figures.error_ratio);
        if let Some(divergence) = figures.divergence {
            let stats = [divergence.mean, divergence.p50, divergence.p90, divergence.p99];
            self.window.iter().zip(stats).for_each(|(gauge, stat)| gauge.set(stat));
        }
    }

    /// Shows in which mode it is on trial; none ends it.
    pub(crate) fn set_mode(&self, mode: Option<Mode>) {
        for (gauge, shown) in self.info.iter().zip([Mode::Shadow, Mode::Canary]) {
            gauge.set(f64::from(u8::from(mode == Some(shown))));
        }
    }

    pub(crate) fn count_veto(&self, reason: VetoReason) {
        self.vetoes[reason as usize].increment(1);
    }
}
