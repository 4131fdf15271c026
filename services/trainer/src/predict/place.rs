//! Where predictions go: standard output, or a file that appears whole or not at all.

use std::fs::Permissions;
use std::io::{self, Stdout, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::text::clean;

/// The name of standard output.
pub(super) const STDOUT: &str = "-";

/// A place to write to, one piece after the other.
#[derive(Debug)]
pub(super) enum Place {
    Stdout(Stdout),
    /// Written beside the file that it becomes; removed if it does not.
    File {
        beside: Option<NamedTempFile>,
        path: PathBuf,
    },
}

impl Place {
    /// Makes sure that the place can be written to; nothing that is there changes yet.
    pub(super) fn open(out: &str) -> anyhow::Result<Self> {
        if out == STDOUT {
            return Ok(Self::Stdout(io::stdout()));
        }
        let given = Path::new(out);
        let writing = || format!("writing to `{}`", clean(out));
        let mut mode = 0o666; // less the umask
        if let Ok(metadata) = given.metadata() {
            // A file that is there keeps who may read it.
            mode = metadata.permissions().mode();
            anyhow::ensure!(
                metadata.is_file(),
                "`{}` is {}; give the path of a file, or - for standard output",
                clean(out),
                if metadata.is_dir() { "a directory" } else { "not a regular file" },
            );
        }
        // Where a link leads, not in place of the link.
        let path = given.canonicalize().unwrap_or_else(|_| given.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = tempfile::Builder::new()
            .prefix(".canopy-predict-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .with_context(writing)?;
        Ok(Self::File { beside: Some(beside), path })
    }

    /// Writes all of it.
    pub(super) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.write_all(bytes).context("writing to standard output"),
            Self::File { beside, path } => {
                let file = beside.as_mut().context("the file is closed")?.as_file_mut();
                file.write_all(bytes).with_context(|| writing(path))
            }
        }
    }

    /// All of it is there: the file takes its name.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush().context("writing to standard output"),
            Self::File { beside, path } => {
                let beside = beside.take().context("the file is closed")?;
                // A name that outlives a power failure must not name an empty file.
                beside.as_file().sync_all().with_context(|| writing(path))?;
                beside.persist(&*path).map(drop).with_context(|| writing(path))
            }
        }
    }
}

fn writing(path: &Path) -> String {
    format!("writing to `{}`", clean(&path.display().to_string()))
}
