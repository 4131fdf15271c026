//! Plain JSON rows, read by hand: what nearly every client sends, at a quarter of serde's instructions.
//!
//! Plain is what has no escapes, no unknown names and nothing wrong. Whatever else comes is left to [`super::json_body`],
//! which reads it from the start: it alone knows every rule and every error. Where both read a body they read the same,
//! which a property test holds.

use super::{Filling, Form, ReadOptions, Request, number_cell};
use crate::{Cell, Dtype, Signature};

/// Decimal digits that always fit into 64 bits.
const MAX_DIGITS: usize = 19;
/// Whole numbers up to this are exact as floats: 2^53.
const MAX_EXACT: u64 = 1 << 53;
/// Powers of ten that are exact as floats.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Reads a plain body; none where it is not plain, or does not fit the signature.
pub(super) fn read(signature: &Signature, body: &[u8], options: ReadOptions) -> Option<Request> {
    let mut reader = Reader {
        text: str::from_utf8(body).ok()?,
        at: 0,
        filling: Filling::new(signature, options),
        order: Vec::new(),
    };
    reader.expect(b'{')?;
    let form = match reader.name()? {
        "instances" => {
            reader.list(Reader::row)?;
            Form::Many
        }
        "features" => {
            reader.row()?;
            Form::Single
        }
        _ => return None,
    };
    reader.expect(b'}')?;
    reader.skip_spaces();
    (reader.at == body.len()).then(|| reader.filling.finish(form).ok())?
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    filling: Filling<'a>,
    /// The features of the row before, in the order they were named in: most clients keep to theirs.
    order: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// The next byte that is no space, which stays where it is.
    fn next(&mut self) -> Option<u8> {
        self.skip_spaces();
        self.peek()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    /// Whether there is another element, after a comma; none where there is neither that nor the end.
    fn has_more(&mut self, end: u8) -> Option<bool> {
        let byte = self.next()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            _ if byte == end => Some(false),
            _ => None,
        }
    }

    /// A list of at least one element.
    fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        loop {
            element(self)?;
            if !self.has_more(b']')? {
                return Some(());
            }
        }
    }

    fn row(&mut self) -> Option<()> {
        let is_object = self.next()? == b'{';
        self.filling.start_row();
        if is_object { self.object() } else { self.array() }
    }

    fn array(&mut self) -> Option<()> {
        self.filling.by_position = true;
        let mut feature_idx = 0;
        self.list(|reader| {
            reader.filling.signature.features().get(feature_idx)?;
            reader.value(feature_idx)?;
            feature_idx += 1;
            Some(())
        })?;
        (feature_idx == self.filling.signature.n_features()).then(|| self.filling.row += 1)
    }

    fn object(&mut self) -> Option<()> {
        self.expect(b'{')?;
        for position in 0.. {
            let name = self.name()?;
            let hint = self.order.get(position).copied().unwrap_or(position);
            let feature_idx = self.filling.signature.index_of(name, hint)?;
            match self.order.get_mut(position) {
                Some(known) => *known = feature_idx,
                None => self.order.push(feature_idx),
            }
            self.filling.mark(feature_idx).ok()?;
            self.value(feature_idx)?;
            if !self.has_more(b'}')? {
                break;
            }
        }
        self.filling.end_row().ok()
    }

    /// A name and the colon behind it.
    fn name(&mut self) -> Option<&'a str> {
        self.skip_spaces();
        let name = self.string()?;
        self.expect(b':')?;
        Some(name)
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        let rest = &self.text.as_bytes()[self.at..];
        let inside = rest.strip_prefix(b"\"")?;
        let len = inside.iter().position(|byte| matches!(byte, 0..0x20 | b'"' | b'\\'))?;
        if inside[len] != b'"' {
            return None;
        }
        let string = self.text.get(self.at + 1..self.at + 1 + len)?;
        self.at += len + 2;
        Some(string)
    }

    fn value(&mut self, feature_idx: usize) -> Option<()> {
        let feature = self.filling.feature(feature_idx);
        match self.next()? {
            b'"' if feature.dtype == Dtype::Category => {
                let category = self.string()?;
                let code = feature.category_code(category);
                let cell = code.map_or(Cell::Unseen, |code| Cell::Value(code as f64));
                self.filling.set(feature_idx, cell, || category.to_owned()).ok()
            }
            b'-' | b'0'..=b'9' => {
                let (text, start) = (self.text, self.at);
                let value = self.number()?;
                let text = || text.get(start..self.at).unwrap_or_default();
                let cell = number_cell(feature, value);
                self.filling.set(feature_idx, cell, || as_sent(text(), value)).ok()
            }
            b't' if feature.dtype == Dtype::Boolean => self.word("true", feature_idx, 1.0),
            b'f' if feature.dtype == Dtype::Boolean => self.word("false", feature_idx, 0.0),
            b'n' => {
                self.skip("null")?;
                self.filling.set(feature_idx, Cell::Missing, || "null".to_owned()).ok()
            }
            _ => None,
        }
    }

    fn word(&mut self, word: &str, feature_idx: usize, value: f64) -> Option<()> {
        self.skip(word)?;
        self.filling.set(feature_idx, Cell::Value(value), || word.to_owned()).ok()
    }

    fn skip(&mut self, word: &str) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    /// A number as RFC 8259 writes it, to its nearest float; none where that is not finite.
    fn number(&mut self) -> Option<f64> {
        let start = self.at;
        let whole = self.text.as_bytes().get(start..)?;
        let unsigned = whole.strip_prefix(b"-").unwrap_or(whole);
        let (mut mantissa, mut exponent) = (0, 0);
        let mut rest = unsigned;
        let mut n_digits = digits(&mut rest, &mut mantissa)?;
        if unsigned[0] == b'0' && n_digits > 1 {
            return None;
        }
        if let [b'.', places @ ..] = rest {
            rest = places;
            let n_places = digits(&mut rest, &mut mantissa)?;
            n_digits += n_places;
            exponent = -i32::try_from(n_places).ok()?;
        }
        if let [b'e' | b'E', behind @ ..] = rest {
            rest = behind;
            exponent += read_exponent(&mut rest)?;
        }
        self.at += whole.len() - rest.len();
        let power = POWERS_OF_TEN.get(usize::try_from(exponent.unsigned_abs()).ok()?);
        match power {
            // One rounding of two exact numbers (W. D. Clinger, "How to read floating point numbers accurately", 1990).
            Some(power) if n_digits <= MAX_DIGITS && mantissa <= MAX_EXACT => {
                let mantissa = mantissa as f64;
                let value = if exponent < 0 { mantissa / power } else { mantissa * power };
                Some(if unsigned.len() < whole.len() { -value } else { value })
            }
            _ => {
                self.text.get(start..self.at)?.parse().ok().filter(|value: &f64| value.is_finite())
            }
        }
    }
}

/// Takes at least one digit; past [`MAX_DIGITS`] the mantissa wraps around and means nothing.
#[inline(always)]
fn digits(rest: &mut &[u8], mantissa: &mut u64) -> Option<usize> {
    let n_before = rest.len();
    while let [digit @ b'0'..=b'9', behind @ ..] = *rest {
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        *rest = behind;
    }
    Some(n_before - rest.len()).filter(|n_digits| *n_digits > 0)
}

/// Takes what stands behind the `e`.
fn read_exponent(rest: &mut &[u8]) -> Option<i32> {
    let sign = *rest.first()?;
    if let b'+' | b'-' = sign {
        *rest = &rest[1..];
    }
    let mut exponent = 0;
    let n_digits = digits(rest, &mut exponent)?;
    // Longer ones are left to the other reader: they are zeros, or out of range.
    let exponent = i32::try_from(exponent).ok().filter(|_| n_digits <= 4)?;
    Some(if sign == b'-' { -exponent } else { exponent })
}

/// A number as messages quote it: a whole number to its last digit, which a float may not have.
fn as_sent(text: &str, value: f64) -> String {
    let is_whole = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    if is_whole { text.to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests;
