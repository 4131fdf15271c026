//! Bringing the tables up to date: one SQL file for each step, numbered as `user_version` counts them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// The steps in order; the first makes version 1 out of an empty file. A step that was released never changes.
const STEPS: [&str; 1] = [include_str!("migrations/1.sql")];

/// Runs the steps that are still to be done, all or none.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = STEPS.len() as u32;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Later { path: path.to_owned(), found, known });
    }
    for step in &STEPS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;
    use crate::store::{FILE, Store};

    fn connection(folder: &TempDir) -> Connection {
        Connection::open(folder.path().join(FILE)).unwrap()
    }

    fn version(folder: &TempDir) -> u32 {
        connection(folder).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_empty_folder_gets_the_newest_tables_and_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(&folder.path().join("made")).unwrap();
        for _ in 0..2 {
            drop(Store::open(folder.path()).unwrap());
            assert_eq!(version(&folder), STEPS.len() as u32);
        }
    }

    #[tokio::test]
    async fn a_database_of_version_1_is_brought_up_to_date_with_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let dump = include_str!("../../tests/fixtures/version-1.sql");
        connection(&folder).execute_batch(dump).unwrap();
        assert_eq!(version(&folder), 1);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(version(&folder), STEPS.len() as u32);
        let count = |table: &str| format!("SELECT count(*) FROM {table}");
        for table in [
            "replicas",
            "counters",
            "rounds",
            "traffic_minutes",
            "version_minutes",
            "events",
            "actuals",
            "pair_minutes",
        ] {
            let sql = count(table);
            let n_rows: u32 =
                store.read(move |tx| Ok(tx.query_row(&sql, [], |row| row.get(0))?)).await.unwrap();
            assert!(n_rows > 0, "{table}");
        }
    }

    #[test]
    fn a_later_release_s_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap();
        connection(&folder).pragma_update(None, "user_version", 99).unwrap();
        let error = Store::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("version 99") && error.contains("--data"), "{error}");
        assert_eq!(version(&folder), 99);
    }

    #[test]
    fn says_what_to_do_about_a_folder_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-file");
        std::fs::write(&file, "").unwrap();
        let error = Store::open(&file).unwrap_err().to_string();
        assert!(error.contains("a-file") && error.contains("--data"), "{error}");
        std::fs::write(folder.path().join(FILE), "no database at all, but some text").unwrap();
        let error = Store::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a database"), "{error}");
    }
}
