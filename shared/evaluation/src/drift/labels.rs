//! Names of bins for a person: `≤ 0.35`, `0.35 to 0.4`, `> 2.1`, or the categories.

use schema::Distribution;

/// The fewest significant digits that an edge is shown with.
const SIGNIFICANT: i32 = 3;
/// A 64-bit float has no more decimals to show than these.
const MOST_DECIMALS: usize = 17;

/// The names of a distribution's bins, in their order.
pub(super) fn labels(distribution: &Distribution) -> Vec<String> {
    match distribution {
        Distribution::Categories { names, .. } => names.clone(),
        Distribution::Histogram { edges, .. } => {
            let edges = numbers(edges);
            let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
                return vec!["any".to_owned()];
            };
            let inner = edges.windows(2).map(|pair| format!("{} to {}", pair[0], pair[1]));
            let mut labels = vec![format!("≤ {first}")];
            labels.extend(inner);
            labels.push(format!("> {last}"));
            labels
        }
    }
}

/// Ascending numbers, each as short as leaves it distinct from its neighbours and right to three digits.
fn numbers(edges: &[f64]) -> Vec<String> {
    let shown = |decimals| edges.iter().map(|edge| number(*edge, decimals)).collect::<Vec<_>>();
    let distinct = |names: &Vec<String>| names.windows(2).all(|pair| pair[0] != pair[1]);
    (0..MOST_DECIMALS).map(shown).find(distinct).unwrap_or_else(|| shown(MOST_DECIMALS))
}

/// A number with `decimals` decimals, or with more where it needs them for its first digits; trailing zeros go.
fn number(value: f64, decimals: usize) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e15).contains(&magnitude) {
        let digits = decimals.max(SIGNIFICANT as usize - 1);
        return format!("{value:.digits$e}").replacen(".00e", "e", 1);
    }
    let leading = if magnitude == 0.0 { 0 } else { magnitude.log10().floor() as i32 };
    let decimals = decimals.max((SIGNIFICANT - 1 - leading).max(0) as usize).min(MOST_DECIMALS);
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(edges: &[f64]) -> Vec<String> {
        let counts = vec![1; edges.len() + 1];
        labels(&Distribution::Histogram {
            mean: 0.0,
            standard_deviation: 1.0,
            minimum: 0.0,
            maximum: 1.0,
            edges: edges.to_vec(),
            counts,
        })
    }

    #[test]
    fn edges_read_as_a_person_writes_them() {
        assert_eq!(of(&[0.35, 0.4, 2.1]), ["≤ 0.35", "0.35 to 0.4", "0.4 to 2.1", "> 2.1"]);
        assert_eq!(of(&[0.1 + 0.2]), ["≤ 0.3", "> 0.3"]);
        assert_eq!(of(&[612.345678, 15234.56]), ["≤ 612", "612 to 15235", "> 15235"]);
        assert_eq!(of(&[0.0]), ["≤ 0", "> 0"]);
        assert_eq!(of(&[-10.0, 100.0]), ["≤ -10", "-10 to 100", "> 100"]);
        assert_eq!(of(&[2e-9, 1e300]), ["≤ 2e-9", "2e-9 to 1e300", "> 1e300"]);
        assert_eq!(of(&[]), ["any"]);
    }

    #[test]
    fn near_edges_stay_distinct() {
        assert_eq!(of(&[1000.25, 1000.5]), ["≤ 1000.2", "1000.2 to 1000.5", "> 1000.5"]);
        assert_eq!(of(&[1.0, 1.0 + f64::EPSILON])[0], "≤ 1");
    }
}
