//! The latest predictions that were sampled.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::store::RecentEvent;

/// One prediction.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    time: String,
    request_id: &'a str,
    row: u32,
    version: u64,
    values: Map<String, Value>,
    prediction: f64,
    actual: Option<f64>,
}

impl<'a> Event<'a> {
    pub(super) fn of(recent: &'a RecentEvent) -> Self {
        let RecentEvent { version, event, actual } = recent;
        Self {
            time: event.time.rfc3339(),
            request_id: &event.request_id,
            row: event.row,
            version: *version,
            // It was an object when it was stored.
            values: serde_json::from_str(&event.inputs).unwrap_or_default(),
            prediction: event.prediction,
            actual: *actual,
        }
    }
}
