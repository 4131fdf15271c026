//! Text of others, a name from a table or a caller's value, where a person reads it.

/// Says whether a character steers what shows it: a terminal, the end of a line, or the direction of writing.
pub fn steers_display(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes the characters that steer what shows them as escapes; all others stay as they are.
///
/// # Examples
///
/// ```
/// assert_eq!(schema::cleaned("é\u{1b}[2J\u{202e}\n"), r"é\u{1b}[2J\u{202e}\n");
/// ```
pub fn cleaned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers_display(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}
