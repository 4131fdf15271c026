//! `GET /openapi.json` and `GET /models/{model}/openapi.json`: how to call this server, in a model's own columns.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;

use super::named::Named;
use crate::app::AppState;
use crate::openapi;

pub(crate) async fn openapi(State(app): State<AppState>) -> impl IntoResponse {
    let unknown_features = app.config.requests.unknown_features.into();
    json(match &*app.models.default_model().active.load() {
        Some(active) => active.openapi(unknown_features),
        None => openapi::document(None, unknown_features).to_string().into(),
    })
}

pub(crate) async fn openapi_named(
    State(app): State<AppState>,
    Named(served): Named,
) -> impl IntoResponse {
    let unknown_features = app.config.requests.unknown_features.into();
    json(match &*served.active.load() {
        Some(active) => active.openapi_named(unknown_features),
        None => openapi::document_named(&served.name, None, unknown_features).to_string().into(),
    })
}

fn json(document: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document)
}
