//! Which model and which window somebody asks for, and the documents that were made for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Query;
use axum::http::{StatusCode, Uri};
use serde::Deserialize;
use service_kit::problem::Problem;

use crate::app::App;
use crate::config::Config;
use crate::error::ApiError;
use crate::snapshot::Snapshot;
use crate::state::{Selection, State};

/// The query of `/api/state` and `/api/stream`; what is left out is the first there is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Asked {
    model: Option<String>,
    window: Option<String>,
}

impl Asked {
    /// Reads a query; an empty value is none.
    pub(crate) fn of(uri: &Uri) -> Result<Self, ApiError> {
        let Query(asked) = Query::<Self>::try_from_uri(uri).map_err(|error| {
            let (status, code) = (StatusCode::BAD_REQUEST, "invalid_query");
            let title = "The query cannot be read";
            ApiError::Problem(Problem::new(status, code, title, error.body_text()))
        })?;
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        Ok(Self { model: given(asked.model), window: given(asked.window) })
    }

    /// Finds both among what there is.
    pub(crate) fn select(
        &self,
        snapshot: &Snapshot,
        config: &Config,
    ) -> Result<Selection, ApiError> {
        let model =
            match &self.model {
                None => snapshot.models.first(),
                Some(name) => {
                    let model = snapshot.models.iter().find(|model| model.as_str() == name);
                    let known = || snapshot.models.iter().map(ToString::to_string).collect();
                    Some(model.ok_or_else(|| ApiError::UnknownModel {
                        name: name.clone(),
                        known: known(),
                    })?)
                }
            };
        let windows = &config.drift.windows;
        let window = match &self.window {
            None => windows[0],
            Some(name) => {
                let window = windows.iter().find(|window| window.to_string() == *name);
                let known = || windows.iter().map(ToString::to_string).collect();
                *window
                    .ok_or_else(|| ApiError::UnknownWindow { name: name.clone(), known: known() })?
            }
        };
        Ok(Selection { model: model.cloned(), window })
    }
}

/// The documents of the present snapshot, each made once, however many look at it.
#[derive(Debug, Default)]
pub(crate) struct States(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    generation: u64,
    documents: HashMap<Selection, Arc<str>>,
}

impl States {
    /// The document of a selection, as JSON in one line.
    pub(crate) fn json(&self, app: &App, snapshot: &Snapshot, selection: Selection) -> Arc<str> {
        let make = |selection: &Selection| -> Arc<str> {
            let state = State::of(snapshot, selection, &app.config, app.started);
            // Strings, numbers and lists always serialise.
            serde_json::to_string(&state).unwrap_or_default().into()
        };
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.generation > snapshot.generation {
            return make(&selection);
        }
        if made.generation < snapshot.generation {
            *made = Made { generation: snapshot.generation, documents: HashMap::new() };
        }
        Arc::clone(made.documents.entry(selection.clone()).or_insert_with(|| make(&selection)))
    }
}
