//! What an estimator learns from.

use schema::{Dtype, Feature, Rows, Signature};

use crate::FitError;

/// Beyond this, sums of squares overflow.
const LARGEST: f64 = 1e100;
/// Below this, squares vanish.
const SMALLEST: f64 = 1e-100;

/// Training rows and their targets.
#[derive(Debug, Clone, Copy)]
pub struct Training<'a> {
    /// What the columns are.
    pub signature: &'a Signature,
    /// The features, in signature order, NaN for missing.
    pub rows: &'a Rows,
    /// The target of each row.
    pub target: &'a [f64],
}

impl Training<'_> {
    /// Checks that the parts fit together and that every number can be computed with.
    pub(crate) fn check(&self) -> Result<(), FitError> {
        if self.rows.n_rows() == 0 {
            return Err(FitError::NoRows);
        }
        let n_features = self.signature.n_features();
        same("features a row", self.rows.n_features(), n_features)?;
        same("targets", self.target.len(), self.rows.n_rows())?;
        for (feature_idx, feature) in self.signature.features().iter().enumerate() {
            for (row, value) in self.rows.column(feature_idx).enumerate() {
                check_value(feature, row, value)?;
            }
        }
        self.check_target()
    }

    fn check_target(&self) -> Result<(), FitError> {
        let magnitude = |row: usize| FitError::Magnitude {
            name: self.signature.target().name.clone(),
            row,
            value: self.target[row],
        };
        // NaN is not below either.
        let is_usable = |value: &f64| value.abs() <= LARGEST;
        if let Some(row) = self.target.iter().position(|value| !is_usable(value)) {
            return Err(magnitude(row));
        }
        let sizes = self.target.iter().map(|value| value.abs());
        let (row, largest) =
            sizes.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap_or_default();
        if largest > 0.0 && largest < SMALLEST {
            return Err(magnitude(row));
        }
        Ok(())
    }
}

fn same(what: &'static str, found: usize, expected: usize) -> Result<(), FitError> {
    if found == expected {
        return Ok(());
    }
    Err(FitError::Shape { what, found, expected })
}

fn check_value(feature: &Feature, row: usize, value: f64) -> Result<(), FitError> {
    if value.is_nan() {
        return Ok(()); // missing
    }
    let is_code = |n_codes: usize| value >= 0.0 && value < n_codes as f64 && value.fract() == 0.0;
    let fits = match feature.dtype {
        Dtype::Number | Dtype::Integer if value.is_finite() && value.abs() > LARGEST => {
            let name = feature.name.clone();
            return Err(FitError::Magnitude { name, row, value });
        }
        Dtype::Number | Dtype::Integer => value.is_finite(),
        Dtype::Boolean => is_code(2),
        Dtype::Category => is_code(feature.categories.len()),
    };
    if fits {
        return Ok(());
    }
    Err(FitError::Value { feature: feature.name.clone(), dtype: feature.dtype, row, value })
}

#[cfg(test)]
mod tests {
    use crate::fixture::{mixed_rows, signature};

    use super::*;

    fn check(values: Vec<f64>, target: &[f64]) -> Result<(), FitError> {
        let (signature, rows) = (signature(), Rows::new(4, values));
        Training { signature: &signature, rows: &rows, target }.check()
    }

    #[test]
    fn takes_rows_with_missing_values() {
        let (signature, rows, target) = (signature(), mixed_rows(20, 1), vec![1.5; 20]);
        let training = Training { signature: &signature, rows: &rows, target: &target };
        assert_eq!(training.check(), Ok(()));
    }

    #[test]
    fn refuses_what_cannot_be_computed_with() {
        let row = vec![1.0, 2.0, 0.0, 1.0];
        let with = |at: usize, value: f64| {
            let mut row = row.clone();
            row[at] = value;
            row
        };
        let cases = [
            (with(0, f64::INFINITY), 1.0, "is no value of a number"),
            (with(0, 1e101), 1.0, "`a` is 1e101 in row 0"),
            (with(2, 3.0), 1.0, "`c` is 3 in row 0"),
            (with(2, 0.5), 1.0, "`c` is 0.5 in row 0"),
            (with(3, 2.0), 1.0, "`d` is 2 in row 0"),
            (row.clone(), f64::NAN, "`t` is NaN in row 0"),
            (row.clone(), -1e101, "`t` is -1e101 in row 0"),
            (row.clone(), 1e-101, "`t` is 1e-101 in row 0"),
        ];
        for (values, target, message) in cases {
            let error = check(values, &[target]).expect_err(message).to_string();
            assert!(error.contains(message), "{error}");
        }
        assert_eq!(check(row.clone(), &[0.0]), Ok(()));
        let error = check(row, &[]).expect_err("no target");
        assert_eq!(error.to_string(), "the training data has 0 targets where 1 were expected");
    }
}
