//! `GET /api/state`: everything the dashboard shows, once.

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};

use crate::app::AppState;
use crate::error::ApiError;
use crate::selection::Asked;

pub(crate) async fn state(State(app): State<AppState>, uri: Uri) -> Result<Response, ApiError> {
    let asked = Asked::of(&uri)?;
    let snapshot = app.snapshots.borrow().clone();
    let selection = asked.select(&snapshot, &app.config)?;
    let json = app.states.json(&app, &snapshot, selection);
    Ok(([(header::CONTENT_TYPE, "application/json")], json.to_string()).into_response())
}
