//! Reading the minutes of a window.

use registry::ModelName;
use rusqlite::{Row, Transaction};

use super::{Store, StoreError};
use crate::clock::Minute;
use crate::fleet::{Answered, Route, Traffic};

/// The requests of one replica in one minute.
#[derive(Debug)]
pub(crate) struct TrafficMinute {
    pub(crate) minute: Minute,
    pub(crate) replica: String,
    pub(crate) route: Route,
    /// The time they came in.
    pub(crate) seconds: f64,
    pub(crate) traffic: Traffic,
}

/// What one version answered in one minute.
#[derive(Debug)]
pub(crate) struct VersionMinute {
    pub(crate) minute: Minute,
    pub(crate) model: ModelName,
    pub(crate) version: u64,
    pub(crate) seconds: f64,
    pub(crate) answered: Answered,
}

/// Takes the minutes of a window one by one, in order of time: a month of them need not be in memory.
pub(crate) trait Scan {
    /// The time that the rounds of a minute speak for.
    fn add_round(&mut self, minute: Minute, seconds: f64);
    fn add_traffic(&mut self, minute: &TrafficMinute);
    fn add_version(&mut self, minute: &VersionMinute);
}

impl Store {
    /// Shows a scan the minutes from `first` on, as they are at one moment.
    pub(crate) async fn scan<S: Scan + Send + 'static>(
        &self,
        first: Minute,
        mut scan: S,
    ) -> Result<S, StoreError> {
        self.read(move |tx| {
            rounds(tx, first, &mut scan)?;
            traffic(tx, first, &mut scan)?;
            versions(tx, first, &mut scan)?;
            Ok(scan)
        })
        .await
    }
}

fn rounds(tx: &Transaction<'_>, first: Minute, scan: &mut impl Scan) -> Result<(), StoreError> {
    let mut select =
        tx.prepare_cached("SELECT minute, seconds FROM rounds WHERE minute >= ?1 ORDER BY minute")?;
    let mut rows = select.query([first.0])?;
    while let Some(row) = rows.next()? {
        scan.add_round(Minute(row.get(0)?), row.get(1)?);
    }
    Ok(())
}

fn traffic(tx: &Transaction<'_>, first: Minute, scan: &mut impl Scan) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT minute, replica, route, seconds, answered, refused, failed, latency
         FROM traffic_minutes WHERE minute >= ?1 ORDER BY minute",
    )?;
    let mut rows = select.query([first.0])?;
    while let Some(row) = rows.next()? {
        let is_predict = text(row, 2)? == "predict";
        scan.add_traffic(&TrafficMinute {
            minute: Minute(row.get(0)?),
            replica: row.get(1)?,
            route: if is_predict { Route::Predict } else { Route::Other },
            seconds: row.get(3)?,
            traffic: Traffic {
                answered: row.get(4)?,
                refused: row.get(5)?,
                failed: row.get(6)?,
                latency: serde_json::from_str(text(row, 7)?)?,
            },
        });
    }
    Ok(())
}

fn versions(tx: &Transaction<'_>, first: Minute, scan: &mut impl Scan) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT minute, model, version, seconds, n_rows, distributions, latency
         FROM version_minutes WHERE minute >= ?1 ORDER BY minute",
    )?;
    let mut rows = select.query([first.0])?;
    while let Some(row) = rows.next()? {
        // What was written there by hand is nobody's.
        let Ok(model) = text(row, 1)?.parse() else { continue };
        scan.add_version(&VersionMinute {
            minute: Minute(row.get(0)?),
            model,
            version: row.get(2)?,
            seconds: row.get(3)?,
            answered: Answered {
                n_rows: row.get(4)?,
                counts: serde_json::from_str(text(row, 5)?)?,
                latency: serde_json::from_str(text(row, 6)?)?,
            },
        });
    }
    Ok(())
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, StoreError> {
    Ok(row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?)
}
