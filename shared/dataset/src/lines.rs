//! The bytes of a table on their way to the CSV reader: checked, counted, a line at a time.
//!
//! The CSV reader never holds bytes of the line after the one it parses, so at the end of every
//! record this reader knows its lines exactly, and stops a record that does not end.

use std::io::{self, Read};

use schema::Quotes;

use crate::unpack::{Fingerprint, Unpacked};
use crate::{DatasetError, kind};

/// The most bytes that one row may have: 16 MiB.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

const CAPACITY: usize = 64 << 10;
const BOM: &[u8] = "\u{feff}".as_bytes();

/// What the record under way has taken so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) first_line: u64,
    pub(crate) last_line: u64,
    /// Whether a cell that is not quoted has spaces and then a quote at its start.
    pub(crate) has_spaced_quote: bool,
    n_bytes: usize,
}

pub(crate) struct Lines<'a> {
    input: Unpacked<'a>,
    /// Unpacked bytes so far.
    n_bytes: u64,
    /// `start..ready` is checked and waits to be handed out, `ready..end` is not looked at yet.
    buffer: Box<[u8]>,
    start: usize,
    ready: usize,
    end: usize,
    exhausted: bool,
    line: u64,
    line_ended: bool,
    span: Span,
    quotes: Quotes,
    spaced: Spaced,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(input: Unpacked<'a>) -> Self {
        Self {
            input,
            n_bytes: 0,
            buffer: vec![0; CAPACITY].into_boxed_slice(),
            start: 0,
            ready: 0,
            end: 0,
            exhausted: false,
            line: 0,
            line_ended: true,
            span: Span::default(),
            quotes: Quotes::default(),
            spaced: Spaced::default(),
        }
    }

    /// Where the record that just ended stands; the next byte belongs to the next record.
    pub(crate) fn end_record(&mut self) -> Result<Span, DatasetError> {
        let span = std::mem::take(&mut self.span);
        // A quoted cell that runs to the end of the file may have swallowed every row after it.
        let at_end = self.exhausted && self.start == self.end;
        if at_end && self.quotes.finish().is_err() {
            return Err(DatasetError::UnclosedQuote { line: span.first_line });
        }
        Ok(span)
    }

    /// Reads on to the end, or until more than `at_most` bytes lay there, for the sake of the hash.
    pub(crate) fn drain(self, at_most: u64) -> io::Result<Fingerprint> {
        self.input.drain(at_most)
    }

    fn refill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.ready, self.end) = (0, 0, self.end - self.start);
        let n = self.input.read(&mut self.buffer[self.end..])?;
        self.exhausted = n == 0;
        self.n_bytes += n as u64;
        self.end += n;
        Ok(())
    }

    /// Finds the rest of the line, or as much of it as the buffer holds.
    fn prepare(&mut self) -> io::Result<()> {
        let mut searched = 0;
        let length = loop {
            let held = &self.buffer[self.start..self.end];
            if let Some(length) = line_length(held, searched, self.exhausted) {
                break length;
            }
            if self.exhausted {
                break held.len();
            }
            if held.len() == CAPACITY {
                // A last carriage return waits for the line feed that may belong to it.
                break CAPACITY - usize::from(held.ends_with(b"\r"));
            }
            searched = held.len().saturating_sub(1);
            self.refill()?;
        };
        if length == 0 {
            return Ok(());
        }
        if self.line == 0 {
            kind::check(&self.buffer[self.start..self.end]).map_err(io::Error::other)?;
        }
        self.line += u64::from(std::mem::take(&mut self.line_ended));
        self.ready = self.start + self.checked(length)?;
        if self.n_bytes == self.end as u64 && self.start == 0 && self.buffer.starts_with(BOM) {
            self.start += BOM.len();
        }
        self.count()
    }

    /// How much of the chunk is UTF-8: all of it but for a character cut off by the buffer's end.
    fn checked(&self, length: usize) -> io::Result<usize> {
        let chunk = &self.buffer[self.start..self.start + length];
        let Err(error) = std::str::from_utf8(chunk) else {
            return Ok(length);
        };
        let cut_off = error.error_len().is_none() && length >= CAPACITY - 1;
        if cut_off {
            return Ok(error.valid_up_to());
        }
        let offset = self.n_bytes - (self.end - self.start) as u64;
        Err(io::Error::other(DatasetError::NotUtf8 {
            line: self.line,
            byte: offset + error.valid_up_to() as u64,
        }))
    }

    fn count(&mut self) -> io::Result<()> {
        let chunk = &self.buffer[self.start..self.ready];
        self.line_ended = chunk.ends_with(b"\n") || chunk.ends_with(b"\r");
        if self.span.n_bytes == 0 {
            if matches!(chunk, b"\n" | b"\r\n" | b"\r") {
                return Ok(()); // A blank line between records belongs to none.
            }
            self.span.first_line = self.line;
        }
        self.span.last_line = self.line;
        self.span.n_bytes += chunk.len();
        if self.quotes.feed(chunk).is_err() {
            return Err(io::Error::other(DatasetError::StrayQuote { line: self.span.first_line }));
        }
        self.span.has_spaced_quote |= self.spaced.feed(chunk);
        if self.span.n_bytes > MAX_RECORD_BYTES {
            return Err(io::Error::other(DatasetError::LineTooLong { line: self.span.first_line }));
        }
        Ok(())
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // More than one turn only after a chunk that was nothing but a byte order mark.
        while self.start == self.ready && !(self.exhausted && self.start == self.end) {
            self.prepare()?;
        }
        let n = out.len().min(self.ready - self.start);
        out[..n].copy_from_slice(&self.buffer[self.start..self.start + n]);
        self.start += n;
        Ok(n)
    }
}

/// Finds a quote behind nothing but spaces at the start of a cell, which is thereby not quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Spaced {
    #[default]
    CellStart,
    Spaces,
    Plain,
    Quoted,
    QuoteSeen,
}

impl Spaced {
    /// Takes the next bytes; whether there was one among them.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        // Most lines have no quote: what a whole one ends in is known.
        let is_whole = bytes.ends_with(b"\n") || bytes.ends_with(b"\r");
        if *self == Self::CellStart && is_whole && !bytes.contains(&b'"') {
            return false;
        }
        let mut is_found = false;
        for byte in bytes {
            is_found |= *self == Self::Spaces && *byte == b'"';
            *self = match (*self, byte) {
                (Self::CellStart | Self::QuoteSeen, b'"') => Self::Quoted,
                (Self::Quoted, b'"') => Self::QuoteSeen,
                (Self::Quoted, _) => Self::Quoted,
                (_, b',' | b'\n' | b'\r') => Self::CellStart,
                (Self::CellStart | Self::Spaces, b' ' | b'\t') => Self::Spaces,
                _ => Self::Plain,
            };
        }
        is_found
    }
}

/// The length of the first line with its end (`\n`, `\r\n` or `\r`), where the end is in sight.
fn line_length(held: &[u8], searched: usize, exhausted: bool) -> Option<usize> {
    let offset = held[searched..].iter().position(|&byte| byte == b'\n' || byte == b'\r')?;
    let end = searched + offset;
    match (held[end], held.get(end + 1)) {
        (b'\r', Some(b'\n')) => Some(end + 2),
        (b'\r', None) if !exhausted => None,
        _ => Some(end + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out at most `step` bytes a call.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn chunks(bytes: &[u8], step: usize) -> Vec<Vec<u8>> {
        let input = Unpacked::new("drip", Box::new(Drip(bytes, step))).expect("bytes");
        let mut lines = Lines::new(input);
        let mut out = vec![0; 2 * CAPACITY];
        let mut chunks = vec![];
        loop {
            let n = lines.read(&mut out).expect("valid bytes");
            if n == 0 {
                return chunks;
            }
            chunks.push(out[..n].to_vec());
        }
    }

    #[test]
    fn hands_out_one_line_at_a_time_whatever_ends_it() {
        for step in [1, 2, 3, 1000] {
            assert_eq!(
                chunks("\u{feff}a\nb\r\n\rü\n\nc".as_bytes(), step),
                ["a\n", "b\r\n", "\r", "ü\n", "\n", "c"].map(|line| line.as_bytes().to_vec()),
                "{step} bytes at a time"
            );
        }
        assert!(chunks("\u{feff}".as_bytes(), 1).is_empty());
    }

    #[test]
    fn a_long_line_arrives_whole_though_the_buffer_cuts_its_characters() {
        let text = format!("x{}\r\nend", "é€".repeat(100_000));
        for step in [7, 4096, usize::MAX] {
            assert_eq!(chunks(text.as_bytes(), step).concat(), text.as_bytes());
        }
    }
}
