//! Where the records of a CSV begin and end, and the cells of one; what they mean is in `csv_body.rs`.
//!
//! A record ends with `\n`, `\r\n`, `\r` or the input; a blank line is none. Quotes are those of RFC 4180, read strictly
//! as in [`crate::Quotes`]: a stray one would join cells or rows, so that rows would go missing.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

use crate::QuoteFault;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// The bytes of one record, without its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// The same bytes once the first `n` are gone.
    pub(super) fn without_first(self, n: usize) -> Self {
        Self { start: self.start - n, end: self.end - n }
    }
}

/// Why there is no next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Quote { at: usize, fault: QuoteFault },
    TooLong { start: usize },
}

impl Fault {
    /// The same once the first `n` bytes are gone.
    pub(super) fn without_first(self, n: usize) -> Self {
        match self {
            Self::Quote { at, fault } => Self::Quote { at: at - n, fault },
            Self::TooLong { start } => Self::TooLong { start: start - n },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A byte order mark may stand here.
    Begin,
    Between,
    /// In a record, and not in a quoted cell.
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: its end, or half of an escaped quote.
    QuoteSeen,
}

/// Finds one record after the other; bytes that it has looked at are not looked at again.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    at: usize,
    /// Where the record under way starts, or the blank lines before it.
    start: usize,
    max_record_bytes: usize,
}

impl Scanner {
    pub(super) fn new(max_record_bytes: usize) -> Self {
        Self { state: State::Begin, at: 0, start: 0, max_record_bytes }
    }

    /// The next record of `bytes`; none where its end is not among them, or there is none after the last ones.
    ///
    /// What comes later is added at the end of the same bytes.
    pub(super) fn next(&mut self, bytes: &[u8], is_last: bool) -> Result<Option<Span>, Fault> {
        loop {
            let rest = &bytes[self.at..];
            match self.state {
                State::Begin => {
                    if rest.len() < BOM.len() && BOM.starts_with(rest) && !is_last {
                        return Ok(None);
                    }
                    self.at += if rest.starts_with(BOM) { BOM.len() } else { 0 };
                    (self.state, self.start) = (State::Between, self.at);
                }
                State::Between => {
                    // Blank lines are held as a record is, and bounded alike.
                    let is_text = |byte: &u8| !matches!(byte, b'\n' | b'\r');
                    let Some(n) = rest.iter().position(is_text) else {
                        self.at = bytes.len();
                        return self.short_enough(self.at).map(|()| None);
                    };
                    self.short_enough(self.at + n)?;
                    (self.at, self.start) = (self.at + n, self.at + n);
                    self.state = State::Plain;
                }
                State::Plain => {
                    let Some(n) = memchr3(b'"', b'\n', b'\r', rest) else {
                        return self.pending(bytes, is_last);
                    };
                    let found = self.at + n;
                    self.at = found + 1;
                    if bytes[found] != b'"' {
                        return self.record(found);
                    }
                    // Within a cell that does not begin with one, a quote is text.
                    if found == self.start || bytes[found - 1] == b',' {
                        self.state = State::Quoted;
                    }
                }
                State::Quoted => {
                    let Some(n) = memchr(b'"', rest) else {
                        return self.pending(bytes, is_last);
                    };
                    self.at += n + 1;
                    self.state = State::QuoteSeen;
                }
                State::QuoteSeen => {
                    self.state = match rest.first() {
                        None => return self.pending(bytes, is_last),
                        Some(b'"') => State::Quoted,
                        Some(b',') => State::Plain,
                        Some(b'\n' | b'\r') => {
                            self.at += 1;
                            return self.record(self.at - 1);
                        }
                        Some(_) => return self.stray(self.at, QuoteFault::TextAfterQuote),
                    };
                    self.at += 1;
                }
            }
        }
    }

    /// Forgets `n` bytes that were taken from the front.
    pub(super) fn shift(&mut self, n: usize) {
        self.at -= n;
        self.start = self.start.saturating_sub(n); // none is under way where it lies before
    }

    fn pending(&mut self, bytes: &[u8], is_last: bool) -> Result<Option<Span>, Fault> {
        self.at = bytes.len();
        match self.state {
            State::Quoted if is_last => self.stray(self.at, QuoteFault::LeftOpen),
            _ if is_last => self.record(self.at),
            _ => self.short_enough(self.at).map(|()| None),
        }
    }

    fn record(&mut self, end: usize) -> Result<Option<Span>, Fault> {
        self.short_enough(end)?;
        let record = Span { start: self.start, end };
        (self.state, self.start) = (State::Between, self.at);
        Ok(Some(record))
    }

    fn stray(&self, at: usize, fault: QuoteFault) -> Result<Option<Span>, Fault> {
        // Said first, so that the pieces do not matter: a piece may end before this quote.
        self.short_enough(at)?;
        Err(Fault::Quote { at, fault })
    }

    fn short_enough(&self, end: usize) -> Result<(), Fault> {
        if end - self.start > self.max_record_bytes {
            return Err(Fault::TooLong { start: self.start });
        }
        Ok(())
    }
}

/// The cells of one record whose quotes are right.
#[derive(Debug, Clone)]
pub(super) struct Cells<'a>(Option<&'a str>);

impl<'a> Cells<'a> {
    pub(super) fn of(record: &'a str) -> Self {
        Self(Some(record))
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0?;
        let (cell, behind) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside),
            None => {
                let end = rest.bytes().position(|byte| byte == b',').unwrap_or(rest.len());
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        self.0 = behind.strip_prefix(',');
        Some(cell)
    }
}

/// A cell behind its opening quote, and what follows the closing one.
fn quoted(inside: &str) -> (Cow<'_, str>, &str) {
    let bytes = inside.as_bytes();
    let mut end = 0;
    let mut is_escaped = false;
    while let Some(n) = memchr(b'"', &bytes[end..]) {
        end += n;
        if bytes.get(end + 1) != Some(&b'"') {
            break;
        }
        is_escaped = true;
        end += 2;
    }
    let cell = &inside[..end];
    let cell = if is_escaped { cell.replace("\"\"", "\"").into() } else { cell.into() };
    (cell, inside.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Quotes;

    fn records(bytes: &[u8], max_record_bytes: usize) -> Result<Vec<Vec<String>>, Fault> {
        let mut scanner = Scanner::new(max_record_bytes);
        let mut records = vec![];
        while let Some(span) = scanner.next(bytes, true)? {
            let record = std::str::from_utf8(&bytes[span.start..span.end]).expect("UTF-8");
            records.push(Cells::of(record).map(Cow::into_owned).collect());
        }
        Ok(records)
    }

    #[test]
    fn finds_records_whatever_ends_them() {
        let csv = "\u{feff}\r\na,b\n\n1,\"x\ny\"\r\n\r\n2,\"say \"\"no\"\"\"\r,6\" pipe\n\"\"";
        let expected =
            [vec!["a", "b"], vec!["1", "x\ny"], vec!["2", "say \"no\""], vec!["", "6\" pipe"]];
        let found = records(csv.as_bytes(), 100).expect("records");
        assert_eq!(found[..4], expected);
        assert_eq!(found[4..], [[""]]);
    }

    #[test]
    fn ends_a_record_that_does_not_end() {
        assert_eq!(records(b"ab\ncd", 2).map(|records| records.len()), Ok(2));
        assert_eq!(records(b"ab\ncde", 2), Err(Fault::TooLong { start: 3 }));
        let mut scanner = Scanner::new(2);
        assert_eq!(scanner.next(b"\"ab", false), Err(Fault::TooLong { start: 0 }));
    }

    proptest! {
        #[test]
        fn reads_what_the_csv_crate_reads(text in "[a\",\r\n ]{0,40}") {
            let mut quotes = Quotes::default();
            let strict = quotes.feed(text.as_bytes()).map_err(|(_, fault)| fault);
            let strict = strict.and_then(|()| quotes.finish());
            let found = records(text.as_bytes(), 100);
            match (strict, found) {
                (Ok(()), found) => {
                    let mut csv = csv::ReaderBuilder::new();
                    let mut csv = csv.has_headers(false).flexible(true).from_reader(text.as_bytes());
                    let expected: Vec<Vec<String>> = csv
                        .records()
                        .map(|record| record.expect("text").iter().map(str::to_owned).collect())
                        .collect();
                    prop_assert_eq!(found, Ok(expected));
                }
                (Err(expected), Err(Fault::Quote { fault, .. })) => prop_assert_eq!(fault, expected),
                (Err(_), found) => prop_assert!(false, "{:?}", found),
            }
        }
    }
}
