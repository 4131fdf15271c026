//! A zstd stream: frames one after another, each checked against what it says of itself.
//!
//! `ruzstd` decodes one frame; skippable frames, checksums and lengths are looked after here.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, FrameHeaderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, DEFAULT_MAX_WINDOW_SIZE, FrameDecoder};

use crate::DatasetError;

/// All frames of a stream. Memory is that of one frame's window, at most 128 MiB.
pub(crate) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// Bytes of the frame under way that were handed out.
    n_out: Option<u64>,
}

impl<R: BufRead> Frames<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), n_out: None }
    }

    pub(crate) fn get_ref(&self) -> &R {
        &self.source
    }

    pub(crate) fn into_inner(self) -> R {
        self.source
    }

    /// Whether there is a next frame, which is then begun.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            let length = match self.decoder.init(&mut self.source) {
                Ok(()) => {
                    self.n_out = Some(0);
                    return Ok(true);
                }
                Err(error) => skipped(error)?,
            };
            let n = io::copy(&mut Read::by_ref(&mut self.source).take(length), &mut io::sink())?;
            if n < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// What a frame says of itself once all of it was handed out.
    fn check(&self, n_out: u64) -> io::Result<()> {
        let declared = self.decoder.content_size(); // 0: not declared
        if declared != 0 && declared != n_out {
            return Err(io::Error::other(format!(
                "a frame of {declared} bytes unpacks to {n_out}"
            )));
        }
        let written = self.decoder.get_checksum_from_data();
        if written.is_some() && written != self.decoder.get_calculated_checksum() {
            return Err(io::Error::other("a checksum does not match"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(n_out) = self.n_out else {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            };
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let one_block = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder
                    .decode_blocks(&mut self.source, one_block)
                    .map_err(io::Error::other)?;
            }
            let n = self.decoder.read(out)?;
            if n > 0 || out.is_empty() {
                self.n_out = Some(n_out + n as u64);
                return Ok(n);
            }
            self.check(n_out)?;
            self.n_out = None;
        }
    }
}

/// The length of a frame that is to be skipped.
fn skipped(error: FrameDecoderError) -> io::Result<u64> {
    use FrameDecoderError as E;
    match error {
        E::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. }) => {
            Ok(length.into())
        }
        E::WindowSizeTooBig { .. }
        | E::FrameHeaderError(FrameHeaderError::WindowTooBig { .. })
        | E::FailedToInitialize(FrameHeaderError::WindowTooBig { .. }) => {
            Err(io::Error::other(DatasetError::NotText {
                found: "a zstd file of a window of more than 128 MiB",
                advice: "unpack it first: `zstd --decompress --long=31`",
            }))
        }
        E::DictNotProvided { .. } => Err(io::Error::other(DatasetError::NotText {
            found: "a zstd file that needs a dictionary",
            advice: "unpack it first: `zstd --decompress -D DICTIONARY`",
        })),
        error => Err(io::Error::other(error)),
    }
}

// The message above says so.
const _: () = assert!(DEFAULT_MAX_WINDOW_SIZE == 128 << 20);
