//! From a row as it was sent to the columns a regressor looks at.

use schema::{Dtype, Feature, Signature};

use crate::ModelError;
use crate::tensors::{self, Tensor, Tensors, all_finite, of_length};

const IMPUTE: &str = "encoder.impute";
const N_INDICATORS: &str = "encoder.n_indicators";

/// Fills in missing values and spreads categories over indicator columns.
///
/// A feature's value is its number, or its category's code; where it is missing, it is what training imputes.
/// A feature without indicators gives one column, the value; one with k gives k columns, of which column j
/// is 1 where the code is j + 1 (code 0 is the reference level, all zeros).
/// A code equal to the number of categories is the level "missing", for features that were missing in training.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    impute: Vec<f64>,
    n_indicators: Vec<u32>,
    n_columns: usize,
}

impl Encoder {
    /// Takes what stands in for a missing value, and the number of indicators, of each feature.
    ///
    /// # Errors
    ///
    /// Where a value is not finite or the arrays do not fit the signature: their lengths, a code that is no
    /// category, indicators on something else than a category.
    pub fn new(
        signature: &Signature,
        impute: Vec<f64>,
        n_indicators: Vec<u32>,
    ) -> Result<Self, ModelError> {
        of_length(IMPUTE, impute.len(), signature.n_features())?;
        of_length(N_INDICATORS, n_indicators.len(), signature.n_features())?;
        all_finite(IMPUTE, &impute)?;
        for ((feature, &impute), &n_indicators) in
            signature.features().iter().zip(&impute).zip(&n_indicators)
        {
            check(feature, impute, n_indicators)?;
        }
        let n_columns = n_indicators.iter().map(|&n| (n as usize).max(1)).sum();
        Ok(Self { impute, n_indicators, n_columns })
    }

    /// The number of columns a row is encoded into.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The number of values in a row.
    pub fn n_features(&self) -> usize {
        self.impute.len()
    }

    /// Encodes one row of shape `(n_features,)` into `columns` of shape `(n_columns,)`.
    pub fn encode(&self, row: &[f64], columns: &mut [f64]) {
        let mut at = 0;
        for ((&value, &impute), &n_indicators) in
            row.iter().zip(&self.impute).zip(&self.n_indicators)
        {
            let value = if value.is_nan() { impute } else { value };
            if n_indicators == 0 {
                columns[at] = value;
                at += 1;
            } else {
                let indicators = &mut columns[at..at + n_indicators as usize];
                indicators.fill(0.0);
                // Codes are small whole numbers; 0 is the reference level.
                if let Some(level) = (value as usize).checked_sub(1) {
                    indicators[level] = 1.0;
                }
                at += n_indicators as usize;
            }
        }
    }

    pub(crate) fn tensors(&self) -> [Tensor; 2] {
        [
            tensors::floats(IMPUTE, self.impute.iter().copied()),
            tensors::counts(N_INDICATORS, self.n_indicators.iter().copied()),
        ]
    }

    pub(crate) fn read(tensors: &Tensors<'_>, signature: &Signature) -> Result<Self, ModelError> {
        Self::new(signature, tensors.floats(IMPUTE)?, tensors.counts(N_INDICATORS)?)
    }

    pub(crate) const TENSORS: [&'static str; 2] = [IMPUTE, N_INDICATORS];
}

fn check(feature: &Feature, impute: f64, n_indicators: u32) -> Result<(), ModelError> {
    let refuse = |reason| Err(ModelError::Encoder { feature: feature.name.clone(), reason });
    let n_categories = feature.categories.len();
    match feature.dtype {
        Dtype::Category => {
            let is_code = impute >= 0.0 && impute.fract() == 0.0 && impute <= n_categories as f64;
            if !is_code {
                return refuse(format!("{impute} is no code of {n_categories} categories"));
            }
            // The greatest code: the last category, or the level "missing".
            let greatest = (n_categories - 1).max(impute as usize);
            if n_indicators != 0 && n_indicators as usize != greatest {
                return refuse(format!("{n_indicators} indicators for {} levels", greatest + 1));
            }
            Ok(())
        }
        Dtype::Number | Dtype::Integer | Dtype::Boolean if n_indicators != 0 => {
            refuse(format!("{n_indicators} indicators for a {}", feature.dtype))
        }
        Dtype::Number | Dtype::Integer | Dtype::Boolean => Ok(()),
    }
}
