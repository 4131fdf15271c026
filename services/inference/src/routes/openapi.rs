//! `GET /openapi.json`: how to call this server, in this model's own columns.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::app::AppState;
use crate::openapi;

pub(crate) async fn openapi(State(app): State<AppState>) -> impl IntoResponse {
    let document = match &*app.active_model.load() {
        Some(active) => active.openapi.clone(),
        None => {
            let unknown_features = app.config.requests.unknown_features.into();
            openapi::document(None, unknown_features).to_string().into()
        }
    };
    ([(header::CONTENT_TYPE, "application/json")], document)
}
