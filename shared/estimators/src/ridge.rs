//! Ridge regression, solved exactly as the least squares of an augmented design.

use ndarray::{Array1, Array2, ShapeBuilder};
use serde::{Deserialize, Serialize};

use crate::fitted::{Fitted, Solution};
use crate::linear::least_squares;
use crate::standardised::Standardised;
use crate::{Checked, FitError, Progress, Training, params};

const ADVICE: &str = "raise --alpha, or leave one of them out with --ignore";

/// Least squares with a penalty on large coefficients: minimises `‖y − X·w‖² + alpha·‖w‖²` over standardised
/// columns.
///
/// | Name | Default | Range | Effect | scikit-learn |
/// | --- | --- | --- | --- | --- |
/// | `alpha` | 1.0 | > 0 | the larger, the nearer to 0 the coefficients | `Ridge(alpha)` |
///
/// Equal to scikit-learn's `make_pipeline(StandardScaler(), Ridge(alpha))`: columns get mean 0 and standard
/// deviation 1 first, so that the penalty does not depend on units; the intercept is not penalised.
/// Solved exactly by linfa's QR on the design `[X; √alpha·I]` against `[y; 0]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RidgeParams {
    /// The weight of the penalty.
    pub alpha: f64,
}

impl Default for RidgeParams {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl RidgeParams {
    /// Sets the weight of the penalty.
    #[must_use]
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// Checks the range.
    ///
    /// # Errors
    ///
    /// [`FitError::Hyperparameter`] for the first one outside of it.
    pub fn checked(self) -> Result<Checked<Self>, FitError> {
        let range = "a number above 0 (for none at all, use --estimator linear)";
        params::real("alpha", self.alpha, |alpha| alpha > 0.0, range)?;
        Ok(Checked(self))
    }
}

impl Checked<RidgeParams> {
    /// Fits the coefficients.
    ///
    /// # Errors
    ///
    /// See [`FitError`].
    pub fn fit(
        &self,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, FitError> {
        let alpha = self.0.alpha;
        Fitted::of_linear(training, progress, |data| {
            data.check_independent(alpha / data.z.nrows() as f64, ADVICE)?;
            let (z, y) = augmented(data, alpha);
            Ok(Solution::LeastSquares(least_squares(z, y)?))
        })
    }
}

/// The design over `√alpha·I`, and the target over zeros.
fn augmented(data: &Standardised, alpha: f64) -> (Array2<f64>, Array1<f64>) {
    let (n_rows, n_columns) = data.z.dim();
    let n_augmented = n_rows + n_columns;
    let z = Array2::from_shape_fn((n_augmented, n_columns).f(), |(i, j)| {
        if i < n_rows {
            data.z[[i, j]]
        } else if i - n_rows == j {
            alpha.sqrt()
        } else {
            0.0
        }
    });
    let y = (0..n_augmented).map(|i| data.y.get(i).copied().unwrap_or(0.0));
    (z, y.collect())
}

#[cfg(test)]
mod tests;
