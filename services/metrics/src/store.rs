//! What the service remembers: an SQLite database in WAL mode, in one file of the data folder.
//!
//! One connection writes, so that a transaction never waits for another one; readers have their own and see the
//! state before it. Both work on threads where waiting for a disk holds up nobody.
//! Each table has a file of its own below; the tables themselves are in `migrations/`.

mod actuals;
mod error;
mod events;
mod migrations;
mod pairs;
mod retention;
mod scrapes;
mod windows;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub(crate) use actuals::{Actual, ActualCounts};
pub(crate) use error::StoreError;
pub(crate) use events::{Event, EventCounts, RecentEvent};
pub(crate) use pairs::{PairMinute, Units};
pub(crate) use retention::Cutoffs;
pub(crate) use scrapes::{LastSeen, Round, Taken};
pub(crate) use windows::{Scan, TrafficMinute, VersionMinute};

use crate::volume::Volume;

/// The database's name in the data folder.
const FILE: &str = "metrics.sqlite";
/// Whoever has it locked has the folder: two services would count everything twice.
const LOCK: &str = "metrics.lock";
/// Another process that has the file, such as `sqlite3` on a terminal, is waited for this long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What a connection prepares once: a little more than there are statements.
const STATEMENTS: usize = 64;

/// The database; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Given back by the system when the process ends, however it does.
    _lock: File,
    writer: Mutex<Connection>,
    /// Those that nobody reads with now.
    readers: Mutex<Vec<Connection>>,
}

impl Store {
    /// Opens the database in a folder, which is made where it is not there, and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be written to, the file is no database, or a later release has written it.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Folder { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let lock = lock_folder(folder).map_err(unusable)?;
        let path = folder.join(FILE);
        let mut writer = connect(&path, OpenFlags::default())?;
        // Acknowledged is on the disk: WAL alone would lose the latest transactions with the power.
        writer.pragma_update(None, "journal_mode", "WAL")?;
        writer.pragma_update(None, "synchronous", "FULL")?;
        writer.pragma_update(None, "foreign_keys", true)?;
        migrations::run(&mut writer, &path)?;
        let (writer, readers) = (Mutex::new(writer), Mutex::default());
        Ok(Self(Arc::new(Inner { path, _lock: lock, writer, readers })))
    }

    /// Runs one transaction: all of it is on the disk when this returns, or none is there.
    ///
    /// # Errors
    ///
    /// What the closure says, or where the disk fails.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let mut writer = lock(&inner.writer);
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        })
        .await
    }

    /// Reads one consistent state, whatever is written meanwhile.
    ///
    /// # Errors
    ///
    /// What the closure says, or where the disk fails.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            let idle = lock(&inner.readers).pop();
            let mut reader = idle.map_or_else(|| connect(&inner.path, read_only()), Ok)?;
            let result = work(&reader.transaction()?);
            lock(&inner.readers).push(reader);
            result
        })
        .await
    }

    /// What the database takes on its disk, with what is not yet written back, and how large that disk is.
    ///
    /// # Errors
    ///
    /// Where the process ends meanwhile.
    pub(crate) async fn size(&self) -> Result<(u64, Option<Volume>), StoreError> {
        let path = self.0.path.clone();
        blocking(move || {
            let wal = path.with_extension("sqlite-wal");
            let files = [&path, &wal].into_iter().filter_map(|file| file.metadata().ok());
            let volume = path.parent().and_then(Volume::of);
            Ok((files.map(|file| file.len()).sum(), volume))
        })
        .await
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Readers keep the WAL's index in shared memory, for which the file itself has to be writable.
fn read_only() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Takes the folder for this process; that it can be written to is seen by that as well.
fn lock_folder(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join(LOCK))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::other("another canopy-metrics is running on it"),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(StoreError::Broken(error)))
}

/// A panic amid a transaction has rolled it back, so the connection is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
