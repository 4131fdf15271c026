//! How features become columns: learned from the training rows, written for the model's encoder, and applied
//! here once more, without that encoder, for the training library.

use std::cmp::Ordering;

use model::Encoder;
use schema::{Dtype, Feature, Rows, Signature};

use crate::{FitError, Training};

/// What stands in for a missing value, and over how many indicator columns a category is spread.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Encoding {
    impute: Vec<f64>,
    n_indicators: Vec<u32>,
}

impl Encoding {
    /// One column a feature, categories as codes: what trees look at.
    pub(crate) fn codes(training: &Training<'_>) -> Result<Self, FitError> {
        let impute = (0..training.signature.n_features())
            .map(|feature_idx| impute(training, feature_idx))
            .collect::<Result<Vec<_>, _>>()?;
        let n_indicators = vec![0; impute.len()];
        Ok(Self { impute, n_indicators })
    }

    /// Categories over indicator columns, code 0 being the reference: what linear models look at.
    pub(crate) fn indicators(training: &Training<'_>) -> Result<Self, FitError> {
        let mut encoding = Self::codes(training)?;
        let features = training.signature.features().iter();
        for ((feature, impute), n) in features.zip(&encoding.impute).zip(&mut encoding.n_indicators)
        {
            if feature.dtype == Dtype::Category {
                // The greatest code: the last category, or the level "missing".
                *n = (feature.categories.len() - 1).max(*impute as usize) as u32;
            }
        }
        Ok(encoding)
    }

    /// The same for the model.
    pub(crate) fn encoder(&self, signature: &Signature) -> Result<Encoder, FitError> {
        let (impute, n_indicators) = (self.impute.clone(), self.n_indicators.clone());
        Ok(Encoder::new(signature, impute, n_indicators)?)
    }

    /// The number of columns.
    pub(crate) fn n_columns(&self) -> usize {
        self.n_indicators.iter().map(|&n| n.max(1) as usize).sum()
    }

    /// The columns of these rows, shape `(n_rows, n_columns)`, column-major.
    pub(crate) fn columns(&self, rows: &Rows) -> Vec<f64> {
        let n_rows = rows.n_rows();
        let mut columns = vec![0.0; n_rows * self.n_columns()];
        let mut at = 0;
        for (feature_idx, (&impute, &n)) in self.impute.iter().zip(&self.n_indicators).enumerate() {
            let values =
                rows.column(feature_idx).map(|value| if value.is_nan() { impute } else { value });
            for (row, value) in values.enumerate() {
                if n == 0 {
                    columns[at + row] = value;
                } else if value > 0.0 {
                    columns[at + (value as usize - 1) * n_rows + row] = 1.0;
                }
            }
            at += n.max(1) as usize * n_rows;
        }
        columns
    }

    /// The category that is spread over the most indicator columns, and their number.
    pub(crate) fn widest(&self) -> Option<(usize, u32)> {
        let indicators = self.n_indicators.iter().copied().enumerate();
        indicators.max_by_key(|&(_, n)| n).filter(|&(_, n)| n > 1)
    }

    /// What to call each column in a message.
    pub(crate) fn column_names(&self, signature: &Signature) -> Vec<String> {
        let mut names = Vec::with_capacity(self.n_columns());
        for (feature, &n) in signature.features().iter().zip(&self.n_indicators) {
            if n == 0 {
                names.push(feature.name.clone());
            }
            for code in 1..=n as usize {
                let level = feature.categories.get(code).map_or("missing", |c| c);
                names.push(format!("{} = {level}", feature.name));
            }
        }
        names
    }

    /// Indicator columns that must stay out of a linear design: where no training row is at code 0, the first
    /// level there is takes its place as reference.
    pub(crate) fn references(&self, rows: &Rows) -> Vec<usize> {
        let mut references = Vec::new();
        let mut at = 0;
        for (feature_idx, (&impute, &n)) in self.impute.iter().zip(&self.n_indicators).enumerate() {
            if n > 0 {
                let lowest = rows
                    .column(feature_idx)
                    .map(|value| if value.is_nan() { impute } else { value })
                    .fold(f64::INFINITY, f64::min);
                if lowest > 0.0 {
                    references.push(at + lowest as usize - 1);
                }
            }
            at += n.max(1) as usize;
        }
        references
    }
}

/// What stands in for a missing value of this feature.
fn impute(training: &Training<'_>, feature_idx: usize) -> Result<f64, FitError> {
    let feature = &training.signature.features()[feature_idx];
    let column = training.rows.column(feature_idx);
    let mut values: Vec<f64> = column.filter(|value| !value.is_nan()).collect();
    let has_missing = values.len() < training.rows.n_rows();
    if values.is_empty() {
        let feature = feature.name.clone();
        return Err(FitError::AllMissing { feature });
    }
    Ok(match feature.dtype {
        Dtype::Number | Dtype::Integer => median(&mut values),
        Dtype::Boolean => most_frequent(&values, 2),
        Dtype::Category => impute_category(feature, &values, has_missing),
    })
}

/// Missing is a level of its own where training saw it; else it counts as the most frequent category.
fn impute_category(feature: &Feature, codes: &[f64], has_missing: bool) -> f64 {
    let n_categories = feature.categories.len();
    if has_missing { n_categories as f64 } else { most_frequent(codes, n_categories) }
}

/// The middle value, or the mean of the two in the middle.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let is_even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_even {
        let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        lower + (upper - lower) / 2.0
    } else {
        upper
    }
}

/// The code that most rows have; of several, the lowest.
fn most_frequent(codes: &[f64], n_codes: usize) -> f64 {
    let mut counts = vec![0_usize; n_codes];
    for &code in codes {
        counts[code as usize] += 1;
    }
    let by_count_then_lowest = |a: &usize, b: &usize| match counts[*a].cmp(&counts[*b]) {
        Ordering::Equal => b.cmp(a),
        unequal => unequal,
    };
    (0..n_codes).max_by(by_count_then_lowest).unwrap_or(0) as f64
}

#[cfg(test)]
mod tests {
    use crate::fixture::signature;

    use super::*;

    const NAN: f64 = f64::NAN;

    fn encodings(values: Vec<f64>) -> (Encoding, Encoding, Rows) {
        let (signature, rows) = (signature(), Rows::new(4, values));
        let target = vec![0.0; rows.n_rows()];
        let training = Training { signature: &signature, rows: &rows, target: &target };
        let codes = Encoding::codes(&training).expect("values in every column");
        let indicators = Encoding::indicators(&training).expect("values in every column");
        (codes, indicators, rows)
    }

    #[test]
    fn imputes_by_median_and_most_frequent() {
        let (codes, indicators, _) = encodings(vec![
            1.0, 5.0, 2.0, 1.0, // a, b: numbers; c: three categories; d: boolean
            NAN, 7.0, 1.0, 0.0, //
            4.0, NAN, 1.0, NAN, //
            2.0, 6.0, 2.0, NAN,
        ]);
        assert_eq!(codes.impute, [2.0, 6.0, 1.0, 0.0]);
        assert_eq!(codes.n_indicators, [0; 4]);
        assert_eq!(indicators.n_indicators, [0, 0, 2, 0]);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn gives_missing_categories_a_level_of_their_own() {
        let (codes, indicators, rows) = encodings(vec![
            1.0, 1.0, 2.0, 1.0, //
            1.0, 1.0, NAN, 1.0, //
            1.0, 1.0, 0.0, 1.0,
        ]);
        assert_eq!(codes.impute[2], 3.0);
        assert_eq!(indicators.n_indicators[2], 3);
        assert_eq!(
            indicators.column_names(&signature()),
            ["a", "b", "c = y", "c = z", "c = missing", "d"]
        );
        let columns = indicators.columns(&rows);
        assert_eq!(columns[6..9], [0.0; 3], "c = y");
        assert_eq!(columns[9..12], [1.0, 0.0, 0.0], "c = z");
        assert_eq!(columns[12..15], [0.0, 1.0, 0.0], "c = missing");
        assert!(indicators.references(&rows).is_empty(), "code 0 is there");
    }

    #[test]
    fn takes_the_first_level_there_is_as_reference() {
        let (_, indicators, rows) = encodings(vec![1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(indicators.references(&rows), [2]);
    }

    #[test]
    fn encodes_as_the_model_does() {
        let (codes, indicators, rows) = encodings(vec![
            1.0, 5.0, 2.0, 1.0, //
            NAN, 7.0, 1.0, 0.0, //
            4.0, NAN, NAN, NAN,
        ]);
        for encoding in [codes, indicators] {
            let encoder = encoding.encoder(&signature()).expect("fits the signature");
            let columns = encoding.columns(&rows);
            let mut expected = vec![0.0; encoder.n_columns()];
            for (row_idx, row) in rows.iter().enumerate() {
                encoder.encode(row, &mut expected);
                let found = columns.iter().skip(row_idx).step_by(rows.n_rows());
                assert!(found.eq(&expected), "row {row_idx}");
            }
        }
    }

    #[test]
    fn refuses_a_feature_without_a_value() {
        let (signature, rows) = (signature(), Rows::new(4, vec![1.0, NAN, 0.0, 1.0]));
        let training = Training { signature: &signature, rows: &rows, target: &[1.0] };
        let error = Encoding::codes(&training).expect_err("b is missing");
        assert!(error.to_string().ends_with("--ignore b"), "{error}");
    }
}
