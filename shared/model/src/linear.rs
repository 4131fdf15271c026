//! A linear model: the intercept plus a weighted sum of the encoded columns.

use crate::ModelError;
use crate::tensors::{self, Tensor, Tensors, all_finite, of_length};

const COEFFICIENTS: &str = "linear.coefficients";
const INTERCEPT: &str = "linear.intercept";

/// `intercept + Σ coefficients[j] · column[j]`, in the target's unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    coefficients: Vec<f64>,
    intercept: f64,
}

impl Linear {
    /// Takes one coefficient for each encoded column, and the intercept.
    ///
    /// # Errors
    ///
    /// Where a number is not finite.
    pub fn new(coefficients: Vec<f64>, intercept: f64) -> Result<Self, ModelError> {
        all_finite(COEFFICIENTS, &coefficients)?;
        all_finite(INTERCEPT, &[intercept])?;
        Ok(Self { coefficients, intercept })
    }

    /// One coefficient for each encoded column.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The prediction where every column is 0.
    pub fn intercept(&self) -> f64 {
        self.intercept
    }

    /// Predicts `out[i]` from row i of `columns`, shape `(out.len(), n_columns)`, row-major.
    pub(crate) fn predict(&self, columns: &[f64], out: &mut [f64]) {
        for (row, out) in columns.chunks_exact(self.coefficients.len()).zip(out) {
            let sum: f64 = row.iter().zip(&self.coefficients).map(|(x, c)| x * c).sum();
            *out = self.intercept + sum;
        }
    }

    pub(crate) fn tensors(&self) -> [Tensor; 2] {
        [
            tensors::floats(COEFFICIENTS, self.coefficients.iter().copied()),
            tensors::floats(INTERCEPT, [self.intercept]),
        ]
    }

    pub(crate) fn read(tensors: &Tensors<'_>) -> Result<Self, ModelError> {
        let intercept = tensors.floats(INTERCEPT)?;
        of_length(INTERCEPT, intercept.len(), 1)?;
        Self::new(tensors.floats(COEFFICIENTS)?, intercept[0])
    }

    pub(crate) const TENSORS: [&'static str; 2] = [COEFFICIENTS, INTERCEPT];
}
