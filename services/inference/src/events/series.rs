//! What became of events: each row that was answered is counted once, as soon as that is known.

use metrics::{Counter, counter, describe_counter};
use service_kit::metrics::Exporter;

const EVENTS: &str = "canopy_prediction_events_total";

/// Counters of events, not of batches.
#[derive(Debug, Clone)]
pub(super) struct EventSeries {
    pub(super) sent: Counter,
    pub(super) dropped: Counter,
    pub(super) failed: Counter,
}

impl EventSeries {
    pub(super) fn new(exporter: &Exporter) -> Self {
        exporter.register(|| {
            describe_counter!(
                EVENTS,
                "Answered rows by what became of their event: sent, dropped over --event-rate or a full queue, failed at the metrics service."
            );
            let outcome = |outcome: &'static str| {
                let counter = counter!(EVENTS, "outcome" => outcome);
                counter.absolute(0);
                counter
            };
            Self { sent: outcome("sent"), dropped: outcome("dropped"), failed: outcome("failed") }
        })
    }
}
