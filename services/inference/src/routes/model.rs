//! `GET /model`: what answers, and where it comes from.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::AppState;
use crate::error::PredictError;

pub(crate) async fn model(State(app): State<AppState>) -> Result<impl IntoResponse, PredictError> {
    let active = app.active_model.load();
    let active = active.as_ref().ok_or(PredictError::NoModel)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], active.description.clone()))
}
