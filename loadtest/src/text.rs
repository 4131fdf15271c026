//! Numbers and times as a person reads them.

use std::time::Duration;

/// Longer messages are cut.
const MAX_MESSAGE: usize = 200;

/// A count, thousands set apart by commas.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An offset or a length in seconds.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Microseconds as milliseconds.
pub(crate) fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", microseconds as f64 / 1000.0)
}

/// A setting, as it is written on the command line.
pub(crate) fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// What a server says, on one line that steers nothing, and not too long.
pub(crate) fn message(text: &str) -> String {
    let cleaned = schema::cleaned(text); // longer than the text where it has escapes
    let mut shown: String = cleaned.chars().take(MAX_MESSAGE).collect();
    if cleaned.chars().nth(MAX_MESSAGE).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_cut_says_so_and_steers_nothing() {
        assert_eq!(message("refused\n"), r"refused\n");
        assert_eq!(message(&"x".repeat(MAX_MESSAGE)), "x".repeat(MAX_MESSAGE));
        let cut = message(&"\n".repeat(MAX_MESSAGE));
        assert!(cut.ends_with('…') && cut.chars().count() == MAX_MESSAGE + 1, "{cut}");
    }

    #[test]
    fn writes_numbers_for_people() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(milliseconds(1234), "1.23 ms");
        assert_eq!(seconds(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(duration(Duration::from_millis(1500)), "1s 500ms");
    }

    #[test]
    fn disarms_and_cuts_messages() {
        assert_eq!(message("a\u{1b}[2Jé\n"), r"a\u{1b}[2Jé\n");
        assert_eq!(message(&"x".repeat(300)), "x".repeat(200) + "…");
    }
}
