//! What the training data looked like, for the manifest: the reference that drift is measured against.

use schema::{Baseline, Distribution, Dtype, Feature, FeatureBaseline};

use crate::Dataset;

/// The most bins of a histogram.
pub const MAX_BINS: usize = 20;

/// Captures the distributions of every feature and of the target of the training rows, and of the model's
/// predictions for the test rows.
///
/// Booleans are counted as `false` and `true`.
///
/// # Examples
///
/// ```
/// # use dataset::{ReadOptions, baseline, read};
/// let table = read("synthetic:demand?rows=500", &ReadOptions::new("demand"))?;
/// let split = table.dataset.split(0.2, 42)?;
/// let predictions = vec![50.0; split.test.n_rows()]; // by a model that is not very good
/// let baseline = baseline(&split.train, &predictions);
/// assert_eq!(baseline.n_rows, 400);
/// assert_eq!(baseline.features.len(), split.train.signature().n_features());
/// # Ok::<(), dataset::DatasetError>(())
/// ```
pub fn baseline(train: &Dataset, predictions: &[f64]) -> Baseline {
    let features = train.signature().features();
    Baseline {
        n_rows: train.n_rows() as u64,
        features: (features.iter().enumerate())
            .map(|(feature_idx, feature)| {
                let values: Vec<f64> = train.rows().column(feature_idx).collect();
                FeatureBaseline {
                    name: feature.name.clone(),
                    n_missing: values.iter().filter(|value| value.is_nan()).count() as u64,
                    distribution: feature_distribution(feature, values),
                }
            })
            .collect(),
        target: distribution(train.target().to_vec()),
        predictions: distribution(predictions.to_vec()),
    }
}

fn feature_distribution(feature: &Feature, values: Vec<f64>) -> Distribution {
    let names = match feature.dtype {
        Dtype::Number | Dtype::Integer => return distribution(values),
        Dtype::Boolean => vec!["false".to_owned(), "true".to_owned()],
        Dtype::Category => feature.categories.clone(),
    };
    let mut counts = vec![0; names.len()];
    for code in values.into_iter().filter(|value| !value.is_nan()) {
        counts[code as usize] += 1;
    }
    Distribution::Categories { names, counts }
}

/// The histogram of numbers in up to [`MAX_BINS`] bins that hold about as many values each.
///
/// The inner edges are values of the data, the quantiles k/20 by the inverse of the distribution
/// function (Hyndman & Fan 1996, type 1); equal ones are merged, so that a value that makes up much of
/// the data has a bin of its own. Values that are not finite are left out; without any value every number
/// is 0 and there is one empty bin.
pub fn distribution(mut values: Vec<f64>) -> Distribution {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    let edges = inner_edges(&values);
    let mut counts = vec![0; edges.len() + 1];
    for value in &values {
        counts[edges.partition_point(|edge| edge < value)] += 1;
    }
    let (mean, standard_deviation) = moments(&values);
    Distribution::Histogram {
        mean,
        standard_deviation,
        minimum: values.first().copied().unwrap_or(0.0),
        maximum: values.last().copied().unwrap_or(0.0),
        edges,
        counts,
    }
}

fn inner_edges(sorted: &[f64]) -> Vec<f64> {
    let Some(&maximum) = sorted.last() else {
        return vec![];
    };
    let mut edges: Vec<f64> = (1..MAX_BINS)
        .map(|k| sorted[(k * sorted.len()).div_ceil(MAX_BINS).saturating_sub(1)])
        // Nothing lies above the maximum: as an edge it would leave the last bin empty.
        .filter(|edge| *edge < maximum)
        .collect();
    edges.dedup();
    edges
}

/// Mean and sample standard deviation of ascending values, in two passes about the mean.
fn moments(sorted: &[f64]) -> (f64, f64) {
    let (Some(minimum), Some(maximum)) = (sorted.first(), sorted.last()) else {
        return (0.0, 0.0);
    };
    // A power of two, so that scaling is exact; without it 1e300 squared would be infinite.
    let scale = match minimum.abs().max(maximum.abs()) {
        greatest if greatest > 1e150 => 2_f64.powi(-600),
        greatest if greatest < 1e-150 => 2_f64.powi(600),
        _ => 1.0,
    };
    let n = sorted.len() as f64;
    let mean = sorted.iter().map(|value| value * scale).sum::<f64>() / n;
    let (squares, sum) = sorted.iter().fold((0.0, 0.0), |(squares, sum), value| {
        let deviation = value * scale - mean;
        (squares + deviation * deviation, sum + deviation)
    });
    // The second term corrects the rounding of the mean (Chan, Golub & LeVeque 1983, equation 1.7).
    let variance = (squares - sum * sum / n).max(0.0) / (n - 1.0).max(1.0);
    let unscaled = |value: f64| (value / scale).clamp(-f64::MAX, f64::MAX);
    // Rounding must not put the mean outside the values.
    let mean = unscaled(mean).clamp(*minimum, *maximum);
    let constant = minimum == maximum;
    (mean, if constant { 0.0 } else { unscaled(variance.sqrt()) })
}
