//! `GET /model` and `GET /models/{model}`: what answers, and where it comes from.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use super::named::Named;
use crate::app::AppState;
use crate::error::PredictError;
use crate::served_model::ServedModel;

pub(crate) async fn model(State(app): State<AppState>) -> Result<impl IntoResponse, PredictError> {
    describe(app.models.default_model())
}

pub(crate) async fn model_named(Named(served): Named) -> Result<impl IntoResponse, PredictError> {
    describe(&served)
}

fn describe(served: &ServedModel) -> Result<impl IntoResponse + use<>, PredictError> {
    let description = served.champion()?.description.clone();
    Ok(([(header::CONTENT_TYPE, "application/json")], description))
}
