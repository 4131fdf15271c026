//! What a round of scrapes adds, and what each replica's counters were: written together, so that a crash between
//! two rounds counts nothing twice and loses nothing.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError};
use crate::buckets::Buckets;
use crate::clock::{Millis, Minute};
use crate::fleet::{Answered, Counter, Gains, Route, Values};

/// A replica as it was last seen.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LastSeen {
    pub(crate) process_start_seconds: Option<f64>,
    pub(crate) seen: Millis,
    pub(crate) values: Values,
}

/// What one round took, of the replicas that answered.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) minute: Minute,
    /// The time since the round before that took anything.
    pub(crate) seconds: f64,
    pub(crate) taken: Vec<Taken>,
}

/// What one replica gave.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) url: String,
    pub(crate) process_start_seconds: Option<f64>,
    pub(crate) seen: Millis,
    /// Whether its process is another one than before.
    pub(crate) is_restart: bool,
    /// The counters that are not what they were.
    pub(crate) changed: Values,
    /// The time that the gains are of.
    pub(crate) seconds: f64,
    pub(crate) gains: Gains,
}

impl Store {
    /// How a replica was last seen; none where it never was.
    pub(crate) async fn last_seen(&self, url: String) -> Result<Option<LastSeen>, StoreError> {
        self.read(move |tx| {
            let replica = tx
                .prepare_cached(
                    "SELECT id, process_start_seconds, seen_ms FROM replicas WHERE url = ?1",
                )?
                .query_row([&url], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let Some((id, process_start_seconds, seen)) = replica else { return Ok(None) };
            let mut select =
                tx.prepare_cached("SELECT series, value FROM counters WHERE replica = ?1")?;
            let rows = select.query_map([id], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
            let mut values = Values::new();
            for row in rows {
                let (series, value) = row?;
                values.insert(serde_json::from_str(&series)?, value);
            }
            Ok(Some(LastSeen { process_start_seconds, seen: Millis(seen), values }))
        })
        .await
    }

    /// When a replica was last seen; none where none ever was.
    pub(crate) async fn last_round(&self) -> Result<Option<Millis>, StoreError> {
        self.read(|tx| {
            let last: Option<i64> =
                tx.query_row("SELECT max(seen_ms) FROM replicas", [], |row| row.get(0))?;
            Ok(last.map(Millis))
        })
        .await
    }

    /// Adds a round to the minutes, and remembers the counters it came from.
    pub(crate) async fn add_round(&self, round: Round) -> Result<(), StoreError> {
        self.write(move |tx| {
            tx.prepare_cached(
                "INSERT INTO rounds (minute, seconds) VALUES (?1, ?2)
                 ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds",
            )?
            .execute(params![round.minute.0, round.seconds])?;
            for taken in &round.taken {
                remember(tx, taken)?;
                add_traffic(tx, round.minute, taken)?;
            }
            add_versions(tx, &round)
        })
        .await
    }
}

fn remember(tx: &Transaction<'_>, taken: &Taken) -> Result<(), StoreError> {
    let id: i64 = tx
        .prepare_cached(
            "INSERT INTO replicas (url, process_start_seconds, seen_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (url) DO UPDATE
             SET process_start_seconds = excluded.process_start_seconds, seen_ms = excluded.seen_ms
             RETURNING id",
        )?
        .query_row(params![taken.url, taken.process_start_seconds, taken.seen.0], |row| {
            row.get(0)
        })?;
    if taken.is_restart {
        tx.prepare_cached("DELETE FROM counters WHERE replica = ?1")?.execute([id])?;
    }
    let mut upsert = tx.prepare_cached(
        "INSERT INTO counters (replica, series, value) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    for (counter, value) in &taken.changed {
        upsert.execute(params![id, key(counter)?, value])?;
    }
    Ok(())
}

fn key(counter: &Counter) -> Result<String, StoreError> {
    Ok(serde_json::to_string(counter)?)
}

fn add_traffic(tx: &Transaction<'_>, minute: Minute, taken: &Taken) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT latency FROM traffic_minutes WHERE minute = ?1 AND replica = ?2 AND route = ?3",
    )?;
    let mut upsert = tx.prepare_cached(
        "INSERT INTO traffic_minutes
             (minute, replica, route, seconds, answered, refused, failed, latency)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET
             seconds = seconds + excluded.seconds, answered = answered + excluded.answered,
             refused = refused + excluded.refused, failed = failed + excluded.failed,
             latency = excluded.latency",
    )?;
    for (route, traffic) in &taken.gains.routes {
        let route = route_name(*route);
        let latency = select.query_row(params![minute.0, taken.url, route], |row| row.get(0));
        let mut latency = buckets(latency.optional()?)?;
        latency.add(&traffic.latency);
        upsert.execute(params![
            minute.0,
            taken.url,
            route,
            taken.seconds,
            traffic.answered,
            traffic.refused,
            traffic.failed,
            serde_json::to_string(&latency)?,
        ])?;
    }
    Ok(())
}

fn add_versions(tx: &Transaction<'_>, round: &Round) -> Result<(), StoreError> {
    let mut select = tx.prepare_cached(
        "SELECT distributions, latency FROM version_minutes
         WHERE model = ?1 AND version = ?2 AND minute = ?3",
    )?;
    let mut upsert = tx.prepare_cached(
        "INSERT INTO version_minutes
             (model, version, minute, seconds, n_rows, distributions, latency)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET
             seconds = seconds + excluded.seconds, n_rows = n_rows + excluded.n_rows,
             distributions = excluded.distributions, latency = excluded.latency",
    )?;
    // Replicas answer side by side: the time is the longest of theirs, what they answered adds up.
    let mut versions = std::collections::BTreeMap::new();
    for taken in &round.taken {
        for (version, answered) in &taken.gains.versions {
            let (seconds, sum) = versions.entry(version).or_insert((0.0f64, Answered::default()));
            *seconds = seconds.max(taken.seconds);
            sum.add(answered);
        }
    }
    for ((model, version), (seconds, gained)) in versions {
        let key = params![model.as_str(), version, round.minute.0];
        let before = select.query_row(key, |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
        let (counts, latency) = before.optional()?.unzip();
        let counts = counts.map(|counts| serde_json::from_str(&counts)).transpose()?;
        let mut sum =
            Answered { n_rows: 0, counts: counts.unwrap_or_default(), latency: buckets(latency)? };
        sum.add(&gained);
        upsert.execute(params![
            model.as_str(),
            version,
            round.minute.0,
            seconds,
            gained.n_rows,
            serde_json::to_string(&sum.counts)?,
            serde_json::to_string(&sum.latency)?,
        ])?;
    }
    Ok(())
}

fn buckets(json: Option<String>) -> Result<Buckets, StoreError> {
    Ok(json.map(|json| serde_json::from_str(&json)).transpose()?.unwrap_or_default())
}

fn route_name(route: Route) -> &'static str {
    match route {
        Route::Predict => "predict",
        Route::Other => "other",
    }
}
