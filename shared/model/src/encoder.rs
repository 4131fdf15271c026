//! From a row as it was sent to the columns a regressor looks at.

use schema::{Dtype, Feature, Signature};

use crate::ModelError;
use crate::tensors::{self, Tensor, Tensors, of_length};

const IMPUTE: &str = "encoder.impute";
const N_INDICATORS: &str = "encoder.n_indicators";

/// Fills in missing values and spreads categories over indicator columns.
///
/// A feature's value is its number, or its category's code; where it is missing, it is what training imputes.
/// A feature without indicators gives one column, the value; one with k gives k columns, of which column j
/// is 1 where the code is j + 1 (code 0 is the reference level, all zeros).
/// A code equal to the number of categories is the level "missing", for features that were missing in training.
/// Where NaN is imputed, a missing value stays missing: forests whose splits send it somewhere take it as it is.
#[derive(Debug, Clone)]
pub struct Encoder {
    impute: Vec<f64>,
    n_indicators: Vec<u32>,
    n_columns: usize,
    /// No feature has indicators.
    is_plain: bool,
}

impl PartialEq for Encoder {
    fn eq(&self, other: &Self) -> bool {
        // An imputed NaN is equal to itself.
        let bits = |encoder: &Self| encoder.impute.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        bits(self) == bits(other) && self.n_indicators == other.n_indicators
    }
}

impl Encoder {
    /// Takes what stands in for a missing value, and the number of indicators, of each feature.
    ///
    /// # Errors
    ///
    /// Where a value is infinite or the arrays do not fit the signature: their lengths, a code that is no
    /// category, indicators on something else than a category or beside an imputed NaN.
    pub fn new(
        signature: &Signature,
        impute: Vec<f64>,
        n_indicators: Vec<u32>,
    ) -> Result<Self, ModelError> {
        of_length(IMPUTE, impute.len(), signature.n_features())?;
        of_length(N_INDICATORS, n_indicators.len(), signature.n_features())?;
        none_infinite(&impute)?;
        for ((feature, &impute), &n_indicators) in
            signature.features().iter().zip(&impute).zip(&n_indicators)
        {
            check(feature, impute, n_indicators)?;
        }
        let n_columns = n_indicators.iter().map(|&n| (n as usize).max(1)).sum();
        let is_plain = n_indicators.iter().all(|&n| n == 0);
        Ok(Self { impute, n_indicators, n_columns, is_plain })
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

    /// Whether these rows are their own columns: nothing is to be imputed or spread.
    pub(crate) fn changes_nothing_in(&self, rows: &[f64]) -> bool {
        // All values are looked at, which the compiler does several at a time.
        self.is_plain && !rows.iter().fold(false, |missing, value| missing | value.is_nan())
    }

    /// Encodes rows one behind the other.
    pub(crate) fn encode_all(&self, rows: &[f64], columns: &mut [f64]) {
        let columns = columns.chunks_exact_mut(self.n_columns);
        for (row, columns) in rows.chunks_exact(self.n_features()).zip(columns) {
            self.encode(row, columns);
        }
    }

    /// The first feature whose missing values stay missing.
    pub(crate) fn leaves_missing(&self) -> Option<usize> {
        self.impute.iter().position(|impute| impute.is_nan())
    }

    pub(crate) fn tensors(&self) -> [Tensor; 2] {
        [
            tensors::floats(IMPUTE, self.impute.iter().copied()),
            tensors::counts(N_INDICATORS, self.n_indicators.iter().copied()),
        ]
    }

    pub(crate) fn read(tensors: &Tensors<'_>, signature: &Signature) -> Result<Self, ModelError> {
        Self::new(signature, tensors.floats_or_nan(IMPUTE)?, tensors.counts(N_INDICATORS)?)
    }

    pub(crate) const TENSORS: [&'static str; 2] = [IMPUTE, N_INDICATORS];
}

fn none_infinite(impute: &[f64]) -> Result<(), ModelError> {
    match impute.iter().position(|value| value.is_infinite()) {
        Some(idx) => Err(ModelError::NotFinite { name: IMPUTE, idx, value: impute[idx] }),
        None => Ok(()),
    }
}

fn check(feature: &Feature, impute: f64, n_indicators: u32) -> Result<(), ModelError> {
    let refuse = |reason| Err(ModelError::Encoder { feature: feature.name.clone(), reason });
    let n_categories = feature.categories.len();
    match feature.dtype {
        Dtype::Category => {
            if impute.is_nan() {
                let reason = format!("{n_indicators} indicators, none of which is for missing");
                return if n_indicators == 0 { Ok(()) } else { refuse(reason) };
            }
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
