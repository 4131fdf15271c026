//! What a person probably meant.

/// Pairs of characters that one search may compare: some milliseconds, however many names there are.
const MOST_COMPARED: usize = 1_000_000;

/// Finds the name nearest to a misspelt one, where one is near enough to be meant.
///
/// Near is by Damerau–Levenshtein distance without regard to case: at most a third of the length, at least 1.
/// Among so many or so long names that the search would take its time, none is found.
///
/// # Examples
///
/// ```
/// assert_eq!(schema::closest("Carta", ["carat", "cut"]), Some("carat"));
/// assert_eq!(schema::closest("weight", ["carat", "cut"]), None);
/// ```
pub fn closest<'a>(misspelt: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = misspelt.chars().count();
    let limit = (length / 3).max(1);
    let lower = misspelt.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    let mut compared = 0;
    for name in known {
        let n_chars = name.chars().count();
        if n_chars.abs_diff(length) > limit {
            continue;
        }
        compared += n_chars * length;
        if compared > MOST_COMPARED {
            return None;
        }
        let distance = strsim::damerau_levenshtein(&lower, &name.to_lowercase());
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_up_where_the_search_would_take_its_time() {
        let names: Vec<_> = (0..10_000).map(|i| format!("{i:064}")).collect();
        let names = || names.iter().map(String::as_str);
        assert_eq!(closest(&"0".repeat(60), names()), None);
        // Length alone rules most names out.
        assert_eq!(closest("ideal", names().chain(["Ideal"])), Some("Ideal"));
    }

    #[test]
    fn counts_characters_and_not_bytes() {
        assert_eq!(closest("größe", ["größte_länge", "Größen"]), Some("Größen"));
    }
}
