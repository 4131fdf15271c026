//! Rows as production would send them: drawn from held-out diamonds, which the baseline was not taken from.

use std::sync::LazyLock;

use dataset::{Dataset, ReadOptions, Split, baseline, read};
use evaluation::drift::{FeatureCounts, WindowCounts};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schema::{Baseline, Distribution, Dtype};

/// The chance that a row lacks a feature, by its name: 2 % lack the table and 0.4 % the depth.
pub(super) fn missing_chance(feature: &str) -> f64 {
    match feature {
        "table" => 0.02,
        "depth" => 0.004,
        _ => 0.0,
    }
}

/// What happens to a stream; all but one feature stay as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// Half a standard deviation is added.
    Shift,
    /// Another unit: inches are sent as centimetres.
    Unit,
    /// One row in twenty has a category that training never saw.
    NewCategory,
    /// Six rows in a hundred lack it.
    Missing,
}

/// The table in two parts: training, and what the stream is drawn from.
static SPLIT: LazyLock<Split> = LazyLock::new(|| {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/diamonds.csv");
    let table = read(data, &ReadOptions::new("price")).expect("the example");
    table.dataset.split(0.2, 42).expect("rows enough")
});

/// A model of the price that is as good as a stream needs.
fn predictions(dataset: &Dataset) -> Vec<f64> {
    let carat = feature_idx(dataset, "carat");
    dataset.rows().column(carat).map(|carat| 5500.0 * carat.powf(1.6)).collect()
}

fn feature_idx(dataset: &Dataset, name: &str) -> usize {
    let features = dataset.signature().features();
    features.iter().position(|feature| feature.name == name).expect("a feature of diamonds")
}

/// A baseline, and the bins of every held-out row in it.
pub(super) struct Stream {
    /// What the stream is compared with.
    pub(super) baseline: Baseline,
    /// Bins of each held-out row: its features', then its prediction's.
    bins: Vec<Vec<usize>>,
}

impl Stream {
    /// Of a model that was trained on all training rows, or on `n_rows` of them.
    pub(super) fn new(n_rows: Option<usize>, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let train = match n_rows {
            None => SPLIT.train.clone(),
            Some(n_rows) => {
                let all = SPLIT.train.n_rows();
                let row_idx: Vec<_> = (0..n_rows).map(|_| rng.random_range(0..all)).collect();
                let target = row_idx.iter().map(|&row| SPLIT.train.target()[row]).collect();
                let rows = SPLIT.train.rows().select(&row_idx);
                Dataset::new(SPLIT.train.signature().clone(), rows, target)
            }
        };
        let mut rows = train.rows().clone();
        let signature = train.signature().clone();
        for row in rows.values_mut().chunks_exact_mut(signature.n_features()) {
            for (value, feature) in row.iter_mut().zip(signature.features()) {
                if rng.random::<f64>() < missing_chance(&feature.name) {
                    *value = f64::NAN;
                }
            }
        }
        let train = Dataset::new(signature, rows, train.target().to_vec());
        let baseline = baseline(&train, &predictions(&SPLIT.test));
        let predicted = predictions(&SPLIT.test);
        let bins = (SPLIT.test.rows().iter().zip(predicted))
            .map(|(row, predicted)| {
                let features = baseline.features.iter().zip(row);
                let mut bins: Vec<_> =
                    features.map(|(feature, value)| bin(&feature.distribution, *value)).collect();
                bins.push(bin(&baseline.predictions, predicted));
                bins
            })
            .collect();
        Self { baseline, bins }
    }

    /// Names of features of a dtype that changes make sense for.
    pub(super) fn features(dtype: Dtype) -> impl Iterator<Item = &'static str> {
        let features = SPLIT.train.signature().features();
        features.iter().filter(move |feature| feature.dtype == dtype).map(|f| f.name.as_str())
    }

    /// Counts without a row.
    pub(super) fn nothing(&self) -> WindowCounts {
        let empty = |distribution: &Distribution| match distribution {
            Distribution::Histogram { counts, .. } | Distribution::Categories { counts, .. } => {
                vec![0; counts.len()]
            }
        };
        let features = self.baseline.features.iter().map(|feature| FeatureCounts {
            bins: empty(&feature.distribution),
            ..FeatureCounts::default()
        });
        WindowCounts {
            features: features.collect(),
            predictions: empty(&self.baseline.predictions),
        }
    }

    /// Counts `n_rows` rows as they come, with `change` in one feature.
    pub(super) fn count(
        &self,
        n_rows: usize,
        (changed, change): (&str, Change),
        rng: &mut ChaCha8Rng,
    ) -> WindowCounts {
        let mut counts = self.nothing();
        for _ in 0..n_rows {
            let row_idx = rng.random_range(0..self.bins.len());
            let bins = &self.bins[row_idx];
            for (idx, feature) in self.baseline.features.iter().enumerate() {
                let change = if feature.name == changed { change } else { Change::None };
                let counted = &mut counts.features[idx];
                let chance = match change {
                    Change::Missing => 0.06,
                    _ => missing_chance(&feature.name),
                };
                if chance > 0.0 && rng.random::<f64>() < chance {
                    counted.missing += 1;
                } else if change == Change::NewCategory && rng.random::<f64>() < 0.05 {
                    counted.unseen += 1;
                } else {
                    let bin = self.changed_bin(row_idx, idx, change).unwrap_or(bins[idx]);
                    counted.bins[bin] += 1;
                }
            }
            counts.predictions[bins[self.baseline.features.len()]] += 1;
        }
        counts
    }

    fn changed_bin(&self, row_idx: usize, idx: usize, change: Change) -> Option<usize> {
        let distribution = &self.baseline.features[idx].distribution;
        let value = SPLIT.test.rows().row(row_idx)[idx];
        match change {
            Change::Shift => Some(bin(distribution, value + 0.5 * distribution.scale())),
            Change::Unit => Some(bin(distribution, value * 2.54)),
            Change::None | Change::NewCategory | Change::Missing => None,
        }
    }
}

fn bin(distribution: &Distribution, value: f64) -> usize {
    match distribution {
        Distribution::Histogram { edges, .. } => edges.partition_point(|edge| *edge < value),
        Distribution::Categories { .. } => value as usize,
    }
}

/// Adds the rows of `part`.
pub(super) fn add(sum: &mut WindowCounts, part: &WindowCounts) {
    let add = |sum: &mut [u64], part: &[u64]| {
        for (sum, part) in sum.iter_mut().zip(part) {
            *sum += part;
        }
    };
    for (sum, part) in sum.features.iter_mut().zip(&part.features) {
        add(&mut sum.bins, &part.bins);
        sum.missing += part.missing;
        sum.unseen += part.unseen;
    }
    add(&mut sum.predictions, &part.predictions);
}
