//! The time series whose labels are known from the start: handles made once.
//!
//! Those of models, features and replicas, which come and go, are in `series.rs`.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use service_kit::metrics::Exporter;

use crate::fleet::Trouble;
use crate::store::{ActualCounts, EventCounts};

/// What looks at replicas came to.
#[derive(Debug, Clone)]
pub(crate) struct ScrapeSeries {
    ok: Counter,
    unreachable: Counter,
    invalid: Counter,
    timeout: Counter,
    duration: Histogram,
}

impl ScrapeSeries {
    pub(crate) fn new(exporter: &Exporter) -> Self {
        const NAME: &str = "canopy_scrapes_total";
        exporter.register(|| {
            describe_counter!(NAME, "Replicas asked for their numbers, by what came of it.");
            describe_histogram!(
                "canopy_scrape_duration_seconds",
                "Time a replica took to give its numbers, or until it was given up."
            );
            let outcome = |outcome: &'static str| {
                let counter = counter!(NAME, "outcome" => outcome);
                counter.absolute(0);
                counter
            };
            Self {
                ok: outcome("ok"),
                unreachable: outcome("unreachable"),
                invalid: outcome("invalid"),
                timeout: outcome("timeout"),
                duration: histogram!("canopy_scrape_duration_seconds"),
            }
        })
    }

    pub(crate) fn record(&self, trouble: Option<&Trouble>, took: Duration) {
        let outcome = match trouble {
            None => &self.ok,
            Some(Trouble::Unreachable(_)) => &self.unreachable,
            Some(Trouble::Invalid(_)) => &self.invalid,
            Some(Trouble::Timeout(_)) => &self.timeout,
        };
        outcome.increment(1);
        self.duration.record(took);
    }
}

/// What inference servers and people's systems sent.
#[derive(Debug, Clone)]
pub(crate) struct IntakeSeries {
    /// Accepted, duplicate, expired.
    events: [Counter; 3],
    /// Accepted, duplicate, corrected, unmatched.
    actuals: [Counter; 4],
}

impl IntakeSeries {
    pub(crate) fn new(exporter: &Exporter) -> Self {
        const EVENTS: &str = "canopy_events_received_total";
        const ACTUALS: &str = "canopy_actuals_received_total";
        exporter.register(|| {
            describe_counter!(EVENTS, "Prediction events that were stored, by what became of them.");
            describe_counter!(
                ACTUALS,
                "Actuals that were stored, by what became of them; unmatched ones wait for their prediction."
            );
            let counter = |name: &'static str, outcome: &'static str| {
                let counter = counter!(name, "outcome" => outcome);
                counter.absolute(0);
                counter
            };
            Self {
                events: ["accepted", "duplicate", "expired"].map(|outcome| counter(EVENTS, outcome)),
                actuals: ["accepted", "duplicate", "corrected", "unmatched"]
                    .map(|outcome| counter(ACTUALS, outcome)),
            }
        })
    }

    pub(crate) fn count_events(&self, counts: EventCounts) {
        let EventCounts { accepted, duplicates, expired } = counts;
        for (counter, n) in self.events.iter().zip([accepted, duplicates, expired]) {
            counter.increment(n);
        }
    }

    pub(crate) fn count_actuals(&self, counts: ActualCounts) {
        let ActualCounts { accepted, duplicates, corrected, unmatched } = counts;
        for (counter, n) in self.actuals.iter().zip([accepted, duplicates, corrected, unmatched]) {
            counter.increment(n);
        }
    }
}
