//! What can go wrong with a prediction, and which status and code it gets.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use registry::ModelName;
use schema::RequestError;
use service_kit::problem::Problem;

/// Why a prediction was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PredictError {
    /// Nothing has been loaded yet.
    #[error("no model version is loaded yet; /ready says what the server waits for")]
    NoModel,
    /// A path that names none of the models served.
    #[error("no model `{name}` is served here; there are {}", Names(known))]
    UnknownModel { name: String, known: Vec<ModelName> },
    /// The body is not JSON or CSV, or does not fit the signature.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A multipart body without a CSV in a field `file`.
    #[error("the multipart body is unreadable: {0}")]
    InvalidMultipart(String),
    /// A result that JSON has no word for.
    #[error(
        "the prediction for row {0} is not a finite number: its values are too large for the model"
    )]
    NotFinite(usize),
    /// Said by `service_kit`: body too large, broken off, of an unknown type.
    #[error("{}", .0.detail())]
    Problem(Problem),
}

/// The codes that are not those of `service_kit`.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    RequestError::CODES.into_iter().chain([
        "no_model",
        "unknown_model",
        "invalid_multipart",
        "prediction_not_finite",
    ])
}

impl From<Problem> for PredictError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl PredictError {
    /// Status, stable code and title.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoModel => {
                (StatusCode::SERVICE_UNAVAILABLE, "no_model", "No model version is loaded")
            }
            Self::UnknownModel { .. } => {
                (StatusCode::NOT_FOUND, "unknown_model", "No model of this name is served")
            }
            Self::Request(error) if error.is_malformed() => {
                (StatusCode::BAD_REQUEST, error.code(), "The body cannot be read")
            }
            Self::Request(error) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                error.code(),
                "The request does not fit the model's signature",
            ),
            Self::InvalidMultipart(_) => {
                (StatusCode::BAD_REQUEST, "invalid_multipart", "The body cannot be read")
            }
            Self::NotFinite(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "prediction_not_finite",
                "The prediction is not a finite number",
            ),
            Self::Problem(problem) => (problem.status(), problem.code(), ""),
        }
    }
}

impl From<PredictError> for Problem {
    fn from(error: PredictError) -> Self {
        let (status, code, title) = error.parts();
        let problem = Self::new(status, code, title, error.to_string());
        match error {
            PredictError::Problem(problem) => problem,
            PredictError::NoModel => problem.retry_after(Duration::from_secs(1)),
            PredictError::UnknownModel { known, .. } => {
                let known: Vec<_> = known.iter().map(ToString::to_string).collect();
                problem.with("expected", known)
            }
            PredictError::NotFinite(row) => problem.with("row", row),
            PredictError::InvalidMultipart(_) => problem,
            PredictError::Request(error) => describe(problem, &error),
        }
    }
}

struct Names<'a>(&'a [ModelName]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.0.iter().map(|name| format!("`{name}`")).collect();
        f.write_str(&names.join(", "))
    }
}

/// Adds row, feature, expectation and suggestion, where there are any.
fn describe(mut problem: Problem, error: &RequestError) -> Problem {
    if let Some(row) = error.row() {
        problem = problem.with("row", row);
    }
    if let Some(feature) = error.feature() {
        problem = problem.with("feature", feature);
    }
    if let Some(expected) = error.expected() {
        problem = problem.with("expected", expected);
    }
    if let Some(suggestion) = error.suggestion() {
        problem = problem.with("suggestion", suggestion);
    }
    problem
}

impl IntoResponse for PredictError {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
