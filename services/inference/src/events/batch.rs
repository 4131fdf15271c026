//! The body of `POST /events`: events of one version, as many as fit.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use humantime::format_rfc3339_millis;
use ring::hmac;
use serde_json::json;

use super::queue::{Event, Waiting};

/// The most events of a batch.
const MAX_EVENTS: usize = 1_000;
/// The longest body.
const MAX_BYTES: usize = 1024 * 1024;
/// What closes a body.
const TAIL: &str = "]}";

/// Events on their way.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) body: Bytes,
    pub(super) n_events: usize,
    /// Events that are longer than a body may be; they are gone.
    pub(super) n_too_long: usize,
    /// Their places in the queue, until the metrics service has them.
    _taken: Vec<Waiting>,
}

impl Batch {
    /// Takes the oldest event, and what follows of the same version; none where nothing waits.
    pub(super) fn next(waiting: &mut VecDeque<Waiting>, key: Option<&hmac::Key>) -> Option<Self> {
        let columns = Arc::clone(&waiting.front()?.columns);
        let mut body = columns.head.clone();
        let (mut taken, mut n_too_long, mut others) = (Vec::new(), 0, VecDeque::new());
        while let Some(event) = waiting.pop_front() {
            if !Arc::ptr_eq(&event.columns, &columns) {
                others.push_back(event);
                continue;
            }
            let text = written(&event, key);
            let is_too_long = columns.head.len() + text.len() + TAIL.len() > MAX_BYTES;
            if is_too_long {
                n_too_long += 1;
                continue;
            }
            let is_full =
                taken.len() == MAX_EVENTS || body.len() + 1 + text.len() + TAIL.len() > MAX_BYTES;
            if is_full {
                waiting.push_front(event);
                break;
            }
            if !taken.is_empty() {
                body.push(',');
            }
            body.push_str(&text);
            taken.push(event);
        }
        others.append(waiting);
        *waiting = others;
        body.push_str(TAIL);
        Some(Self { body: body.into(), n_events: taken.len(), n_too_long, _taken: taken })
    }
}

fn written(event: &Event, key: Option<&hmac::Key>) -> String {
    json!({
        "request_id": &*event.request_id,
        "row": event.row,
        "time": format_rfc3339_millis(event.time).to_string(),
        "values": event.columns.values(&event.values, key),
        "prediction": event.prediction,
    })
    .to_string()
}

#[cfg(test)]
mod tests;
