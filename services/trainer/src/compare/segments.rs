//! The difference by category: a model that is better on the whole may be worse for some.

use evaluation::PairedPredictions;
use schema::{Dtype, Feature, Rows, Signature};
use serde::Serialize;

use super::signed;
use crate::text::{count, fixed, name, table};

/// The rows with one value of one feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Segment {
    feature: String,
    /// None where it is missing, or was never seen in training.
    value: Option<String>,
    n_rows: u64,
    rmse_a: f64,
    rmse_b: f64,
    /// B's less A's.
    difference: f64,
}

/// The segments of every category and boolean, those with most rows first.
pub(super) fn of(signature: &Signature, rows: &Rows, pairs: PairedPredictions<'_>) -> Vec<Segment> {
    let mut segments = Vec::new();
    for (feature_idx, feature) in signature.features().iter().enumerate() {
        let values = values(feature);
        if values.is_empty() {
            continue;
        }
        // The last is for missing ones.
        let mut sums = vec![(0_u64, 0.0, 0.0); values.len() + 1];
        for (row, code) in rows.column(feature_idx).enumerate() {
            let place = if code.is_nan() { values.len() } else { code as usize };
            let (n, a, b) = &mut sums[place];
            *n += 1;
            *a += (pairs.a[row] - pairs.actual[row]).powi(2);
            *b += (pairs.b[row] - pairs.actual[row]).powi(2);
        }
        let values = values.into_iter().map(Some).chain([None]);
        let mut of_feature: Vec<_> = values
            .zip(sums)
            .filter(|(_, (n, ..))| *n > 0)
            .map(|(value, (n_rows, a, b))| {
                let [rmse_a, rmse_b] = [a, b].map(|sum: f64| (sum / n_rows as f64).sqrt());
                let difference = rmse_b - rmse_a;
                Segment { feature: feature.name.clone(), value, n_rows, rmse_a, rmse_b, difference }
            })
            .collect();
        of_feature.sort_by_key(|segment| std::cmp::Reverse(segment.n_rows));
        segments.extend(of_feature);
    }
    segments
}

/// What a code of the feature stands for.
fn values(feature: &Feature) -> Vec<String> {
    match feature.dtype {
        Dtype::Category => feature.categories.clone(),
        Dtype::Boolean => vec!["false".to_owned(), "true".to_owned()],
        Dtype::Number | Dtype::Integer => vec![],
    }
}

/// At most so many segments of each feature, in a table.
pub(super) fn in_words(segments: &[Segment], most: usize) -> String {
    let mut lines =
        vec![["RMSE where", "", "rows", "A", "B", "difference"].map(str::to_owned).to_vec()];
    for of_feature in segments.chunk_by(|a, b| a.feature == b.feature) {
        for segment in of_feature.iter().take(most) {
            let value = segment.value.as_deref().map_or("(missing)".to_owned(), name);
            lines.push(vec![
                name(&segment.feature),
                value,
                count(segment.n_rows),
                fixed(segment.rmse_a),
                fixed(segment.rmse_b),
                signed(segment.difference),
            ]);
        }
        if let Some(rest) = of_feature.len().checked_sub(most).filter(|rest| *rest > 0) {
            let rest = format!("and {rest} more with --output json");
            lines.push(vec![String::new(), rest]);
        }
    }
    if lines.len() == 1 { String::new() } else { format!("\n{}", table(&lines, &[2, 3, 4, 5])) }
}
