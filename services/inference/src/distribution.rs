//! Into which bins of its baseline a version's rows and predictions fall. The text for Prometheus is in
//! `distribution_series.rs`.

use registry::Manifest;
use schema::{Distribution as Baseline, Dtype, Feature, Rows, Warnings};

use crate::shards::Shards;

/// How the rows of a version are spread over its baseline's bins.
///
/// Many threads count at once, and none waits for another.
#[derive(Debug)]
pub struct Distribution {
    pub(crate) model: String,
    pub(crate) version: u64,
    features: Vec<Column>,
    prediction: Column,
    shards: Shards,
}

/// Where the counts of a feature, or of the prediction, stand: a bin after the other, then missing, then unseen.
#[derive(Debug, PartialEq)]
struct Column {
    name: String,
    first: usize,
    bins: Bins,
}

#[derive(Debug, PartialEq)]
enum Bins {
    /// Bin `i` holds the values in `(edges[i-1], edges[i]]`.
    Edges(Box<[f64]>),
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
        let prediction = Column {
            name: String::new(),
            first: n_counts,
            bins: Bins::Edges(edges.as_slice().into()),
        };
        n_counts += prediction.bins.len();
        Ok(Self {
            model: manifest.model.to_string(),
            version: manifest.version,
            features: columns,
            prediction,
            shards: Shards::new(n_counts),
        })
    }

    /// Whether the same values fall into the same bins.
    pub(crate) fn has_bins_of(&self, other: &Self) -> bool {
        self.features == other.features && self.prediction == other.prediction
    }

    /// Counts rows that were answered, in signature order, with their predictions and the warnings they got.
    pub fn count(&self, rows: &Rows, predictions: &[f64], warnings: &Warnings) {
        self.shards.count(|counts| {
            for row in rows.iter() {
                for (column, value) in self.features.iter().zip(row) {
                    counts[column.idx_of(*value)] += 1;
                }
            }
            for prediction in predictions {
                counts[self.prediction.idx_of(*prediction)] += 1;
            }
            // An unseen category is NaN among the values, as a missing one is.
            for (feature_idx, n_unseen) in warnings.counts() {
                let column = &self.features[feature_idx];
                if matches!(column.bins, Bins::Codes(_)) {
                    let missing = column.first + column.bins.len();
                    counts[missing] -= n_unseen;
                    counts[missing + 1] += n_unseen;
                }
            }
        });
    }

    pub(crate) fn counts(&self) -> Counts<'_> {
        Counts { distribution: self, sums: self.shards.sums() }
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
            // There are at most 19: comparing with all of them takes less time than a search that branches.
            Bins::Edges(edges) => edges.iter().map(|edge| usize::from(*edge < value)).sum(),
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
                Ok(Self::Edges(edges.as_slice().into()))
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

    fn len(&self) -> usize {
        match self {
            Self::Edges(edges) => edges.len() + 1,
            Self::Codes(n_codes) => *n_codes,
        }
    }
}

#[cfg(test)]
mod tests;
