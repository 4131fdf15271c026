//! Into which bins of its baseline a version's rows and predictions fall. The text for Prometheus is in
//! `distribution_series.rs`.

use registry::Manifest;
use schema::{Distribution as Baseline, Dtype, Feature, Rows, Warnings};

use crate::shards::Shards;

/// A search of as many edges takes five comparisons and no branch.
const SEARCHED: usize = 32;
/// Rows that are counted together: a row alone would fetch every edge from where the forest has driven it out of the
/// cache.
const TOGETHER: usize = 32;

/// How the rows of a version are spread over its baseline's bins.
///
/// Many threads count at once, and none waits for another.
#[derive(Debug)]
pub struct Distribution {
    pub(crate) model: String,
    pub(crate) version: u64,
    features: Vec<Column>,
    prediction: Column,
    n_counts: usize,
    shards: Shards<Tally>,
}

/// What one thread has counted, and what it is still to count.
#[derive(Debug, Default)]
struct Tally {
    /// Empty until something is counted; where rows with unseen categories wait, some wrap below 0 meanwhile.
    counts: Vec<u64>,
    /// Rows one after the other, each followed by its prediction.
    waiting: Vec<f64>,
}

/// Where the counts of a feature, or of the prediction, stand: a bin after the other, then missing, then unseen.
#[derive(Debug, PartialEq)]
struct Column {
    name: String,
    first: usize,
    bins: Bins,
}

/// Bin `i` of a number holds the values in `(edges[i-1], edges[i]]`.
#[derive(Debug, PartialEq)]
enum Bins {
    /// So many edges, and then infinities: as many as any trainer of ours makes.
    Edges(usize, Box<[f64; SEARCHED]>),
    ManyEdges(Box<[f64]>),
    /// So many codes, each its own bin.
    Codes(usize),
}

/// What was counted of a feature: `bins`, `missing` and `unseen` add up to the rows.
#[derive(Debug, PartialEq)]
pub(crate) struct FeatureCounts<'a> {
    pub(crate) name: &'a str,
    pub(crate) bins: &'a [u64],
    pub(crate) missing: u64,
    pub(crate) unseen: u64,
}

/// What was counted of a version.
pub(crate) struct Counts<'a> {
    distribution: &'a Distribution,
    sums: Vec<u64>,
}

impl Distribution {
    /// Lays out the counts of a version.
    ///
    /// # Errors
    ///
    /// Says in words where the baseline does not fit the signature.
    pub fn new(manifest: &Manifest) -> Result<Self, String> {
        let (features, baseline) = (manifest.signature.features(), &manifest.baseline);
        if features.len() != baseline.features.len() {
            let (n_found, n_expected) = (baseline.features.len(), features.len());
            return Err(format!("it has {n_found} features where there are {n_expected}"));
        }
        let mut n_counts = 0;
        let mut columns = Vec::with_capacity(features.len());
        for (feature, baseline) in features.iter().zip(&baseline.features) {
            if feature.name != baseline.name {
                return Err(format!("`{}` stands where `{}` is", baseline.name, feature.name));
            }
            columns.push(Column {
                name: feature.name.clone(),
                first: n_counts,
                bins: Bins::of(feature, &baseline.distribution)?,
            });
            n_counts += columns[columns.len() - 1].bins.len() + 2;
        }
        let Baseline::Histogram { edges, .. } = &baseline.predictions else {
            return Err("its predictions are no numbers".to_owned());
        };
        let prediction =
            Column { name: String::new(), first: n_counts, bins: Bins::of_edges(edges) };
        n_counts += prediction.bins.len();
        Ok(Self {
            model: manifest.model.to_string(),
            version: manifest.version,
            features: columns,
            prediction,
            n_counts,
            shards: Shards::default(),
        })
    }

    /// Whether the same values fall into the same bins.
    pub(crate) fn has_bins_of(&self, other: &Self) -> bool {
        self.features == other.features && self.prediction == other.prediction
    }

    /// Counts rows that were answered, in signature order, with their predictions and the warnings they got.
    pub fn count(&self, rows: &Rows, predictions: &[f64], warnings: &Warnings) {
        let width = self.features.len() + 1;
        self.shards.write(|tally| {
            for (row, prediction) in rows.iter().zip(predictions) {
                tally.waiting.extend_from_slice(row);
                tally.waiting.push(*prediction);
                if tally.waiting.len() >= TOGETHER * width {
                    self.settle(tally);
                }
            }
            // An unseen category is NaN among the values, as a missing one is.
            for (feature_idx, n_unseen) in warnings.counts() {
                let column = &self.features[feature_idx];
                if matches!(column.bins, Bins::Codes(_)) {
                    tally.counts.resize(self.n_counts, 0);
                    let missing = column.first + column.bins.len();
                    tally.counts[missing] = tally.counts[missing].wrapping_sub(n_unseen);
                    tally.counts[missing + 1] += n_unseen;
                }
            }
        });
    }

    /// Counts what waits.
    fn settle(&self, tally: &mut Tally) {
        let Tally { counts, waiting } = tally;
        counts.resize(self.n_counts, 0);
        let columns = self.features.iter().chain([&self.prediction]);
        for (column_idx, column) in columns.enumerate() {
            for value in waiting.iter().skip(column_idx).step_by(self.features.len() + 1) {
                let count = &mut counts[column.idx_of(*value)];
                *count = count.wrapping_add(1);
            }
        }
        waiting.clear();
    }

    pub(crate) fn counts(&self) -> Counts<'_> {
        let mut sums = vec![0; self.n_counts];
        self.shards.each(|tally| {
            self.settle(tally);
            for (sum, count) in sums.iter_mut().zip(&tally.counts) {
                *sum += *count;
            }
        });
        Counts { distribution: self, sums }
    }
}

impl Counts<'_> {
    /// In signature order.
    pub(crate) fn features(&self) -> impl Iterator<Item = FeatureCounts<'_>> {
        self.distribution.features.iter().map(|column| {
            let (bins, rest) = self.sums[column.first..].split_at(column.bins.len());
            FeatureCounts { name: &column.name, bins, missing: rest[0], unseen: rest[1] }
        })
    }

    /// By the bins of the predictions that the baseline has.
    pub(crate) fn prediction(&self) -> &[u64] {
        &self.sums[self.distribution.prediction.first..]
    }
}

impl Column {
    fn idx_of(&self, value: f64) -> usize {
        let n_bins = self.bins.len();
        let bin = match &self.bins {
            _ if value.is_nan() => n_bins,
            Bins::Edges(_, edges) => [16, 8, 4, 2, 1]
                .iter()
                .fold(0, |below, step| below + step * usize::from(edges[below + step - 1] < value)),
            Bins::ManyEdges(edges) => edges.partition_point(|edge| *edge < value),
            Bins::Codes(n_codes) => (value as usize).min(n_codes - 1),
        };
        self.first + bin
    }
}

impl Bins {
    fn of(feature: &Feature, baseline: &Baseline) -> Result<Self, String> {
        let booleans = ["false", "true"];
        match (feature.dtype, baseline) {
            (Dtype::Number | Dtype::Integer, Baseline::Histogram { edges, .. }) => {
                Ok(Self::of_edges(edges))
            }
            (Dtype::Boolean, Baseline::Categories { names, .. }) if *names == booleans => {
                Ok(Self::Codes(names.len()))
            }
            // By code: in another order each would be counted as another.
            (Dtype::Category, Baseline::Categories { names, .. })
                if *names == feature.categories =>
            {
                Ok(Self::Codes(names.len()))
            }
            _ => Err(format!("`{}` has other values there", feature.name)),
        }
    }

    fn of_edges(edges: &[f64]) -> Self {
        if edges.len() >= SEARCHED {
            return Self::ManyEdges(edges.into());
        }
        let mut searched = Box::new([f64::INFINITY; SEARCHED]);
        searched[..edges.len()].copy_from_slice(edges);
        Self::Edges(edges.len(), searched)
    }

    fn len(&self) -> usize {
        match self {
            Self::Edges(n_edges, _) => n_edges + 1,
            Self::ManyEdges(edges) => edges.len() + 1,
            Self::Codes(n_codes) => *n_codes,
        }
    }
}

#[cfg(test)]
mod tests;
