//! The OpenAPI 3.1 document: how to call this server, in the served model's own columns.
//!
//! Here are the parts and the order of the document; `paths.rs` has the routes, `named_paths.rs` those with a
//! model's name in them, `row.rs` what comes out of the signature, `answer.rs` the bodies of success, `state.rs`
//! those that say how the server is, `refusal.rs` the problems and their codes.

mod answer;
mod named_paths;
mod paths;
mod refusal;
mod row;
mod state;

use registry::{Manifest, ModelName};
use schema::{Scores, UnknownFeatures};
use serde_json::{Map, Value, json};

/// Describes all routes; before a version is loaded, with rows of any columns.
///
/// Everything but `x-canopy` is standard. `/docs` reads both.
pub(crate) fn document(manifest: Option<&Manifest>, unknown: UnknownFeatures) -> Value {
    document_of(paths::paths(manifest), manifest, unknown)
}

/// Describes the routes of one of several models.
pub(crate) fn document_named(
    model: &ModelName,
    manifest: Option<&Manifest>,
    unknown: UnknownFeatures,
) -> Value {
    document_of(named_paths::paths_of(model, manifest), manifest, unknown)
}

fn document_of(paths: Value, manifest: Option<&Manifest>, unknown: UnknownFeatures) -> Value {
    let mut schemas = row::schemas(manifest, unknown);
    schemas.extend(answer::schemas(manifest));
    schemas.extend(state::schemas());
    schemas.extend(refusal::schemas());
    json!({
        "openapi": "3.1.1",
        "info": info(manifest),
        "tags": [
            {"name": "prediction", "description": "What the server is for. An API key is needed."},
            {"name": "operation", "description": "How the server is, and how it is called."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": refusal::responses(),
            "headers": refusal::headers(),
            "securitySchemes": {
                "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "x-canopy": {"model": manifest.map(facts), "codes": refusal::table()},
    })
}

fn info(manifest: Option<&Manifest>) -> Value {
    let Some(manifest) = manifest else {
        return json!({
            "title": "Canopy",
            "version": "none",
            "description": "No model version is loaded yet; `/ready` says what the server waits \
                for. Once there is one, this document describes its columns.",
        });
    };
    let (estimator, scores) = (&manifest.estimator, &manifest.scores);
    let description = format!(
        "Version {} of `{}` predicts `{}`: {}, fitted with {}.\n\nOn {} test rows: {}. \
         Always answering the mean of the training data: {}.\n\nEvery answer carries \
         `X-Request-Id`. A path that does not exist gets 404 `not_found`, a method that a route \
         does not answer 405 `method_not_allowed`.",
        manifest.version,
        manifest.model,
        manifest.signature.target().name,
        estimator.name,
        estimator.library,
        scores.n_rows,
        in_words(&scores.model),
        in_words(&scores.constant_mean),
    );
    json!({
        "title": format!("Canopy: {}", manifest.model),
        "version": manifest.version.to_string(),
        "description": description,
    })
}

fn in_words(scores: &Scores) -> String {
    let r2 = scores.r2.map(|r2| format!(", R² {}", rounded(r2))).unwrap_or_default();
    format!("RMSE {}, MAE {}{r2}", rounded(scores.rmse), rounded(scores.mae))
}

/// What the page shows of the version, as values.
fn facts(manifest: &Manifest) -> Value {
    let Manifest { estimator, scores, .. } = manifest;
    json!({
        "name": manifest.model,
        "version": manifest.version,
        "estimator": estimator,
        "target": manifest.signature.target(),
        "n_rows_train": manifest.provenance.n_rows_train,
        "n_rows_test": scores.n_rows,
        "scores": scores.model,
        "scores_constant_mean": scores.constant_mean,
        "fitted_at": manifest.provenance.finished_at,
    })
}

/// Four significant digits: for words and examples, never for what is computed with.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A number as JSON writes it best: a whole one without a point.
fn number(value: f64) -> Value {
    // Up to 2⁵³ every whole number is an f64.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT { json!(value as i64) } else { json!(value) }
}

/// The members of a `json!` object.
fn members(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
