//! Predictions and what turned out to be true, joined, and summed up by the minute of the prediction.
//!
//! A minute is summed up anew whenever something in it has changed: nothing is counted twice, in whatever order
//! events and actuals come, and a process that dies between leaves the minute marked.

use std::collections::HashMap;

use evaluation::live::{Moments, Unit};
use registry::ModelName;
use rusqlite::{Transaction, params};

use super::{Store, StoreError};
use crate::clock::Minute;

/// Minutes that one transaction sums up, so that others get to write between.
const STEP: usize = 100;

/// The unit that a version's moments are summed in.
pub(crate) type Units = HashMap<(ModelName, u64), Unit>;

/// The predictions of one version in one minute, of those that were sampled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PairMinute {
    pub(crate) model: ModelName,
    pub(crate) version: u64,
    pub(crate) minute: Minute,
    pub(crate) n_predictions: u64,
    pub(crate) moments: Moments,
}

struct Changed {
    model: String,
    version: u64,
    minute: i64,
}

impl Store {
    /// Sums up every minute that has changed, of the versions whose unit is known; the others stay marked.
    pub(crate) async fn pair(&self, units: Units) -> Result<(), StoreError> {
        for ((model, version), unit) in units {
            loop {
                let model = model.as_str().to_owned();
                let n_minutes = self.write(move |tx| pair_some(tx, &model, version, unit)).await?;
                if n_minutes < STEP {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The sums from `first` on, in order of time.
    pub(crate) async fn pair_minutes(&self, first: Minute) -> Result<Vec<PairMinute>, StoreError> {
        self.read(move |tx| {
            let mut select = tx.prepare_cached(
                "SELECT model, version, minute, n_predictions, moments FROM pair_minutes
                 WHERE minute >= ?1 ORDER BY minute",
            )?;
            let mut rows = select.query([first.0])?;
            let mut minutes = Vec::new();
            while let Some(row) = rows.next()? {
                // What was written there by hand is nobody's.
                let Ok(model) = row.get::<_, String>(0)?.parse() else { continue };
                minutes.push(PairMinute {
                    model,
                    version: row.get(1)?,
                    minute: Minute(row.get(2)?),
                    n_predictions: row.get(3)?,
                    moments: serde_json::from_str(&row.get::<_, String>(4)?)?,
                });
            }
            Ok(minutes)
        })
        .await
    }
}

fn pair_some(
    tx: &Transaction<'_>,
    model: &str,
    version: u64,
    unit: Unit,
) -> Result<usize, StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT minute FROM changed_minutes WHERE model = ?1 AND version = ?2 LIMIT ?3",
    )?;
    let changed = select.query_map(params![model, version, STEP], |row| {
        Ok(Changed { model: model.to_owned(), version, minute: row.get(0)? })
    })?;
    let changed = changed.collect::<Result<Vec<_>, _>>()?;
    changed.iter().try_for_each(|minute| pair_minute(tx, minute, unit))?;
    Ok(changed.len())
}

fn pair_minute(tx: &Transaction<'_>, changed: &Changed, unit: Unit) -> Result<(), StoreError> {
    let Changed { model, version, minute } = changed;
    let mut select = tx.prepare_cached(
        "SELECT prediction, actual FROM events LEFT JOIN actuals USING (request_id, row)
         WHERE model = ?1 AND version = ?2 AND events.time_ms >= ?3 AND events.time_ms < ?4",
    )?;
    let (start, end) = (Minute(*minute).start().0, Minute(minute + 1).start().0);
    let mut rows = select.query(params![model, version, start, end])?;
    let (mut n_predictions, mut moments) = (0_u64, Moments::default());
    while let Some(row) = rows.next()? {
        n_predictions += 1;
        if let Some(actual) = row.get(1)? {
            // A value too far away for any sum counts as none.
            let _ = moments.add(unit, row.get(0)?, actual);
        }
    }
    let mut upsert = tx.prepare_cached(
        "INSERT INTO pair_minutes (model, version, minute, n_predictions, n_pairs, moments)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET n_predictions = excluded.n_predictions,
             n_pairs = excluded.n_pairs, moments = excluded.moments",
    )?;
    let json = serde_json::to_string(&moments)?;
    upsert.execute(params![model, version, minute, n_predictions, moments.n, json])?;
    let mut settled = tx.prepare_cached(
        "DELETE FROM changed_minutes WHERE model = ?1 AND version = ?2 AND minute = ?3",
    )?;
    settled.execute(params![model, version, minute])?;
    Ok(())
}
