//! What the training data looked like: the reference that drift is measured against.

use serde::{Deserialize, Serialize};

/// Distributions captured at training, on the training split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Rows of the training split.
    pub n_rows: u64,
    /// One for each feature, in signature order.
    pub features: Vec<FeatureBaseline>,
    /// The target's values.
    pub target: Distribution,
    /// The model's own predictions for the test split.
    pub predictions: Distribution,
}

/// One feature's distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureBaseline {
    /// The feature's name.
    pub name: String,
    /// Rows in which it is missing.
    pub n_missing: u64,
    /// The values that are not missing.
    pub distribution: Distribution,
}

/// How values are spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Distribution {
    /// Numbers and integers.
    Histogram {
        /// The arithmetic mean.
        mean: f64,
        /// The sample standard deviation (divisor n − 1); 0 for a single value.
        standard_deviation: f64,
        /// The least value.
        minimum: f64,
        /// The greatest value.
        maximum: f64,
        /// Inner edges, ascending without repeats. Bin `i` holds the values in `(edges[i-1], edges[i]]`;
        /// the first and the last bin are open to the outside.
        edges: Vec<f64>,
        /// Values in each bin: one more than there are edges.
        counts: Vec<u64>,
    },
    /// Categories and booleans.
    Categories {
        /// The names, in code order.
        names: Vec<String>,
        /// Rows with each.
        counts: Vec<u64>,
    },
}

impl Distribution {
    /// What a difference is measured in: the standard deviation; 1 where there is none to speak of.
    pub fn scale(&self) -> f64 {
        match self {
            Self::Histogram { standard_deviation, .. }
                if standard_deviation.is_normal() && *standard_deviation > 0.0 =>
            {
                *standard_deviation
            }
            Self::Histogram { .. } | Self::Categories { .. } => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_did_not_vary_is_compared_in_its_own_unit() {
        let target = |standard_deviation| Distribution::Histogram {
            mean: 1.0,
            standard_deviation,
            minimum: 0.0,
            maximum: 2.0,
            edges: vec![],
            counts: vec![1],
        };
        assert_eq!(target(4.0).scale(), 4.0);
        assert_eq!(target(0.0).scale(), 1.0);
        assert_eq!(target(f64::NAN).scale(), 1.0);
        assert_eq!(Distribution::Categories { names: vec![], counts: vec![] }.scale(), 1.0);
    }
}
