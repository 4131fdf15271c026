//! How good the model is: scores beside those of a constant, and what each feature is worth.

use anyhow::Context as _;
use estimators::Estimator;
use evaluation::{Pairs, PermutationParams, TestRows};
use model::{Pipeline, Regressor};
use schema::{Evaluation, Rows};

use crate::context::Context;
use crate::data::Data;
use crate::warning::{RunWarning, Warning};

/// The model's predictions for the test rows, and what they are worth.
pub(crate) struct Evaluated {
    pub(crate) predictions: Vec<f64>,
    pub(crate) scores: Evaluation,
}

/// Scores the model on the test rows.
pub(crate) fn evaluate(
    pipeline: &Pipeline,
    data: &Data,
    seed: u64,
    context: &Context<'_>,
) -> anyhow::Result<Evaluated> {
    let test = &data.test;
    let predictions = pipeline.predict(test.rows());
    let pairs = Pairs { actual: test.target(), predicted: &predictions };
    let model = evaluation::scores(pairs).context("scoring the model on the test rows")?;
    let constant_mean = evaluation::constant_mean(data.train.target(), test.target())?;
    let rows = TestRows { signature: test.signature(), rows: test.rows(), actual: test.target() };
    let predict = |rows: &Rows| {
        if context.stop.is_requested() {
            return vec![f64::NAN; rows.n_rows()]; // ends the loop; the signal is the error below
        }
        pipeline.predict(rows)
    };
    let params = PermutationParams { seed, ..PermutationParams::default() };
    let importances = evaluation::permutation_importance(rows, params, &predict);
    context.go_on()?;
    let scores = Evaluation {
        n_rows: test.n_rows() as u64,
        model,
        constant_mean,
        importances: importances.context("computing importances on the test rows")?,
    };
    Ok(Evaluated { predictions, scores })
}

/// Why the model may not be worth publishing.
pub(crate) fn warnings(
    scores: &Evaluation,
    pipeline: &Pipeline,
    estimator: &Estimator,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let (rmse, constant_mean_rmse) = (scores.model.rmse, scores.constant_mean.rmse);
    if rmse >= constant_mean_rmse {
        warnings.push(RunWarning::NoBetterThanTheMean { rmse, constant_mean_rmse }.into());
    }
    if scores.importances.iter().all(|feature| feature.importance == 0.0) {
        let is_penalised_away = match (pipeline.regressor(), estimator) {
            (Regressor::Linear(linear), Estimator::ElasticNet(_)) => {
                linear.coefficients().iter().all(|value| *value == 0.0)
            }
            _ => false,
        };
        warnings.push(RunWarning::NoFeatureMatters { is_penalised_away }.into());
    }
    warnings
}
