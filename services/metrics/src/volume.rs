//! How large a disk is, and how much of it is free.

use std::path::Path;

/// The file system that a folder is on, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) size_bytes: u64,
    /// What this process may still take.
    pub(crate) free_bytes: u64,
}

impl Volume {
    /// Asks the system; none where it does not say. May take as long as the disk does.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        let figures = rustix::fs::statvfs(folder).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(figures.f_frsize);
        Some(Self { size_bytes: bytes(figures.f_blocks), free_bytes: bytes(figures.f_bavail) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_on_a_volume_and_nowhere_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::of(folder.path()).unwrap();
        assert!(volume.size_bytes > 0 && volume.free_bytes <= volume.size_bytes);
        assert_eq!(Volume::of(Path::new("/nowhere")), None);
    }
}
