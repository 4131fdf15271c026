//! A table of rows on its way to a model: row-major, in signature order, NaN for missing.

/// Feature values, shape `(n_rows, n_features)`, row-major; NaN is a missing value.
///
/// Numbers and integers as they are, booleans as 0 and 1, categories as their code.
///
/// # Examples
///
/// ```
/// let rows = schema::Rows::new(2, vec![1.0, 2.0, 3.0, f64::NAN]);
/// assert_eq!(rows.n_rows(), 2);
/// assert_eq!(rows.row(0), [1.0, 2.0]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Rows {
    n_features: usize,
    values: Vec<f64>,
}

impl Rows {
    /// Takes row-major values.
    ///
    /// # Panics
    ///
    /// If `n_features` is 0 or does not divide the number of values.
    pub fn new(n_features: usize, values: Vec<f64>) -> Self {
        assert!(n_features > 0 && values.len().is_multiple_of(n_features), "ragged rows");
        Self { n_features, values }
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.values.len().checked_div(self.n_features).unwrap_or(0)
    }

    /// The number of values in a row.
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// One row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    pub fn row(&self, row_idx: usize) -> &[f64] {
        &self.values[row_idx * self.n_features..(row_idx + 1) * self.n_features]
    }

    /// All rows in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, f64> {
        // An empty table has no feature count yet.
        self.values.chunks_exact(self.n_features.max(1))
    }

    /// All values, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// All values, row-major, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The values of one feature, top to bottom.
    pub fn column(&self, feature_idx: usize) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().skip(feature_idx).step_by(self.n_features.max(1)).copied()
    }

    /// The rows with these indexes, in this order.
    ///
    /// # Panics
    ///
    /// If an index is out of bounds.
    pub fn select(&self, row_idx: &[usize]) -> Self {
        let mut values = Vec::with_capacity(row_idx.len() * self.n_features);
        for &idx in row_idx {
            values.extend_from_slice(self.row(idx));
        }
        Self { n_features: self.n_features, values }
    }
}
