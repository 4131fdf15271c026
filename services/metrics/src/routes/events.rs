//! `POST /events`: batches of predictions from the inference servers.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use registry::ModelName;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::{self, Format, Listed};
use crate::app::AppState;
use crate::clock::{self, Millis, Minute};
use crate::error::ApiError;
use crate::store::Event;

/// Inference servers send 1 MiB at most; as values in memory a body takes many times its length.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// One version's events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// Who sends them, for the log.
    replica: String,
    #[serde(rename = "started_at")]
    _started_at: String,
    model: ModelName,
    version: u64,
    /// In the order of each event's values.
    features: Vec<String>,
    events: Listed<Sent>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    request_id: String,
    row: u32,
    time: String,
    values: Vec<Value>,
    prediction: f64,
}

pub(crate) async fn take(
    State(app): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    body::expect(&headers, &[Format::Json])?;
    let limit = app.max_body().min(MAX_BATCH_BYTES);
    let (bytes, share) = app.body_budget.read(body, limit).await?.into_parts();
    let parsed = tokio::task::spawn_blocking(move || body::json::<Batch>(&bytes));
    let batch = parsed.await.map_err(ApiError::internal)??;
    if i64::try_from(batch.version).is_err() {
        let reason = format!("expected a version's number, got {}", batch.version);
        return Err(ApiError::Invalid { place: "version".to_owned(), reason });
    }
    let now = clock::now();
    let features = &batch.features;
    let events = batch.events.0.into_iter().enumerate();
    let events = events.map(|(idx, sent)| {
        sent.event(features, now)
            .map_err(|reason| ApiError::Invalid { place: format!("events[{idx}]"), reason })
    });
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let oldest = app.oldest_event(now);
    let counts = app.store.add_events(batch.model, batch.version, events, oldest).await?;
    drop(share);
    if counts.expired > 0 {
        let (replica, n_events) = (&batch.replica, counts.expired);
        tracing::warn!(replica, n_events, "events came later than events are kept");
    }
    app.series.count_events(counts);
    let answer = json!({
        "accepted": counts.accepted,
        "duplicates": counts.duplicates,
        "expired": counts.expired,
    });
    Ok(body::answer(StatusCode::ACCEPTED, &answer))
}

impl Sent {
    fn event(self, features: &[String], now: Millis) -> Result<Event, String> {
        body::check_request_id(&self.request_id)?;
        let (n_values, n_features) = (self.values.len(), features.len());
        if n_values != n_features {
            return Err(format!(
                "expected {n_features} values, one for each feature, got {n_values}"
            ));
        }
        let time = Millis::parse(&self.time)
            .ok_or_else(|| format!("time: expected RFC 3339 in UTC, got `{}`", self.time))?;
        let inputs: Map<_, _> = features.iter().cloned().zip(self.values).collect();
        Ok(Event {
            request_id: self.request_id,
            row: self.row,
            // Another machine's clock may be ahead; what comes tomorrow would be in no window today.
            time: time.min(now),
            inputs: Value::Object(inputs).to_string(),
            prediction: self.prediction,
        })
    }
}

impl crate::app::App {
    /// The first minute whose events are still kept.
    fn oldest_event(&self, now: Millis) -> Minute {
        now.minus(self.config.store.event_retention).minute()
    }
}
