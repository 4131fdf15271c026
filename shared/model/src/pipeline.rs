//! A whole model: the encoder in front of the regressor, and its file.

use schema::{Rows, Signature};

use crate::tensors::{self, Tensors, of_length};
use crate::{Encoder, Forest, Linear, ModelError};

/// Rows that are encoded together: their columns stay in the first-level cache while they are predicted.
const BLOCK_ROWS: usize = 256;
/// Columns of one or a few rows, which take no memory of their own.
const FEW_VALUES: usize = 64;

/// The fitted model behind the encoder.
#[derive(Debug, Clone, PartialEq)]
pub enum Regressor {
    /// `linear`, `ridge` and `elastic-net`.
    Linear(Linear),
    /// `random-forest` and `decision-tree`, which is a forest of one.
    Forest(Forest),
}

impl Regressor {
    fn predict(&self, columns: &[f64], out: &mut [f64]) {
        match self {
            Self::Linear(linear) => linear.predict(columns, out),
            Self::Forest(forest) => forest.predict(columns, out),
        }
    }
}

/// What answers: rows in signature order in, one number a row out.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    encoder: Encoder,
    regressor: Regressor,
}

impl Pipeline {
    /// Puts an encoder in front of a regressor.
    ///
    /// # Errors
    ///
    /// Where the regressor looks at another number of columns than the encoder gives, or is linear behind an
    /// encoder that leaves values missing.
    pub fn new(encoder: Encoder, regressor: Regressor) -> Result<Self, ModelError> {
        let (name, n_columns) = match &regressor {
            Regressor::Linear(linear) => (Linear::TENSORS[0], linear.coefficients().len()),
            Regressor::Forest(forest) => (Forest::TENSORS[1], forest.n_columns()),
        };
        of_length(name, n_columns, encoder.n_columns())?;
        if let (Regressor::Linear(_), Some(idx)) = (&regressor, encoder.leaves_missing()) {
            return Err(ModelError::NotFinite { name: Encoder::TENSORS[0], idx, value: f64::NAN });
        }
        Ok(Self { encoder, regressor })
    }

    /// The fitted model behind the encoder.
    pub fn regressor(&self) -> &Regressor {
        &self.regressor
    }

    /// The encoder.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Steps of about ten nanoseconds that one row takes, at most: what its columns and its trees need.
    pub fn work_per_row(&self) -> usize {
        let regressor = match &self.regressor {
            Regressor::Linear(linear) => linear.coefficients().len(),
            Regressor::Forest(forest) => forest.work_per_row(),
        };
        self.encoder.n_columns() + regressor
    }

    /// Predicts one number for each row, in the target's unit.
    ///
    /// A linear model overflows to an infinity where the values are near the largest there are.
    ///
    /// # Panics
    ///
    /// If the rows have another number of features than the signature the pipeline was made for.
    pub fn predict(&self, rows: &Rows) -> Vec<f64> {
        let mut out = vec![0.0; rows.n_rows()];
        self.predict_into(rows.values(), &mut out);
        out
    }

    /// Predicts `out[i]` from row i of `values`, shape `(out.len(), n_features)`, row-major, NaN for missing.
    ///
    /// # Panics
    ///
    /// If `values` is not `out.len()` rows long.
    pub fn predict_into(&self, values: &[f64], out: &mut [f64]) {
        let (n_features, n_columns) = (self.encoder.n_features(), self.encoder.n_columns());
        assert_eq!(values.len(), out.len() * n_features, "values are rows of the signature");
        let (mut few, mut many) = ([0.0; FEW_VALUES], Vec::new());
        for (rows, out) in values.chunks(n_features * BLOCK_ROWS).zip(out.chunks_mut(BLOCK_ROWS)) {
            if self.encoder.changes_nothing_in(rows) {
                self.regressor.predict(rows, out);
                continue;
            }
            let n_values = n_columns * out.len();
            let columns = match few.get_mut(..n_values) {
                Some(few) => few,
                None => {
                    many.resize(n_values, 0.0);
                    &mut many
                }
            };
            self.encoder.encode_all(rows, columns);
            self.regressor.predict(columns, out);
        }
    }

    /// Writes `weights.safetensors`: the same model gives the same bytes.
    pub fn to_safetensors(&self) -> Vec<u8> {
        let mut arrays = Vec::from(self.encoder.tensors());
        match &self.regressor {
            Regressor::Linear(linear) => arrays.extend(linear.tensors()),
            Regressor::Forest(forest) => arrays.extend(forest.tensors()),
        }
        tensors::write(&arrays)
    }

    /// Reads `weights.safetensors` of a model with this signature.
    ///
    /// # Errors
    ///
    /// Whatever the bytes are: [`ModelError`] or a model that can predict.
    pub fn from_safetensors(bytes: &[u8], signature: &Signature) -> Result<Self, ModelError> {
        let tensors = Tensors::read(bytes)?;
        let encoder = Encoder::read(&tensors, signature)?;
        let is_linear = tensors.has(Linear::TENSORS[0]);
        let (names, kind): (&[&str], _) =
            if is_linear { (&Linear::TENSORS, "linear") } else { (&Forest::TENSORS, "forest") };
        tensors.only(&[&Encoder::TENSORS, names].concat(), kind)?;
        let regressor = if is_linear {
            Regressor::Linear(Linear::read(&tensors)?)
        } else {
            Regressor::Forest(Forest::read(&tensors, encoder.n_columns())?)
        };
        Self::new(encoder, regressor)
    }
}

#[cfg(test)]
mod tests;
