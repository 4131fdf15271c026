//! Forgetting: rows past their time go in small steps, between which others get to write.

use rusqlite::{Transaction, params};

use super::{Store, StoreError};
use crate::clock::Millis;

/// Rows that one transaction removes.
const STEP: usize = 2000;

/// How long after its time a minute of events still waits to be summed up: a day.
const MINUTES_OF_GRACE: i64 = 1440;

/// What is older goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cutoffs {
    /// Minutes, and replicas that were not seen since.
    pub(crate) minutes: Millis,
    /// Rows of events, and actuals.
    pub(crate) events: Millis,
}

impl Store {
    /// Removes what is past its time; gives how many rows that were.
    pub(crate) async fn forget(&self, cutoffs: Cutoffs) -> Result<usize, StoreError> {
        let minute = cutoffs.minutes.minute().0;
        // What nobody can sum up, as of a version whose manifest is gone, must not keep its events for ever.
        let changed = minute.max(cutoffs.events.minute().0 - MINUTES_OF_GRACE);
        // Whole minutes of events go, and none that is still to be summed up: its sum would miss what went.
        let events = cutoffs.events.minute().start().0;
        let settled = "NOT EXISTS (SELECT 1 FROM changed_minutes AS changed
             WHERE changed.model = events.model AND changed.version = events.version
             AND changed.minute = events.time_ms / 60000)";
        // An actual that came before its event stays as long as that one does.
        let unpaired = "NOT EXISTS (SELECT 1 FROM events
             WHERE events.request_id = actuals.request_id AND events.row = actuals.row)";
        let tables = [
            ("rounds", "minute", "minute", minute, "TRUE"),
            ("traffic_minutes", "minute, replica, route", "minute", minute, "TRUE"),
            ("version_minutes", "model, version, minute", "minute", minute, "TRUE"),
            ("changed_minutes", "model, version, minute", "minute", changed, "TRUE"),
            ("pair_minutes", "model, version, minute", "minute", minute, "TRUE"),
            ("replicas", "id", "seen_ms", cutoffs.minutes.0, "TRUE"),
            ("events", "request_id, row", "time_ms", events, settled),
            ("actuals", "request_id, row", "time_ms", events, unpaired),
        ];
        let mut removed = 0;
        for (table, key, time, before, condition) in tables {
            let sql = format!(
                "DELETE FROM {table} WHERE ({key}) IN
                 (SELECT {key} FROM {table} WHERE {time} < ?1 AND {condition} ORDER BY {time} LIMIT ?2)"
            );
            loop {
                let sql = sql.clone();
                let step = move |tx: &Transaction<'_>| {
                    Ok(tx.prepare_cached(&sql)?.execute(params![before, STEP])?)
                };
                let n_rows = self.write(step).await?;
                removed += n_rows;
                if n_rows < STEP {
                    break;
                }
            }
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_is_past_its_time_goes_however_much_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store
            .write(|tx| {
                tx.execute_batch(
                    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
                     INSERT INTO events SELECT 'r-' || i, 0, 'm', 1, i * 60000, '{}', 1.0 FROM n;
                     INSERT INTO actuals SELECT request_id, 0, 1.0, time_ms FROM events;
                     INSERT INTO rounds SELECT time_ms / 60000, 5.0 FROM events;
                     INSERT INTO traffic_minutes
                         SELECT minute, 'u', 'predict', 5.0, 1, 0, 0, '[]' FROM rounds;
                     INSERT INTO version_minutes SELECT 'm', 1, minute, 5.0, 1, '{}', '[]' FROM rounds;
                     INSERT INTO pair_minutes SELECT 'm', 1, minute, 1, 1, '{}' FROM rounds;
                     INSERT INTO replicas VALUES (1, 'old', NULL, 0), (2, 'new', NULL, 300000000);
                     INSERT INTO counters VALUES (1, 'a', 1.0), (2, 'a', 1.0);",
                )?;
                Ok(())
            })
            .await
            .unwrap();
        let cutoffs = Cutoffs { minutes: Millis(1000 * 60_000), events: Millis(4000 * 60_000) };
        assert_eq!(store.forget(cutoffs).await.unwrap(), 2 * 4000 + 4 * 1000 + 1);
        let left = [
            ("events", 1000),
            ("actuals", 1000),
            ("rounds", 4000),
            ("traffic_minutes", 4000),
            ("version_minutes", 4000),
            ("pair_minutes", 4000),
            ("replicas", 1),
            ("counters", 1),
        ];
        for (table, expected) in left {
            let sql = format!("SELECT count(*) FROM {table}");
            let count =
                move |tx: &Transaction<'_>| Ok(tx.query_row(&sql, [], |row| row.get::<_, u32>(0))?);
            assert_eq!(store.read(count).await.unwrap(), expected, "{table}");
        }
        assert_eq!(store.forget(cutoffs).await.unwrap(), 0);
    }
}
