//! What a fit gives: the model to publish, and the training library's own one to hold it against.

use linfa::traits::Predict;
use linfa_elasticnet::ElasticNet;
use linfa_linear::FittedLinearRegression;
use model::{Pipeline, Regressor};
use ndarray::Array1;
use schema::Rows;

use crate::standardised::{Standardised, Standardiser};
use crate::trees::FittedTrees;
use crate::{FitError, Progress, Training};

/// A fitted model.
#[derive(Debug)]
pub struct Fitted {
    /// The model as it is published and served.
    pub pipeline: Pipeline,
    library: Library,
}

/// The same model as the training library holds it.
#[derive(Debug)]
pub(crate) enum Library {
    Trees(FittedTrees),
    Linear(Standardiser, Solution),
}

/// What linfa found for standardised columns.
#[derive(Debug)]
pub(crate) enum Solution {
    LeastSquares(FittedLinearRegression<f64>),
    ElasticNet(ElasticNet<f64>),
    /// Nothing varies: the target's mean.
    Mean,
}

impl Fitted {
    pub(crate) fn new(pipeline: Pipeline, library: Library) -> Self {
        Self { pipeline, library }
    }

    /// Standardises, solves and folds back: what the linear estimators share.
    pub(crate) fn of_linear(
        training: &Training<'_>,
        progress: &dyn Progress,
        solve: impl FnOnce(&Standardised) -> Result<Solution, FitError>,
    ) -> Result<Self, FitError> {
        progress.start(1, "solutions");
        let data = Standardised::of(training)?;
        go_on(progress)?;
        let solution = if data.is_constant() { Solution::Mean } else { solve(&data)? };
        go_on(progress)?;
        let linear = data.standardiser.fold(&solution.weights())?;
        let encoder = data.standardiser.encoding.encoder(training.signature)?;
        let pipeline = Pipeline::new(encoder, Regressor::Linear(linear))?;
        progress.advance(1);
        let library = Library::Linear(data.standardiser, solution);
        Ok(Self::new(pipeline, library))
    }

    /// Predicts one number for each row with the training library's own `predict`, on columns made without
    /// the model's encoder: the golden predictions that a server must reproduce.
    ///
    /// # Panics
    ///
    /// If the rows have another number of features than those of the fit.
    pub fn library_predict(&self, rows: &Rows) -> Vec<f64> {
        if rows.n_rows() == 0 {
            return Vec::new();
        }
        match &self.library {
            Library::Trees(trees) => trees.predict(rows),
            Library::Linear(standardiser, solution) => {
                let z = standardiser.rows(rows);
                let standardised = match solution {
                    Solution::LeastSquares(solution) => solution.predict(&z),
                    Solution::ElasticNet(solution) => solution.predict(&z),
                    Solution::Mean => Array1::zeros(z.nrows()),
                };
                let values = standardised.into_iter();
                values.map(|v| standardiser.target_value(v)).collect()
            }
        }
    }
}

impl Solution {
    fn weights(&self) -> Array1<f64> {
        match self {
            Self::LeastSquares(solution) => solution.params().clone(),
            Self::ElasticNet(solution) => solution.hyperplane().clone(),
            Self::Mean => Array1::zeros(0), // no column counts
        }
    }
}

/// Stops a fit that is no longer wanted.
pub(crate) fn go_on(progress: &dyn Progress) -> Result<(), FitError> {
    if progress.is_cancelled() { Err(FitError::Cancelled) } else { Ok(()) }
}
