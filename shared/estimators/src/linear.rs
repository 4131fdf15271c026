//! Ordinary least squares: linfa-linear's `LinearRegression`, a QR factorisation.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::{FittedLinearRegression, LinearRegression};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::fitted::{Fitted, Solution};
use crate::standardised::Standardised;
use crate::{Checked, FitError, Progress, Training};

/// The library that solves it.
pub(crate) const LIBRARY: &str = "linfa-linear 0.8.1";

const ADVICE: &str = "use --estimator ridge, or leave one of them out with --ignore";

/// Ordinary least squares: minimises `Σ (y − intercept − x·coefficients)²`. It has no hyperparameters.
///
/// Equal to scikit-learn's `LinearRegression` on the same columns. Columns are standardised before the QR
/// factorisation and the scales folded back into the coefficients, so that units do not cost digits.
/// A constant column gets the coefficient 0; columns that depend on each other are an error.
///
/// # Examples
///
/// ```
/// # let signature: schema::Signature = serde_json::from_str(r#"{
/// #   "features": [{"name": "x", "dtype": "number"}],
/// #   "outputs": [{"name": "y", "dtype": "number", "range": {"minimum": 1, "maximum": 5}}]
/// # }"#).unwrap();
/// use estimators::{LinearParams, Silent, Training};
///
/// let rows = schema::Rows::new(1, vec![0.0, 1.0, 2.0]);
/// let training = Training { signature: &signature, rows: &rows, target: &[1.0, 3.0, 5.0] };
/// let fitted = LinearParams::default().checked()?.fit(&training, &Silent)?;
/// let predicted = fitted.pipeline.predict(&schema::Rows::new(1, vec![10.0]));
/// assert!((predicted[0] - 21.0).abs() < 1e-9);
/// # Ok::<(), estimators::FitError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearParams {}

impl LinearParams {
    /// There is nothing to refuse.
    ///
    /// # Errors
    ///
    /// None; other estimators have some.
    pub fn checked(self) -> Result<Checked<Self>, FitError> {
        Ok(Checked(self))
    }
}

impl Checked<LinearParams> {
    /// Fits the coefficients.
    ///
    /// # Errors
    ///
    /// [`FitError::TooFewRows`] and [`FitError::Dependent`] where they are not determined; see [`FitError`] for the others.
    pub fn fit(
        &self,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, FitError> {
        Fitted::of_linear(training, progress, |data| {
            data.check_rows()?;
            data.check_independent(0.0, ADVICE)?;
            let solution = least_squares(data.z.clone(), data.y.clone())?;
            check_gradient(data, solution.params())?;
            Ok(Solution::LeastSquares(solution))
        })
    }
}

/// linfa's solution of `min ‖y − z·w‖²`, without an intercept.
pub(crate) fn least_squares(
    z: Array2<f64>,
    y: Array1<f64>,
) -> Result<FittedLinearRegression<f64>, FitError> {
    LinearRegression::new()
        .with_intercept(false)
        .fit(&Dataset::new(z, y))
        .map_err(|error| FitError::Library { library: LIBRARY, reason: error.to_string() })
}

/// At the least squares solution the residuals are orthogonal to every column.
fn check_gradient(data: &Standardised, weights: &Array1<f64>) -> Result<(), FitError> {
    const LARGEST: f64 = 1e-6;
    let residuals = &data.y - &data.z.dot(weights);
    let gradient = data.z.t().dot(&residuals) / data.z.nrows() as f64;
    let is_solved = |slope: &f64| slope.abs() <= LARGEST; // NaN is not
    if gradient.iter().all(is_solved) {
        return Ok(());
    }
    Err(FitError::Library {
        library: LIBRARY,
        reason: format!("the columns are too close to linear dependence; {ADVICE}"),
    })
}

#[cfg(test)]
mod tests;
