//! A sample of predictions: what came from the inference servers, once each.

use registry::ModelName;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError};
use crate::clock::{Millis, Minute};

/// One row of a request that was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    /// Its place in the request.
    pub(crate) row: u32,
    pub(crate) time: Millis,
    /// JSON: each feature's value by its name.
    pub(crate) inputs: String,
    pub(crate) prediction: f64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct EventCounts {
    pub(crate) accepted: u64,
    /// Known before: a batch that was sent again.
    pub(crate) duplicates: u64,
    /// Older than events are kept.
    pub(crate) expired: u64,
}

/// An event with what turned out to be true, where that is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecentEvent {
    pub(crate) version: u64,
    pub(crate) event: Event,
    pub(crate) actual: Option<f64>,
}

impl Store {
    /// Adds the events of one version that are not there yet; those before `oldest` are left out.
    pub(crate) async fn add_events(
        &self,
        model: ModelName,
        version: u64,
        events: Vec<Event>,
        oldest: Minute,
    ) -> Result<EventCounts, StoreError> {
        self.write(move |tx| {
            let mut counts = EventCounts::default();
            let mut insert = tx.prepare_cached(
                "INSERT INTO events (request_id, row, model, version, time_ms, inputs, prediction)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            )?;
            for event in events {
                let minute = event.time.minute();
                if minute < oldest {
                    counts.expired += 1;
                    continue;
                }
                let Event { request_id, row, time, inputs, prediction } = event;
                let name = model.as_str();
                let n_new = insert
                    .execute(params![request_id, row, name, version, time.0, inputs, prediction])?;
                if n_new == 0 {
                    counts.duplicates += 1;
                } else {
                    counts.accepted += 1;
                    mark_changed(tx, name, version, minute)?;
                }
            }
            Ok(counts)
        })
        .await
    }

    /// The latest events of a model, the newest first.
    pub(crate) async fn recent_events(
        &self,
        model: ModelName,
        n_events: usize,
    ) -> Result<Vec<RecentEvent>, StoreError> {
        self.read(move |tx| {
            let mut select = tx.prepare_cached(
                "SELECT version, request_id, row, events.time_ms, inputs, prediction, actual
                 FROM events LEFT JOIN actuals USING (request_id, row)
                 WHERE model = ?1 ORDER BY events.time_ms DESC, request_id, row LIMIT ?2",
            )?;
            let events = select.query_map(params![model.as_str(), n_events], |row| {
                Ok(RecentEvent {
                    version: row.get(0)?,
                    event: Event {
                        request_id: row.get(1)?,
                        row: row.get(2)?,
                        time: Millis(row.get(3)?),
                        inputs: row.get(4)?,
                        prediction: row.get(5)?,
                    },
                    actual: row.get(6)?,
                })
            })?;
            Ok(events.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// The version and the minute of a prediction; none where it is not known (yet).
pub(super) fn minute_of(
    tx: &Transaction<'_>,
    request_id: &str,
    row: u32,
) -> Result<Option<(String, u64, Minute)>, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT model, version, time_ms FROM events WHERE request_id = ?1 AND row = ?2",
    )?;
    let found = select.query_row(params![request_id, row], |row| {
        Ok((row.get(0)?, row.get(1)?, Millis(row.get(2)?).minute()))
    });
    Ok(found.optional()?)
}

/// Notes that the pairs of a minute are to be summed up anew.
pub(super) fn mark_changed(
    tx: &Transaction<'_>,
    model: &str,
    version: u64,
    minute: Minute,
) -> Result<(), StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO changed_minutes (model, version, minute) VALUES (?1, ?2, ?3)
         ON CONFLICT DO NOTHING",
    )?;
    insert.execute(params![model, version, minute.0])?;
    Ok(())
}
