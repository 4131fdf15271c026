//! RFC 4180's rules for quotes: without them a stray quote joins cells or rows, and nothing says so.

/// What is wrong with a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteFault {
    /// A quoted cell goes on behind its closing quote.
    #[error("text follows a closing quote; a quote inside a quoted cell is written twice")]
    TextAfterQuote,
    /// The input ends within a quoted cell.
    #[error("a quote is left open")]
    LeftOpen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    CellStart,
    /// In a cell that does not begin with a quote: quotes are text.
    Plain,
    Quoted,
    /// Behind a quote in a quoted cell: its end, or half of an escaped quote.
    QuoteSeen,
}

/// Follows the quotes of a CSV, given in pieces of any size.
///
/// # Examples
///
/// ```
/// use schema::{QuoteFault, Quotes};
///
/// let mut quotes = Quotes::default();
/// assert_eq!(quotes.feed(b"a,\"b \"\"c\"\"\nd\",6\" pipe\n"), Ok(()));
/// assert_eq!(quotes.feed(b"\"x\"y,1\n"), Err((3, QuoteFault::TextAfterQuote)));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Quotes(State);

impl Quotes {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// The offset in these bytes where text follows a closing quote.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), (usize, QuoteFault)> {
        for (offset, byte) in bytes.iter().enumerate() {
            self.0 = match (self.0, byte) {
                (State::CellStart | State::QuoteSeen, b'"') => State::Quoted,
                (State::Quoted, b'"') => State::QuoteSeen,
                (State::Quoted, _) => State::Quoted,
                (_, b',' | b'\n' | b'\r') => State::CellStart,
                (State::QuoteSeen, _) => return Err((offset, QuoteFault::TextAfterQuote)),
                (State::CellStart | State::Plain, _) => State::Plain,
            };
        }
        Ok(())
    }

    /// Ends the input.
    ///
    /// # Errors
    ///
    /// Where it ends within a quoted cell.
    pub fn finish(self) -> Result<(), QuoteFault> {
        if self.0 == State::Quoted { Err(QuoteFault::LeftOpen) } else { Ok(()) }
    }
}
