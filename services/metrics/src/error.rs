//! What can go wrong with a request, and which status and code it gets.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use service_kit::problem::Problem;

use crate::store::StoreError;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// A query that names no model that is watched.
    #[error("no model `{name}` is watched here; there are {known:?}")]
    UnknownModel { name: String, known: Vec<String> },
    /// A query that names no window of the settings.
    #[error("`{name}` is none of the windows; there are {known:?}")]
    UnknownWindow { name: String, known: Vec<String> },
    /// A body that is no JSON.
    #[error("the body is not JSON: {0}")]
    InvalidJson(String),
    /// A body of which something does not fit; nothing of it was taken.
    #[error("{place}: {reason}")]
    Invalid { place: String, reason: String },
    /// The database fails; the log has why.
    #[error("the database could not be used")]
    Store(#[from] StoreError),
    /// Said by `service_kit`, or of one route alone.
    #[error("{}", .0.detail())]
    Problem(Problem),
}

/// The codes that are not those of `service_kit`.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    [
        "unknown_model",
        "unknown_window",
        "store_failed",
        "invalid_query",
        "invalid_json",
        "invalid_body",
    ]
    .into_iter()
}

impl ApiError {
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Problem(Problem::internal(cause))
    }

    /// Status, stable code and title.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::UnknownModel { .. } => {
                (StatusCode::NOT_FOUND, "unknown_model", "No model of this name is watched")
            }
            Self::UnknownWindow { .. } => {
                (StatusCode::NOT_FOUND, "unknown_window", "No window of this length")
            }
            Self::InvalidJson(_) => {
                (StatusCode::BAD_REQUEST, "invalid_json", "The body is not JSON")
            }
            Self::Invalid { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body", "The body does not fit")
            }
            // It may pass, as a full disk does: callers should try again.
            Self::Store(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "store_failed", "The database failed")
            }
            Self::Problem(problem) => (problem.status(), problem.code(), ""),
        }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let (status, code, title) = error.parts();
        let problem = Self::new(status, code, title, error.to_string());
        match error {
            ApiError::Problem(problem) => problem,
            ApiError::InvalidJson(_) | ApiError::Invalid { .. } => problem,
            ApiError::UnknownModel { known, .. } | ApiError::UnknownWindow { known, .. } => {
                problem.with("expected", known)
            }
            ApiError::Store(cause) => {
                problem.retry_after(std::time::Duration::from_secs(1)).caused_by(cause)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
