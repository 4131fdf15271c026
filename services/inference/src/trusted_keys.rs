//! The keys that versions must be signed with, read again at each look so that they rotate without a restart.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use registry::{RegistryError, TrustedKey};

use crate::patience::Complaint;

/// Key files, and what they held when all of them could last be read.
#[derive(Debug)]
pub(crate) struct TrustedKeys {
    files: Vec<PathBuf>,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    keys: Arc<[TrustedKey]>,
    complaint: Complaint,
}

impl TrustedKeys {
    /// Reads the files; none where there are none, and so nothing to trust in.
    ///
    /// # Errors
    ///
    /// Names the first file that cannot be read or is no key.
    pub(crate) fn read(files: &[PathBuf]) -> Result<Option<Self>, RegistryError> {
        if files.is_empty() {
            return Ok(None);
        }
        let last = Last { keys: read(files)?, complaint: Complaint::default() };
        Ok(Some(Self { files: files.to_vec(), last: Mutex::new(last) }))
    }

    /// The keys as the files have them now; as they were, while a file cannot be used. Blocks.
    pub(crate) fn read_again(&self) -> Arc<[TrustedKey]> {
        let found = read(&self.files);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(keys) => {
                let is_mended = last.complaint.settle().is_some();
                if is_mended || keys != last.keys {
                    let ids: Vec<_> = keys.iter().map(TrustedKey::id).collect();
                    tracing::info!(?ids, "trusted keys read again");
                }
                last.keys = keys;
            }
            Err(error) => {
                if last.complaint.is_new(&error.to_string()) {
                    tracing::error!(%error, "the trusted keys stay as they were");
                }
            }
        }
        Arc::clone(&last.keys)
    }
}

fn read(files: &[PathBuf]) -> Result<Arc<[TrustedKey]>, RegistryError> {
    files.iter().map(|file| TrustedKey::from_file(file)).collect()
}
