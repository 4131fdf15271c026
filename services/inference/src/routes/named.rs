//! The model in a path such as `/models/{model}/predict`.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::app::AppState;
use crate::error::PredictError;
use crate::served_model::ServedModel;

/// The model that the path names.
pub(crate) struct Named(pub(super) Arc<ServedModel>);

impl FromRequestParts<AppState> for Named {
    type Rejection = PredictError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, PredictError> {
        // What is not UTF-8 is no model's name either.
        let name = Path::<String>::from_request_parts(parts, app).await;
        let name = name.map_or_else(|_| char::REPLACEMENT_CHARACTER.to_string(), |Path(name)| name);
        app.models.named(&name).cloned().map(Self)
    }
}
