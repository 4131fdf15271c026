//! The bytes of an input on their way to [`crate::lines`]: hashed as they lie there, and unpacked.
//!
//! What is packed is known by how it begins, not by its name. Only a stream that was unpacked to its end, checksums
//! and all, ends; one that is cut off or damaged is an error. `zstd.rs` has the frames of a zstd stream.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

use crate::zstd::Frames;
use crate::{DatasetError, Input, kind};

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// A frame that zstd skips begins with 0x50 to 0x5f and then these; parallel compressors write one first.
const ZSTD_SKIPPED: &[u8] = b"\x2a\x4d\x18";
/// Looked at before anything is read; the kinds of `kind.rs` are within it as well.
const START_BYTES: u64 = 512;
const BUFFER_BYTES: usize = 64 << 10;

/// Opens an input to be read once, from start to end: its bytes, unpacked where they are packed.
///
/// # Errors
///
/// Where it cannot be opened, or begins like something that is no CSV. An error of the reader wraps a
/// [`DatasetError`] where what was packed is damaged or cut off.
///
/// # Examples
///
/// ```
/// use dataset::{MemoryInput, unpacked};
///
/// let mut text = String::new();
/// unpacked(&MemoryInput::new("rents", "size,rent\n"))?.read_to_string(&mut text).unwrap();
/// assert_eq!(text, "size,rent\n");
/// # Ok::<(), dataset::DatasetError>(())
/// ```
pub fn unpacked(input: &dyn Input) -> Result<Box<dyn Read + '_>, DatasetError> {
    let mut unpacked = Unpacked::open(input)?;
    let mut start = vec![];
    Read::by_ref(&mut unpacked).take(START_BYTES).read_to_end(&mut start).map_err(|error| {
        let reason = error.to_string();
        let inner = error.into_inner().and_then(|inner| inner.downcast().ok());
        inner.map_or_else(
            || DatasetError::Unreadable { location: input.location().to_owned(), reason },
            |error| *error,
        )
    })?;
    kind::check(&start)?;
    Ok(Box::new(Cursor::new(start).chain(unpacked)))
}

/// What a whole input came to, as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// In hexadecimal.
    pub(crate) sha256: String,
    pub(crate) n_bytes: u64,
}

/// The bytes of an input, unpacked where they are packed.
pub(crate) struct Unpacked<'a> {
    location: String,
    stream: Stream<'a>,
}

enum Stream<'a> {
    Plain(Begun<'a>),
    Gzip(Box<MultiGzDecoder<Begun<'a>>>),
    Zstd(Box<Frames<BufReader<Begun<'a>>>>),
}

/// The first bytes, which were looked at, and the others.
type Begun<'a> = Chain<Cursor<Vec<u8>>, Hashed<'a>>;

impl<'a> Unpacked<'a> {
    /// Opens an input and looks at its first bytes.
    pub(crate) fn open(input: &'a dyn Input) -> Result<Self, DatasetError> {
        Self::new(input.location(), input.open()?).map_err(|error| DatasetError::Unreadable {
            location: input.location().to_owned(),
            reason: error.to_string(),
        })
    }

    pub(crate) fn new(location: &str, input: Box<dyn Read + 'a>) -> io::Result<Self> {
        let mut hashed = Hashed { input, hasher: Sha256::new(), n_bytes: 0, is_unreadable: false };
        let mut start = vec![];
        Read::by_ref(&mut hashed).take(START_BYTES).read_to_end(&mut start)?;
        let is_gzip = start.starts_with(GZIP);
        let is_skipped = start.get(1..4) == Some(ZSTD_SKIPPED) && (0x50..=0x5f).contains(&start[0]);
        let is_zstd = start.starts_with(ZSTD) || is_skipped;
        let begun = Cursor::new(start).chain(hashed);
        let stream = if is_gzip {
            Stream::Gzip(Box::new(MultiGzDecoder::new(begun)))
        } else if is_zstd {
            let buffered = BufReader::with_capacity(BUFFER_BYTES, begun);
            Stream::Zstd(Box::new(Frames::new(buffered)))
        } else {
            Stream::Plain(begun)
        };
        Ok(Self { location: location.to_owned(), stream })
    }

    /// Reads on to the end, or until more than `at_most` bytes lay there, for the sake of the hash.
    pub(crate) fn drain(self, at_most: u64) -> io::Result<Fingerprint> {
        let begun = match self.stream {
            Stream::Plain(begun) => begun,
            Stream::Gzip(decoder) => decoder.into_inner(),
            Stream::Zstd(frames) => frames.into_inner().into_inner(),
        };
        let (_, mut hashed) = begun.into_inner();
        let mut buffer = vec![0; BUFFER_BYTES];
        while hashed.n_bytes <= at_most && hashed.read(&mut buffer)? > 0 {}
        let sha256 = hashed.hasher.finalize();
        Ok(Fingerprint {
            sha256: sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            n_bytes: hashed.n_bytes,
        })
    }

    /// What the reader of bytes said, in the words of this crate; it is left as it is where only reading failed.
    fn explained(&self, error: io::Error) -> io::Error {
        let (begun, format) = match &self.stream {
            Stream::Plain(_) => return error,
            Stream::Gzip(decoder) => (decoder.get_ref(), "gzip"),
            Stream::Zstd(frames) => (frames.get_ref().get_ref(), "zstd"),
        };
        let (_, hashed) = begun.get_ref();
        let inner = error.get_ref();
        let is_explained = inner.and_then(|inner| inner.downcast_ref::<DatasetError>()).is_some();
        if hashed.is_unreadable || is_explained {
            return error;
        }
        let reason =
            if is_cut_off(&error) { "it ends in the middle".into() } else { error.to_string() };
        io::Error::other(DatasetError::Damaged { location: self.location.clone(), format, reason })
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.stream {
            Stream::Plain(begun) => begun.read(out),
            Stream::Gzip(decoder) => decoder.read(out),
            Stream::Zstd(frames) => frames.read(out),
        };
        result.map_err(|error| self.explained(error))
    }
}

/// Whether a decoder wanted more bytes than there are, however deep it says so.
fn is_cut_off(error: &io::Error) -> bool {
    let is_end = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    let mut cause = error.get_ref().map(|inner| inner as &dyn std::error::Error);
    while let Some(inner) = cause {
        if inner.downcast_ref().is_some_and(is_end) {
            return true;
        }
        cause = inner.source();
    }
    is_end(error)
}

/// Bytes as they lie there.
struct Hashed<'a> {
    input: Box<dyn Read + 'a>,
    hasher: Sha256,
    n_bytes: u64,
    is_unreadable: bool,
}

impl Read for Hashed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(out) {
                Ok(n) => {
                    self.hasher.update(&out[..n]);
                    self.n_bytes += n as u64;
                    return Ok(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.is_unreadable = true;
                    return Err(error);
                }
            }
        }
    }
}
