//! `GET /models`: what each model answers with, what it tries, and what it waits for.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use crate::app::AppState;

pub(crate) async fn models(State(app): State<AppState>) -> impl IntoResponse {
    let models: Vec<Value> = app.models.iter().map(|served| served.state()).collect();
    let body = json!({"default": app.models.default_model().name, "models": models}).to_string();
    ([(header::CONTENT_TYPE, "application/json")], body)
}
