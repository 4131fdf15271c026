//! A linear model: its value at the training means, plus a weighted sum of how far the encoded columns are from them.

use crate::ModelError;
use crate::tensors::{self, Tensor, Tensors, all_finite, of_length};

const COEFFICIENTS: &str = "linear.coefficients";
const OFFSETS: &str = "linear.offsets";
const INTERCEPT: &str = "linear.intercept";

/// `intercept + Σ coefficients[j] · (column[j] − offsets[j])`, in the target's unit.
///
/// The offsets are the means of the training columns: without them the products of a column such as
/// milliseconds since 1970 would be many orders of magnitude larger than their sum, which then has no digits left.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    coefficients: Vec<f64>,
    offsets: Vec<f64>,
    intercept: f64,
}

impl Linear {
    /// Takes one coefficient and one offset for each encoded column, and the value at the offsets.
    ///
    /// # Errors
    ///
    /// Where a number is not finite, or there are not as many offsets as coefficients.
    pub fn new(
        coefficients: Vec<f64>,
        offsets: Vec<f64>,
        intercept: f64,
    ) -> Result<Self, ModelError> {
        all_finite(COEFFICIENTS, &coefficients)?;
        all_finite(OFFSETS, &offsets)?;
        all_finite(INTERCEPT, &[intercept])?;
        of_length(OFFSETS, offsets.len(), coefficients.len())?;
        Ok(Self { coefficients, offsets, intercept })
    }

    /// One coefficient for each encoded column.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// What is subtracted from each encoded column, in its unit.
    pub fn offsets(&self) -> &[f64] {
        &self.offsets
    }

    /// The prediction where every column is at its offset.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Predicts `out[i]` from row i of `columns`, shape `(out.len(), n_columns)`, row-major.
    pub(crate) fn predict(&self, columns: &[f64], out: &mut [f64]) {
        for (row, out) in columns.chunks_exact(self.coefficients.len()).zip(out) {
            let weights = self.coefficients.iter().zip(&self.offsets);
            let sum: f64 = row.iter().zip(weights).map(|(x, (c, offset))| (x - offset) * c).sum();
            *out = self.intercept + sum;
        }
    }

    pub(crate) fn tensors(&self) -> [Tensor; 3] {
        [
            tensors::floats(COEFFICIENTS, self.coefficients.iter().copied()),
            tensors::floats(OFFSETS, self.offsets.iter().copied()),
            tensors::floats(INTERCEPT, [self.intercept]),
        ]
    }

    pub(crate) fn read(tensors: &Tensors<'_>) -> Result<Self, ModelError> {
        let intercept = tensors.floats(INTERCEPT)?;
        of_length(INTERCEPT, intercept.len(), 1)?;
        Self::new(tensors.floats(COEFFICIENTS)?, tensors.floats(OFFSETS)?, intercept[0])
    }

    pub(crate) const TENSORS: [&'static str; 3] = [COEFFICIENTS, OFFSETS, INTERCEPT];
}
