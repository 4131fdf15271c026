//! What a person probably meant.

/// Finds the name nearest to a misspelt one, where one is near enough to be meant.
///
/// Near is by Damerau–Levenshtein distance without regard to case: at most a third of the length, at least 1.
///
/// # Examples
///
/// ```
/// assert_eq!(schema::closest("Carta", ["carat", "cut"]), Some("carat"));
/// assert_eq!(schema::closest("weight", ["carat", "cut"]), None);
/// ```
pub fn closest<'a>(misspelt: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance is quadratic: a name this long is no misspelling.
    const LONGEST: usize = 256;
    if misspelt.len() > LONGEST {
        return None;
    }
    let lower = misspelt.to_lowercase();
    let limit = (misspelt.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|name| name.len() <= LONGEST)
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
