//! The design of the linear estimators: standardised columns, and the way back to the features' own units.

use model::{Linear, ModelError};
use ndarray::{Array1, Array2, ArrayView1, Axis, ShapeBuilder};
use schema::Rows;

use crate::encoding::Encoding;
use crate::{FitError, Training};
use schema::cleaned;

/// A pivot below this leaves too few digits for a coefficient: the rest of the column is explained by others.
const SMALLEST_PIVOT: f64 = 1e-12;

/// The most bytes of the design, and of the matrix of its correlations: 512 MiB. A fit holds some copies.
const MAX_MATRIX_BYTES: usize = 512 << 20;

/// The mean and the scale (population standard deviation) of one column or of the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
}

impl Scale {
    /// Of a column; the deviation of a constant is exactly 0.
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        if values.iter().all(|&value| value == values[0]) {
            let (mean, deviation) = (values[0], 0.0);
            return Self { mean, deviation };
        }
        let rough = values.iter().sum::<f64>() / n;
        let mean = rough + values.iter().map(|value| value - rough).sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        let deviation = variance.sqrt();
        Self { mean, deviation }
    }

    fn standardise(self, value: f64) -> f64 {
        (value - self.mean) / self.deviation
    }
}

/// How encoded columns become the design: constant ones stay out, the others get mean 0 and deviation 1.
#[derive(Debug, Clone)]
pub(crate) struct Standardiser {
    pub(crate) encoding: Encoding,
    /// The columns of the design among the encoded ones.
    kept: Vec<usize>,
    /// One for each kept column.
    scales: Vec<Scale>,
    pub(crate) target: Scale,
}

/// Training data in the form that linfa solves: `z` of shape `(n_rows, n_kept)`, column by column in memory.
pub(crate) struct Standardised {
    pub(crate) standardiser: Standardiser,
    pub(crate) z: Array2<f64>,
    pub(crate) y: Array1<f64>,
    names: Vec<String>,
}

impl Standardised {
    pub(crate) fn of(training: &Training<'_>) -> Result<Self, FitError> {
        training.check()?;
        let encoding = Encoding::indicators(training)?;
        let n_rows = training.rows.n_rows();
        check_size(training, &encoding)?;
        let references = encoding.references(training.rows);
        let columns = encoding.columns(training.rows);
        let (kept, scales) = columns
            .chunks_exact(n_rows)
            .map(Scale::of)
            .enumerate()
            .filter(|(column, scale)| scale.deviation > 0.0 && !references.contains(column))
            .unzip();
        let target = Scale::of(training.target);
        let y = training.target.iter().map(|&value| match target.deviation {
            0.0 => 0.0,
            _ => target.standardise(value),
        });
        let y = y.collect();
        let names = encoding.column_names(training.signature);
        let standardiser = Standardiser { encoding, kept, scales, target };
        let z = standardiser.design(&columns, n_rows);
        Ok(Self { standardiser, z, y, names })
    }

    /// Whether there is nothing to solve: the mean of the target is the best there is.
    pub(crate) fn is_constant(&self) -> bool {
        self.z.ncols() == 0 || self.standardiser.target.deviation == 0.0
    }

    /// Refuses as many columns as rows.
    pub(crate) fn check_rows(&self) -> Result<(), FitError> {
        let (n_rows, n_columns) = self.z.dim();
        if n_columns < n_rows { Ok(()) } else { Err(FitError::TooFewRows { n_columns, n_rows }) }
    }

    /// Refuses a column that follows from those before it: a Cholesky factorisation of the correlation
    /// matrix, with `ridge` added to its diagonal, runs into a pivot near 0 there.
    pub(crate) fn check_independent(&self, ridge: f64, advice: &str) -> Result<(), FitError> {
        let mut factor = self.z.t().dot(&self.z) / self.z.nrows() as f64;
        for j in 0..factor.nrows() {
            for i in 0..j {
                let (row_i, row_j) = (factor.row(i), factor.row(j));
                let known = dot(row_i, row_j, i);
                factor[[j, i]] = (factor[[j, i]] - known) / factor[[i, i]];
            }
            let row = factor.row(j);
            let pivot = factor[[j, j]] + ridge - dot(row, row, j);
            // NaN is not above either.
            if pivot.is_nan() || pivot <= SMALLEST_PIVOT {
                return Err(self.dependent(&factor, j, advice));
            }
            factor[[j, j]] = pivot.sqrt();
        }
        Ok(())
    }

    /// Names the columns with the largest weights in the combination that gives column `j`.
    fn dependent(&self, factor: &Array2<f64>, j: usize, advice: &str) -> FitError {
        const NAMED: usize = 3;
        let mut weights = factor.row(j).to_vec();
        weights.truncate(j);
        for i in (0..j).rev() {
            let known: f64 = (i + 1..j).map(|m| factor[[m, i]] * weights[m]).sum();
            weights[i] = (weights[i] - known) / factor[[i, i]];
        }
        let mut others: Vec<usize> = (0..j).filter(|&i| weights[i].abs() > 1e-4).collect();
        others.sort_by(|&a, &b| weights[b].abs().total_cmp(&weights[a].abs()));
        let name = |i: usize| format!("`{}`", self.names[self.standardiser.kept[i]]);
        let named: Vec<_> = others.iter().take(NAMED).map(|&i| name(i)).collect();
        let more = match others.len().saturating_sub(NAMED) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        FitError::Dependent {
            column: self.names[self.standardiser.kept[j]].clone(),
            others: format!("{}{more}", named.join(", ")),
            advice: advice.to_owned(),
        }
    }
}

/// Refuses matrices beyond the limit before they are made.
fn check_size(training: &Training<'_>, encoding: &Encoding) -> Result<(), FitError> {
    let (n_rows, n_columns) = (training.rows.n_rows(), encoding.n_columns());
    let longest = n_rows.max(n_columns);
    let n_bytes = longest.saturating_mul(n_columns).saturating_mul(size_of::<f64>());
    if n_bytes <= MAX_MATRIX_BYTES {
        return Ok(());
    }
    let advice = match encoding.widest() {
        Some((feature_idx, n)) => {
            let name = cleaned(&training.signature.features()[feature_idx].name);
            format!(
                "the widest category is `{name}` with {n} of the columns: leave it out with \
                 --ignore {name}, or use --estimator random-forest"
            )
        }
        None => "fit fewer rows, or use --estimator random-forest".to_owned(),
    };
    Err(FitError::TooLarge {
        n_columns,
        n_rows,
        mebibytes: n_bytes.div_ceil(1 << 20),
        limit_mebibytes: MAX_MATRIX_BYTES >> 20,
        advice,
    })
}

/// The inner product of the first `n` values.
fn dot(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>, n: usize) -> f64 {
    a.iter().zip(b).take(n).map(|(a, b)| a * b).sum()
}

impl Standardiser {
    /// The design of any rows.
    pub(crate) fn rows(&self, rows: &Rows) -> Array2<f64> {
        self.design(&self.encoding.columns(rows), rows.n_rows())
    }

    fn design(&self, columns: &[f64], n_rows: usize) -> Array2<f64> {
        let mut z = Array2::zeros((n_rows, self.kept.len()).f());
        for (mut to, (&column, &scale)) in
            z.axis_iter_mut(Axis(1)).zip(self.kept.iter().zip(&self.scales))
        {
            let from = &columns[column * n_rows..(column + 1) * n_rows];
            for (to, &value) in to.iter_mut().zip(from) {
                *to = scale.standardise(value);
            }
        }
        z
    }

    /// A standardised prediction in the target's unit.
    pub(crate) fn target_value(&self, standardised: f64) -> f64 {
        self.target.mean + self.target.deviation * standardised
    }

    /// Folds the scales into a model of the encoded columns; those left out get the coefficient 0.
    ///
    /// The means stay offsets: folded into the intercept they would cost the digits of a column far from 0.
    pub(crate) fn fold(&self, weights: &Array1<f64>) -> Result<Linear, ModelError> {
        let mut coefficients = vec![0.0; self.encoding.n_columns()];
        let mut offsets = vec![0.0; coefficients.len()];
        for ((&column, scale), weight) in self.kept.iter().zip(&self.scales).zip(weights) {
            coefficients[column] = weight * self.target.deviation / scale.deviation;
            offsets[column] = scale.mean;
        }
        Linear::new(coefficients, offsets, self.target.mean)
    }
}
