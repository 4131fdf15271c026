//! The lock of a folder: it has no conditional put, so those who move an alias take turns.
//!
//! The kernel gives it back when its holder dies. Readers need none.

use std::fs::{File, OpenOptions, TryLockError};
use std::time::Duration;

use crate::{ModelName, Registry, RegistryError};

const LOCK: &str = ".lock";
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Each holder needs some milliseconds; whoever has it for this long hangs.
const WAIT: Duration = Duration::from_secs(30);

impl Registry {
    /// Waits for the turn to move an alias of this model; none where the store itself compares.
    pub(crate) async fn lock(&self, model: &ModelName) -> Result<Option<File>, RegistryError> {
        let Some(folder) = self.folder() else { return Ok(None) };
        let folder = folder.join(model.as_str());
        let path = folder.join(LOCK);
        let failed = |error: std::io::Error| RegistryError::Lock {
            path: path.display().to_string(),
            reason: error.to_string(),
        };
        if !folder.is_dir() {
            return Ok(None); // nothing was ever published, so there is nothing to move
        }
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(failed)?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) if waited < WAIT => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    waited += LOOK_EVERY;
                }
                Err(TryLockError::WouldBlock) => {
                    let reason =
                        "another process has held it for 30 s; see who has it open (fuser)";
                    return Err(failed(std::io::Error::other(reason)));
                }
                Err(TryLockError::Error(error)) => {
                    // Some network file systems have no locks: creating the entry still has one winner.
                    tracing::warn!(path = %path.display(), %error, "the folder cannot be locked");
                    return Ok(None);
                }
            }
        }
    }
}
