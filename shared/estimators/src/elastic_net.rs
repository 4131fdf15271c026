//! Elastic net: linfa-elasticnet's coordinate descent.

use linfa::Dataset;
use linfa::traits::Fit;
use serde::{Deserialize, Serialize};

use crate::fitted::{Fitted, Solution};
use crate::standardised::Standardised;
use crate::{Checked, FitError, Progress, Training, params};

/// The library that solves it.
pub(crate) const LIBRARY: &str = "linfa-elasticnet 0.8.1";

/// Least squares with a penalty that makes coefficients small and some of them 0: minimises
/// `‖y − X·w‖²/2n + alpha·l1_ratio·‖w‖₁ + alpha·(1 − l1_ratio)/2·‖w‖²` over standardised columns.
///
/// | Name | Default | Range | Effect | scikit-learn |
/// | --- | --- | --- | --- | --- |
/// | `alpha` | 1.0 | > 0 | the weight of the penalty, in the target's unit | `alpha` |
/// | `l1_ratio` | 0.5 | (0, 1] | the larger, the more coefficients are 0; 1 is the lasso | `l1_ratio` |
/// | `max_iter` | 1000 | 1 to 1,000,000 | the most steps over all coefficients | `max_iter` |
/// | `tol` | 1e-4 | (0, 1) | the duality gap to reach, as a fraction of `y·y` | `tol` |
///
/// Equal to scikit-learn's `make_pipeline(StandardScaler(), ElasticNet(…))` up to `tol`.
/// Where `max_iter` steps do not reach `tol`, the fit fails instead of giving what it has.
///
/// linfa-elasticnet does not centre columns and takes numbers below 2e-16 for 0, so columns and target are
/// standardised before it and the scales folded into penalty, coefficients and intercept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElasticNetParams {
    /// The weight of the penalty.
    pub alpha: f64,
    /// How much of the penalty is on absolute values, the rest being on squares.
    pub l1_ratio: f64,
    /// The most steps.
    pub max_iter: u32,
    /// The duality gap to reach.
    pub tol: f64,
}

impl Default for ElasticNetParams {
    fn default() -> Self {
        Self { alpha: 1.0, l1_ratio: 0.5, max_iter: 1000, tol: 1e-4 }
    }
}

impl ElasticNetParams {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`FitError::Hyperparameter`] for the first one outside of its range.
    pub fn checked(self) -> Result<Checked<Self>, FitError> {
        let range = "a number above 0 (for none at all, use --estimator linear)";
        params::real("alpha", self.alpha, |alpha| alpha > 0.0, range)?;
        let range = "a number above 0 and up to 1 (for 0, use --estimator ridge)";
        let in_range = |ratio| ratio > 0.0 && ratio <= 1.0;
        params::real("l1-ratio", self.l1_ratio, in_range, range)?;
        let steps = self.max_iter as usize;
        params::whole("max-iter", steps, 1..=1_000_000, "1 to 1000000")?;
        let in_range = |tol| tol > 0.0 && tol < 1.0;
        params::real("tol", self.tol, in_range, "a number above 0 and below 1")?;
        Ok(Checked(self))
    }
}

impl Checked<ElasticNetParams> {
    /// Fits the coefficients.
    ///
    /// # Errors
    ///
    /// [`FitError::NotConverged`] where `max_iter` steps are too few; see [`FitError`] for the others.
    pub fn fit(
        &self,
        training: &Training<'_>,
        progress: &dyn Progress,
    ) -> Result<Fitted, FitError> {
        Fitted::of_linear(training, progress, |data| self.solve(data))
    }

    fn solve(&self, data: &Standardised) -> Result<Solution, FitError> {
        let ElasticNetParams { alpha, l1_ratio, max_iter, tol } = self.0;
        // The penalty of a target in units of its deviation: that on absolute values shrinks with the unit.
        let l1 = alpha * l1_ratio / data.standardiser.target.deviation;
        let l2 = alpha * (1.0 - l1_ratio);
        let solution = linfa_elasticnet::ElasticNetParams::new()
            .with_intercept(false)
            .penalty(l1 + l2)
            .l1_ratio(l1 / (l1 + l2))
            // linfa looks at the gap when one step is left, so that the last one must be one more.
            .max_iterations(max_iter + 1)
            .tolerance(tol)
            .fit(&Dataset::new(data.z.clone(), data.y.clone()))
            .map_err(|error| FitError::Library { library: LIBRARY, reason: error.to_string() })?;
        let gap = solution.duality_gap() / data.y.dot(&data.y);
        if gap < tol {
            return Ok(Solution::ElasticNet(solution));
        }
        Err(FitError::NotConverged { max_iter, gap, tol })
    }
}

#[cfg(test)]
mod tests;
