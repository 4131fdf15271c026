//! What can go wrong with the database.

use std::path::PathBuf;

/// Why something was not stored, or not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The folder is not usable.
    #[error(
        "the data folder `{}` cannot be used: {source}; give another one with --data (CANOPY_DATA)",
        folder.display()
    )]
    Folder { folder: PathBuf, source: std::io::Error },
    /// A later release was here.
    #[error(
        "`{}` has tables of version {found}, and this release knows those up to {known}: it was \
         written by a later one; run that one, or give another folder with --data (CANOPY_DATA)",
        path.display()
    )]
    Later { path: PathBuf, found: u32, known: u32 },
    /// A value that is no value of ours: the file was changed by hand.
    #[error("a row of the database cannot be read: {0}")]
    Row(#[from] serde_json::Error),
    /// SQLite says no.
    #[error("the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The work was given up, as at the end of the process.
    #[error("the work on the database broke off: {0}")]
    Broken(tokio::task::JoinError),
}
