//! Where bytes come from: anything that can be opened twice and gives the same bytes again.
//!
//! A table to learn from is read in two passes, so an input is opened, not handed over. `unpack.rs` undoes gzip and zstd. What comes
//! over a network is one more implementation of [`Input`], outside of this crate: the trainer has it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::{DatasetError, Demand};

/// Bytes that can be read again from the start, whichever thread asks what they are.
pub trait Input: Sync {
    /// Where the bytes come from, as a person wrote it.
    fn location(&self) -> &str;

    /// Opens the bytes at their start.
    ///
    /// # Errors
    ///
    /// If they are not there or may not be read.
    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError>;

    /// How many bytes there are, packed where they are packed; none where that is not known before the end.
    fn n_bytes(&self) -> Option<u64> {
        None
    }
}

/// Finds the input that a location names: a path, or `synthetic:…`. Nothing is opened yet.
///
/// # Errors
///
/// [`DatasetError::Location`], if it is a URL, or a series that is not there.
///
/// # Examples
///
/// ```
/// assert_eq!(dataset::locate("data.csv.gz")?.location(), "data.csv.gz");
/// assert!(dataset::locate("ftp://host/data.csv").is_err());
/// # Ok::<(), dataset::DatasetError>(())
/// ```
pub fn locate(location: &str) -> Result<Box<dyn Input>, DatasetError> {
    if location.starts_with("synthetic:") {
        return Ok(Box::new(location.parse::<Demand>()?));
    }
    if let Some((scheme, _)) = location.split_once("://") {
        return Err(DatasetError::Location {
            location: location.to_owned(),
            reason: format!(
                "`{scheme}://` is not supported; expected a path or `synthetic:demand`"
            ),
        });
    }
    Ok(Box::new(FileInput::new(location)))
}

/// A file on a disk.
#[derive(Debug, Clone)]
pub struct FileInput {
    location: String,
    path: PathBuf,
}

impl FileInput {
    /// Names a file; nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { location: path.display().to_string(), path }
    }

    fn refused(&self, error: &io::Error) -> DatasetError {
        let location = self.location.clone();
        match error.kind() {
            io::ErrorKind::NotFound => DatasetError::NotFound { location },
            _ => DatasetError::Unreadable { location, reason: error.to_string() },
        }
    }
}

impl Input for FileInput {
    fn location(&self) -> &str {
        &self.location
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        // Asked first: opening a pipe would wait for a writer.
        let metadata = self.path.metadata().map_err(|error| self.refused(&error))?;
        if !metadata.is_file() {
            let found = if metadata.is_dir() { "a directory" } else { "not a regular file" };
            return Err(DatasetError::NotAFile { location: self.location.clone(), found });
        }
        let file = File::open(&self.path).map_err(|error| self.refused(&error))?;
        Ok(Box::new(file))
    }

    fn n_bytes(&self) -> Option<u64> {
        self.path.metadata().ok().map(|metadata| metadata.len())
    }
}

/// Bytes in memory.
///
/// # Examples
///
/// ```
/// use dataset::{MemoryInput, ReadOptions, read_input};
///
/// let mut csv = String::from("x,y\n");
/// (0..20).for_each(|i| csv.push_str(&format!("{i},{}\n", i * 2)));
/// let table = read_input(&MemoryInput::new("doubled", csv), &ReadOptions::new("y"))?;
/// assert_eq!(table.dataset.n_rows(), 20);
/// # Ok::<(), dataset::DatasetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemoryInput {
    location: String,
    bytes: Vec<u8>,
}

impl MemoryInput {
    /// Takes the bytes and a name for them.
    pub fn new(location: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { location: location.into(), bytes: bytes.into() }
    }
}

impl Input for MemoryInput {
    fn location(&self) -> &str {
        &self.location
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        Ok(Box::new(self.bytes.as_slice()))
    }

    fn n_bytes(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }
}
