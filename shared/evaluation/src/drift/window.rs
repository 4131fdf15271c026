//! What is counted of a window of production rows.

/// How many rows of a window fell where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WindowCounts {
    /// One for each feature, in signature order.
    pub features: Vec<FeatureCounts>,
    /// Predictions in each bin of the baseline's predictions.
    pub predictions: Vec<u64>,
}

/// One feature's rows of a window; each row counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureCounts {
    /// Rows in each bin of the baseline's distribution: histogram bins, or categories in code order.
    pub bins: Vec<u64>,
    /// Rows without a value.
    pub missing: u64,
    /// Rows with a category that training never saw.
    pub unseen: u64,
}

impl FeatureCounts {
    /// All rows: with a value, without one, and with an unseen one.
    pub fn rows(&self) -> u64 {
        self.bins
            .iter()
            .chain([&self.missing, &self.unseen])
            .fold(0, |rows, count| rows.saturating_add(*count))
    }
}
