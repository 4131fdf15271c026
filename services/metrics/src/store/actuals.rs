//! The truth about predictions: it comes late, twice, corrected, or before the prediction is known.

use rusqlite::{OptionalExtension, params};

use super::events::{mark_changed, minute_of};
use super::{Store, StoreError};
use crate::clock::Millis;

/// What turned out to be true for one row of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Actual {
    pub(crate) request_id: String,
    /// Its place in the request.
    pub(crate) row: u32,
    /// In the target's unit; finite.
    pub(crate) actual: f64,
}

/// What became of some actuals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ActualCounts {
    /// New ones.
    pub(crate) accepted: u64,
    /// Known before, with the same value.
    pub(crate) duplicates: u64,
    /// Known before, with another value, which is replaced.
    pub(crate) corrected: u64,
    /// Of all these, those whose prediction is not known; they wait for it.
    pub(crate) unmatched: u64,
}

impl Store {
    /// Adds all of them or none; where one comes twice, the later one counts.
    pub(crate) async fn add_actuals(
        &self,
        actuals: Vec<Actual>,
        now: Millis,
    ) -> Result<ActualCounts, StoreError> {
        self.write(move |tx| {
            let mut counts = ActualCounts::default();
            let mut known =
                tx.prepare_cached("SELECT actual FROM actuals WHERE request_id = ?1 AND row = ?2")?;
            let mut upsert = tx.prepare_cached(
                "INSERT INTO actuals (request_id, row, actual, time_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET actual = excluded.actual, time_ms = excluded.time_ms",
            )?;
            for Actual { request_id, row, actual } in actuals {
                let before: Option<f64> =
                    known.query_row(params![request_id, row], |row| row.get(0)).optional()?;
                match before {
                    None => counts.accepted += 1,
                    Some(before) if before == actual => counts.duplicates += 1,
                    Some(_) => counts.corrected += 1,
                }
                let prediction = minute_of(tx, &request_id, row)?;
                counts.unmatched += u64::from(prediction.is_none());
                if before == Some(actual) {
                    continue;
                }
                upsert.execute(params![request_id, row, actual, now.0])?;
                if let Some((model, version, minute)) = prediction {
                    mark_changed(tx, &model, version, minute)?;
                }
            }
            Ok(counts)
        })
        .await
    }
}
