//! An event as one flat JSON object: `timestamp`, `level`, the event's fields, `target`.
//!
//! `tracing_subscriber::fmt().json()` writes the same lines at ten times the instructions, which were a fifth of a
//! whole request. Spans are left out, as no service has any.

use std::{
    cell::{Cell, RefCell},
    fmt,
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::MakeWriter,
    layer::{Context, Layer},
};

/// Writes each event as a JSON line.
#[derive(Debug)]
pub(super) struct JsonLines<W>(pub(super) W);

thread_local! {
    /// The line that is being written; empty between two.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LINE.with(|line| {
            // A value that logs while it is being written: its own line is lost, and this one is not.
            let Ok(mut line) = line.try_borrow_mut() else { return };
            line.clear();
            write_event(&mut line, event);
            // There is no other place to tell that the log cannot be written.
            let _ = self.0.make_writer().write_all(&line);
        });
    }
}

fn write_event(line: &mut Vec<u8>, event: &Event<'_>) {
    let metadata = event.metadata();
    line.extend_from_slice(b"{\"timestamp\":\"");
    write_time(line, now_micros());
    line.extend_from_slice(b"\",\"level\":\"");
    line.extend_from_slice(metadata.level().as_str().as_bytes());
    line.push(b'"');
    event.record(&mut Fields(line));
    line.extend_from_slice(b",\"target\":");
    write_string(line, metadata.target());
    line.extend_from_slice(b"}\n");
}

struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    /// Names of fields are written in the code, and need no escapes.
    fn key(&mut self, field: &Field) -> &mut Vec<u8> {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(field.name().as_bytes());
        self.0.extend_from_slice(b"\":");
        self.0
    }

    fn json(&mut self, field: &Field, value: impl Serialize) {
        // Numbers cannot fail, and neither can writing into memory.
        let _ = serde_json::to_writer(self.key(field), &value);
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.json(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.json(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.json(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.json(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        write_string(self.key(field), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let line = self.key(field);
        line.push(b'"');
        let _ = write!(Escaped(line), "{value:?}");
        line.push(b'"');
    }
}

fn write_string(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    Escaped(line).put(text.as_bytes());
    line.push(b'"');
}

/// Which bytes need an escape.
static IS_SPECIAL: [bool; 256] = {
    let mut is_special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        is_special[byte] = true;
        byte += 1;
    }
    is_special[b'"' as usize] = true;
    is_special[b'\\' as usize] = true;
    is_special
};

/// Writes text as the inside of a JSON string (RFC 8259, section 7).
struct Escaped<'a>(&'a mut Vec<u8>);

impl Escaped<'_> {
    fn put(&mut self, text: &[u8]) {
        // Nearly no text is special.
        if !text.iter().any(|byte| IS_SPECIAL[usize::from(*byte)]) {
            return self.0.extend_from_slice(text);
        }
        for byte in text {
            match byte {
                b'"' => self.0.extend_from_slice(b"\\\""),
                b'\\' => self.0.extend_from_slice(b"\\\\"),
                b'\n' => self.0.extend_from_slice(b"\\n"),
                0..0x20 => self.0.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.0.push(*byte),
            }
        }
    }
}

impl Write for Escaped<'_> {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.put(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Microseconds since 1970, UTC; 0 on a clock that stands before that.
#[expect(clippy::disallowed_methods, reason = "a log line says when it was written")]
fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

thread_local! {
    /// The second that this thread wrote last, and its text up to the second.
    static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [0; 19])) };
}

/// Writes `2026-11-21T18:00:00.000000Z`.
fn write_time(line: &mut Vec<u8>, micros: u64) {
    let second = micros / 1_000_000;
    let (known, mut text) = SECOND.get();
    if known != second {
        text = second_text(second);
        SECOND.set((second, text));
    }
    let mut whole = *b"0000-00-00T00:00:00.000000Z";
    whole[..19].copy_from_slice(&text);
    put_digits(&mut whole[20..26], micros % 1_000_000);
    line.extend_from_slice(&whole);
}

/// The date by the proleptic Gregorian calendar, its years beginning in March so that leap days come last
/// (Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
fn second_text(second: u64) -> [u8; 19] {
    let (days, second_of_day) = (second / 86_400 + 719_468, second % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut text = *b"0000-00-00T00:00:00";
    put_digits(&mut text[..4], year);
    put_digits(&mut text[5..7], month);
    put_digits(&mut text[8..10], day);
    put_digits(&mut text[11..13], second_of_day / 3_600);
    put_digits(&mut text[14..16], second_of_day / 60 % 60);
    put_digits(&mut text[17..19], second_of_day % 60);
    text
}

/// Writes the last digits of a number, as many as there is room for.
fn put_digits(room: &mut [u8], mut number: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::testing::Captured;

    fn line_of(event: impl FnOnce()) -> (String, Value) {
        let captured = Captured::default();
        let subscriber = tracing_subscriber::registry().with(JsonLines(captured.clone()));
        tracing::subscriber::with_default(subscriber, event);
        let text = captured.text();
        let line = serde_json::from_str(&text).expect(&text);
        (text, line)
    }

    #[test]
    fn every_kind_of_value_is_what_it_was() {
        let (text, line) = line_of(|| {
            tracing::warn!(
                target: "a",
                text = "b",
                whole = 7_u64,
                below = -7_i64,
                broken = 0.5_f64,
                round = 3.0_f64,
                huge = 1e300_f64,
                nan = f64::NAN,
                yes = true,
                absent = None::<u64>,
                debug = ?Some("c"),
                shown = %"d",
                model.version = 2_u64,
                "what {}", "happened"
            );
        });
        assert_eq!(text.lines().count(), 1);
        for (name, value) in [
            ("level", json!("WARN")),
            ("target", json!("a")),
            ("message", json!("what happened")),
            ("text", json!("b")),
            ("whole", json!(7)),
            ("below", json!(-7)),
            ("broken", json!(0.5)),
            ("round", json!(3.0)),
            ("huge", json!(1e300)),
            ("nan", json!(null)),
            ("yes", json!(true)),
            ("debug", json!("Some(\"c\")")),
            ("shown", json!("d")),
            ("model.version", json!(2)),
        ] {
            assert_eq!(line[name], value, "{name} in {text}");
        }
        assert_eq!(line.get("absent"), None, "{text}");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        // `date -u -d @SECONDS +%FT%T` of GNU coreutils.
        for (second, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_078_012_800, "2004-02-29T00:00:00"),
            (1_763_747_999, "2025-11-21T17:59:59"),
            (1_798_761_599, "2026-12-31T23:59:59"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            assert_eq!(str::from_utf8(&second_text(second)), Ok(text));
        }
        let mut written = Vec::new();
        write_time(&mut written, 1_763_747_999_000_042);
        write_time(&mut written, 1_763_748_000_999_999);
        assert_eq!(written, b"2025-11-21T17:59:59.000042Z2025-11-21T18:00:00.999999Z");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was(text in any::<String>()) {
            let (line, parsed) = line_of(|| tracing::info!(text = text.as_str(), "{text}"));
            prop_assert_eq!(&parsed["text"], &json!(text));
            prop_assert_eq!(&parsed["message"], &json!(text));
            prop_assert_eq!(line.lines().count(), 1);
        }
    }
}
