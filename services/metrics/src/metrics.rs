//! The time series whose labels are known from the start: handles made once.
//!
//! Those of models, features and replicas, which come and go, are in `series.rs`.

use std::time::Duration;

use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use service_kit::metrics::Exporter;

use crate::fleet::Trouble;

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
