//! The latest requests that a champion answered, kept in a file for the trainer to replay.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, TryLockError};
use std::time::Instant;

use bytes::Bytes;
use registry::ModelName;

/// Bodies that are kept: enough for a replay to meet what callers really send.
const MAX_BODIES: usize = 1_000;
/// Longer bodies are left out: a thousand of these are 8 MiB.
const MAX_BODY_BYTES: usize = 8 * 1024;
/// Between two bodies, so at most 50 a second: the sample spans at least 20 seconds of traffic.
const PACE_MS: u64 = 20;

/// Requests in memory, and the file they go to.
#[derive(Debug)]
pub(crate) struct RequestSample {
    file: PathBuf,
    started: Instant,
    /// Milliseconds since the start before which nothing more is taken.
    next_ms: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bodies: VecDeque<Bytes>,
    is_changed: bool,
}

impl RequestSample {
    pub(crate) fn new(folder: &Path, model: &ModelName) -> Self {
        Self {
            file: folder.join(format!("{model}.jsonl")),
            started: Instant::now(),
            next_ms: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    /// Takes a JSON body that was answered. Never waits: while the file is written, it takes nothing.
    pub(crate) fn offer(&self, body: &[u8]) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if body.len() > MAX_BODY_BYTES || now_ms < self.next_ms.load(Ordering::Relaxed) {
            return;
        }
        let Ok(mut kept) = self.kept.try_lock() else { return };
        self.next_ms.store(now_ms.saturating_add(PACE_MS), Ordering::Relaxed);
        if kept.bodies.len() == MAX_BODIES {
            kept.bodies.pop_front();
        }
        kept.bodies.push_back(Bytes::copy_from_slice(body));
        kept.is_changed = true;
    }

    /// Writes the file if anything came since it was last written.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made or written to; what was to be written is tried again the next time.
    pub(crate) fn save(&self) -> Result<(), String> {
        let bodies = {
            let mut kept = match self.kept.try_lock() {
                Ok(kept) => kept,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Ok(()), // a request has it; the next poll will do
            };
            if !std::mem::take(&mut kept.is_changed) {
                return Ok(());
            }
            kept.bodies.clone()
        };
        self.write(&bodies).map_err(|error| {
            if let Ok(mut kept) = self.kept.try_lock() {
                kept.is_changed = true;
            }
            format!("the request sample {} cannot be written: {error}", self.file.display())
        })
    }

    fn write(&self, bodies: &VecDeque<Bytes>) -> std::io::Result<()> {
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let half = self.file.with_extension("jsonl.part");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&half)?);
        for body in bodies {
            file.write_all(&line(body))?;
        }
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        std::fs::rename(&half, &self.file)
    }
}

/// A body in one line. Inside of a string JSON has no line breaks, so those there are mean nothing.
fn line(body: &[u8]) -> Vec<u8> {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    body.iter().filter(|byte| !is_break(byte)).chain(b"\n").copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(folder: &Path) -> RequestSample {
        RequestSample::new(folder, &"m".parse().expect("a valid name"))
    }

    /// As if enough time had passed since the last one.
    fn offer(sample: &RequestSample, body: &str) {
        sample.next_ms.store(0, Ordering::Relaxed);
        sample.offer(body.as_bytes());
    }

    #[test]
    fn keeps_the_latest_bodies_a_line_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let sample = sample(&folder.path().join("made/by/it"));
        for n in 0..MAX_BODIES + 5 {
            offer(&sample, &format!("{{\r\n\"features\":\n[{n}, \"a\\nb\"]}}"));
        }
        offer(&sample, &"x".repeat(MAX_BODY_BYTES + 1));
        sample.save().expect("written");
        let text = std::fs::read_to_string(&sample.file).expect("readable");
        assert_eq!(text.lines().count(), MAX_BODIES);
        assert_eq!(text.lines().next(), Some(r#"{"features":[5, "a\nb"]}"#));
        let others = std::fs::read_dir(folder.path().join("made/by/it")).expect("listed");
        assert_eq!(others.count(), 1, "no half file is left");
    }

    #[test]
    fn writes_only_what_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let sample = sample(folder.path());
        sample.save().expect("nothing to do");
        assert!(!sample.file.exists());
        offer(&sample, "{}");
        sample.save().expect("written");
        std::fs::remove_file(&sample.file).expect("removed");
        sample.save().expect("nothing to do");
        assert!(!sample.file.exists());
    }

    #[test]
    fn takes_no_more_than_its_pace() {
        let folder = tempfile::tempdir().expect("a folder");
        let sample = sample(folder.path());
        offer(&sample, "{}");
        sample.next_ms.store(u64::MAX, Ordering::Relaxed);
        sample.offer(b"{}");
        assert_eq!(sample.kept.lock().expect("free").bodies.len(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "").expect("written");
        let mut sample = sample(&folder.path().join("file"));
        offer(&sample, "{}");
        let error = sample.save().expect_err("it is no folder");
        assert!(error.contains("m.jsonl cannot be written"), "{error}");
        sample.file = folder.path().join("m.jsonl");
        sample.save().expect("written");
        assert!(sample.file.exists());
    }
}
