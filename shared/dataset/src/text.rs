//! Text of others in our messages: shortened, guessed.

use schema::{cleaned, closest};

/// A cell as it may stand in a message: one line, not too long.
pub(crate) fn shortened(cell: &str) -> String {
    const SHOWN: usize = 40;
    let cell = cell.trim();
    let shown: String = cell.chars().take(SHOWN).collect();
    let more = if cell.chars().nth(SHOWN).is_some() { "…" } else { "" };
    cleaned(&shown) + more
}

pub(crate) fn did_you_mean(name: &str, known: &[String]) -> String {
    // The only one there is stands in the same message.
    if known.len() < 2 {
        return String::new();
    }
    closest(name, known.iter().map(String::as_str))
        .map(|near| format!("; did you mean `{}`?", cleaned(near)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_cut_and_letters_stay_as_they_are() {
        assert_eq!(
            shortened(" Zoë ‘नमस्ते’ e\u{301} 👩‍🔬 \\ \"x\" "),
            "Zoë ‘नमस्ते’ e\u{301} 👩‍🔬 \\ \"x\""
        );
        assert_eq!(shortened(&"x".repeat(41)), "x".repeat(40) + "…");
        assert_eq!(shortened(&shortened(&"x".repeat(41))), "x".repeat(40) + "…");
    }
}
