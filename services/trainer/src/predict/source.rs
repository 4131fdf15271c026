//! Where rows come from: what `fit` reads from, read once, and standard input.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dataset::{DatasetError, Input};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use schema::CsvStream;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::remote;
use crate::stop::Stopped;
use crate::text::clean;
use crate::warning::Warning;

const STDIN: &str = "-";
/// How often a silent standard input is left to look for a signal.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const PIECE_BYTES: usize = 256 << 10;

/// An input that is found and not yet read.
pub(super) struct Source {
    input: Counted,
    pub(super) warnings: Vec<Warning>,
}

impl Source {
    /// Finds what a location names, and fetches it if it lies elsewhere.
    pub(super) fn open(location: &str, context: &Context<'_>) -> anyhow::Result<Self> {
        let (input, warning): (Box<dyn Input>, _) = if location == STDIN {
            (Box::new(Stdin { stop: context.stop.token().clone() }), None)
        } else {
            let located = remote::locate(location, context)?;
            (located.input, located.warning)
        };
        let warnings = warning.map(Warning::from).into_iter().collect();
        Ok(Self { input: Counted { input, n_read: Arc::default() }, warnings })
    }

    /// The location as messages have it.
    pub(super) fn shown(&self) -> String {
        match self.location() {
            STDIN => "standard input".to_owned(),
            location => format!("`{}`", clean(location)),
        }
    }

    pub(super) fn location(&self) -> &str {
        self.input.location()
    }

    /// The bytes as they lie there.
    pub(super) fn n_bytes(&self) -> Option<u64> {
        self.input.n_bytes()
    }

    /// How many of them are read so far.
    pub(super) fn n_read(&self) -> &AtomicU64 {
        &self.input.n_read
    }

    /// Opens it and unpacks what is packed.
    pub(super) fn bytes(&self) -> anyhow::Result<Bytes<'_>> {
        let reader = dataset::unpacked(&self.input)?;
        Ok(Bytes { source: self, reader, buffer: vec![0; PIECE_BYTES], is_empty: true })
    }
}

/// The bytes of a source on their way into a stream.
pub(super) struct Bytes<'a> {
    source: &'a Source,
    reader: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    is_empty: bool,
}

impl Bytes<'_> {
    /// Reads a piece, or ends the stream.
    pub(super) fn push_into(&mut self, stream: &mut CsvStream) -> anyhow::Result<()> {
        let n = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explained(error)),
                Ok(n) => break n,
            }
        };
        if n == 0 && self.is_empty {
            let location = self.source.location().to_owned();
            return Err(DatasetError::Empty { location }.into());
        }
        self.is_empty = false;
        stream.push(&self.buffer[..n]);
        if n == 0 {
            stream.finish();
        }
        Ok(())
    }

    /// An error that was wrapped on its way comes back as it was.
    fn explained(&self, error: io::Error) -> anyhow::Error {
        if let Some(inner) = error.get_ref() {
            if inner.is::<Stopped>() {
                return Stopped.into();
            }
            if inner.is::<DatasetError>() {
                return anyhow::anyhow!("{error}");
            }
        }
        anyhow::Error::new(error).context(format!("reading {}", self.source.shown()))
    }
}

/// Counts what is read of an input.
struct Counted {
    input: Box<dyn Input>,
    n_read: Arc<AtomicU64>,
}

impl Input for Counted {
    fn location(&self) -> &str {
        self.input.location()
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        Ok(Box::new(CountedReader { reader: self.input.open()?, n_read: &self.n_read }))
    }

    fn n_bytes(&self) -> Option<u64> {
        self.input.n_bytes()
    }
}

struct CountedReader<'a> {
    reader: Box<dyn Read + 'a>,
    n_read: &'a AtomicU64,
}

impl Read for CountedReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(out)?;
        self.n_read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Standard input, which may say nothing for long: a signal is heard all the same.
struct Stdin {
    stop: CancellationToken,
}

impl Input for Stdin {
    fn location(&self) -> &str {
        STDIN
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        Ok(Box::new(Patient { stdin: io::stdin().lock(), stop: &self.stop }))
    }
}

struct Patient<'a> {
    stdin: io::StdinLock<'static>,
    stop: &'a CancellationToken,
}

impl Read for Patient<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.is_cancelled() {
                return Err(io::Error::other(Stopped));
            }
            let mut fds = [PollFd::new(&self.stdin, PollFlags::IN)];
            match poll(&mut fds, Some(&LOOK)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => break,
                Err(error) => return Err(error.into()),
            }
        }
        // Not through the lock's own buffer, of which `poll` knows nothing.
        Ok(rustix::io::read(&self.stdin, out)?)
    }
}
