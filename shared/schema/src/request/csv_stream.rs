//! CSV in pieces: chunks of whole rows that can be read one by one or side by side, whatever the length of the whole.

use super::csv_body::{CsvHeader, Text};
use super::csv_records::{Scanner, Span};
use super::{Filling, Form, ReadOptions, Request, RequestError};
use crate::Signature;

/// How much of a stream is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvLimits {
    /// A chunk is handed out once it has so many bytes; it may be longer by one record.
    pub chunk_bytes: usize,
    /// The longest record; with a longer one the stream ends.
    pub max_record_bytes: usize,
}

/// Takes a CSV in pieces of any size and gives its header, then its rows in chunks.
///
/// It reads as [`Signature::read_csv`] does and says the same of what does not fit.
/// It holds what was pushed and not yet handed out.
///
/// # Examples
///
/// ```
/// # let signature: schema::Signature = serde_json::from_str(r#"{
/// #   "features": [{"name": "carat", "dtype": "number"}],
/// #   "outputs": [{"name": "price", "dtype": "number", "range": {"minimum": 1, "maximum": 2}}]
/// # }"#).unwrap();
/// use schema::{CsvLimits, CsvStream, ReadOptions};
///
/// let options = ReadOptions::default();
/// let mut stream = CsvStream::new(CsvLimits { chunk_bytes: 4, max_record_bytes: 100 });
/// stream.push(b"carat\n0.9\n0.");
/// let header = stream.header(&signature, options)?.expect("a whole line");
/// let chunk = stream.next_chunk()?.expect("a whole row");
/// assert_eq!(chunk.read(&signature, &header, options)?.rows.row(0), [0.9]);
/// stream.push(b"3");
/// stream.finish();
/// let chunk = stream.next_chunk()?.expect("the last row");
/// assert_eq!((chunk.first_row(), chunk.line_of(1)), (1, 3));
/// assert!(stream.next_chunk()?.is_none());
/// # Ok::<(), schema::RequestError>(())
/// ```
#[derive(Debug)]
pub struct CsvStream {
    limits: CsvLimits,
    /// What was handed out (`..taken`) and what was not.
    buffer: Vec<u8>,
    taken: usize,
    scanner: Scanner,
    /// Records that were found and not handed out.
    spans: Vec<Span>,
    fault: Option<RequestError>,
    is_last: bool,
    /// Where `taken` stands.
    row: usize,
    line: usize,
}

impl CsvStream {
    /// Waits for the first piece.
    pub fn new(limits: CsvLimits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            taken: 0,
            scanner: Scanner::new(limits.max_record_bytes),
            spans: Vec::new(),
            fault: None,
            is_last: false,
            row: 0,
            line: 1,
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.scanner.shift(self.taken);
            let taken = std::mem::take(&mut self.taken);
            for span in &mut self.spans {
                *span = span.without_first(taken);
            }
        }
        self.buffer.extend_from_slice(piece);
    }

    /// Says that no piece will follow.
    pub fn finish(&mut self) {
        self.is_last = true;
    }

    /// Reads the header; none where more bytes are needed for that. To be called once, before any chunk.
    ///
    /// # Errors
    ///
    /// Where it does not fit the signature, or is none.
    pub fn header(
        &mut self,
        signature: &Signature,
        options: ReadOptions,
    ) -> Result<Option<CsvHeader>, RequestError> {
        let found = self.scanner.next(&self.buffer, self.is_last);
        if found == Ok(None) && !self.is_last {
            return Ok(None);
        }
        let text = Text::new(&self.buffer, 1);
        let found = found.map_err(|fault| text.invalid(fault, self.limits.max_record_bytes))?;
        let mut header = CsvHeader::read(signature, options, &text, found)?;
        let end = found.map_or(0, |span| span.end);
        header.bytes = self.buffer[..end].to_vec();
        self.take(end);
        Ok(Some(header))
    }

    /// The next rows; none where more bytes are needed for a chunk of them, or none are left.
    ///
    /// # Errors
    ///
    /// Where it is no CSV, once all rows before that were handed out; where there is no row at all.
    pub fn next_chunk(&mut self) -> Result<Option<CsvChunk>, RequestError> {
        self.scan();
        let n_bytes = self.n_found_bytes();
        let is_due = n_bytes >= self.limits.chunk_bytes || self.is_last || self.fault.is_some();
        if n_bytes > 0 && is_due {
            return Ok(Some(self.cut(n_bytes)));
        }
        match &self.fault {
            Some(error) => Err(error.clone()),
            None if self.is_last && self.row == 0 => Err(RequestError::NoRows),
            None => Ok(None),
        }
    }

    /// Whether no piece will follow and all rows were handed out.
    pub fn is_finished(&self) -> bool {
        self.is_last && self.spans.is_empty()
    }

    /// What was pushed and not handed out: after the last chunk, the end of the last line.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// How many bytes it takes of memory, nearly.
    pub fn n_held_bytes(&self) -> usize {
        self.buffer.capacity() + self.spans.capacity() * size_of::<Span>()
    }

    fn scan(&mut self) {
        while self.fault.is_none() && self.n_found_bytes() < self.limits.chunk_bytes {
            match self.scanner.next(&self.buffer, self.is_last) {
                Ok(Some(span)) => self.spans.push(span),
                Ok(None) => break,
                Err(fault) => {
                    let text = Text::new(&self.buffer[self.taken..], self.line);
                    let fault = fault.without_first(self.taken);
                    self.fault = Some(text.invalid(fault, self.limits.max_record_bytes));
                }
            }
        }
    }

    /// How many bytes of whole records wait.
    fn n_found_bytes(&self) -> usize {
        self.spans.last().map_or(0, |span| span.end - self.taken)
    }

    fn cut(&mut self, n_bytes: usize) -> CsvChunk {
        let end = self.taken + n_bytes;
        let chunk = CsvChunk {
            bytes: self.buffer[self.taken..end].to_vec(),
            spans: self.spans.drain(..).map(|span| span.without_first(self.taken)).collect(),
            first_row: self.row,
            first_line: self.line,
        };
        self.row += chunk.n_rows();
        self.take(end);
        chunk
    }

    /// The bytes up to `end` are handed out.
    fn take(&mut self, end: usize) {
        self.line += memchr::memchr_iter(b'\n', &self.buffer[self.taken..end]).count();
        self.taken = end;
    }
}

/// Whole rows of a CSV, which can be read wherever and whenever.
#[derive(Debug)]
pub struct CsvChunk {
    /// From the end of the record before to the end of the last one.
    bytes: Vec<u8>,
    spans: Vec<Span>,
    first_row: usize,
    first_line: usize,
}

impl CsvChunk {
    /// Reads the rows; rows in warnings and errors are counted from the first of the whole CSV.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for the first thing that is not CSV or does not fit the signature.
    pub fn read(
        &self,
        signature: &Signature,
        header: &CsvHeader,
        options: ReadOptions,
    ) -> Result<Request, RequestError> {
        let text = Text::new(&self.bytes, self.first_line);
        let mut filling = Filling::new(signature, options);
        filling.first_row = self.first_row;
        filling.values.reserve_exact(self.n_rows() * signature.n_features());
        for span in &self.spans {
            header.read_record(&mut filling, &text, *span)?;
        }
        Ok(filling.into_request(Form::Many))
    }

    /// The bytes as they came: the chunks of a stream follow each other without a gap, behind the header.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each row ends in [`CsvChunk::bytes`], before its line end.
    pub fn row_ends(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.spans.iter().map(|span| span.end)
    }

    /// The number of rows, at least 1.
    pub fn n_rows(&self) -> usize {
        self.spans.len()
    }

    /// The first row, counted from 0 over the whole CSV.
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// The line, from 1, in which a row starts that is counted as in [`CsvChunk::first_row`].
    ///
    /// # Panics
    ///
    /// If the row is none of this chunk.
    pub fn line_of(&self, row: usize) -> usize {
        let text = Text::new(&self.bytes, self.first_line);
        text.line_at(self.spans[row - self.first_row].start)
    }

    /// How many bytes it takes of memory.
    pub fn n_held_bytes(&self) -> usize {
        self.bytes.capacity() + self.spans.capacity() * size_of::<Span>()
    }
}

#[cfg(test)]
mod tests;
