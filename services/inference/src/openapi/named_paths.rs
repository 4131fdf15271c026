//! The routes with a model's name in them.

use registry::{Manifest, ModelName};
use serde_json::{Map, Value, json};

use super::paths::{model, ok_behind_key, open, predict, request_id, schema};
use super::{members, refusal};

/// The routes of one model, in its own columns.
pub(super) fn paths_of(model_name: &ModelName, manifest: Option<&Manifest>) -> Value {
    json!({
        format!("/models/{model_name}/predict"): {"post": predict(manifest)},
        format!("/models/{model_name}"): {"get": model()},
    })
}

/// The routes of any model, whose columns are in its own document.
pub(super) fn paths() -> Map<String, Value> {
    members(json!({
        "/models": {"get": models()},
        "/models/{model}": {"get": named("model_named", model())},
        "/models/{model}/predict": {"post": predict_named()},
        "/models/{model}/openapi.json": {"get": named("openapi_named", open(
            "openapi",
            "The document of a model, in its own columns.",
            json!({"application/json": {"schema": {"type": "object"}}}),
        ))},
    }))
}

fn models() -> Value {
    let mut responses = Map::from_iter([("200".to_owned(), ok_behind_key(&schema("Models")))]);
    responses.extend(refusal::of(&[401, 429, 500]));
    json!({
        "operationId": "models",
        "tags": ["operation"],
        "summary": "What each model answers with, what it tries, and what it waits for.",
        "security": [{"api_key": []}, {"bearer": []}],
        "parameters": [request_id()],
        "responses": responses,
    })
}

fn predict_named() -> Value {
    let any = json!({"type": "object"});
    let mut operation = named("predict_named", predict(None));
    operation["summary"] = json!("Rows of a model in, one number a row out.");
    operation["description"] = json!(
        "As `/predict`, in the columns that the model's own document describes: \
         `/models/{model}/openapi.json`."
    );
    operation["requestBody"]["content"]["application/json"] = json!({"schema": any});
    operation["responses"]["200"]["content"]["application/json"] = json!({"schema": any});
    operation
}

/// An operation under another id, for the model in the path.
fn named(id: &str, mut operation: Value) -> Value {
    operation["operationId"] = json!(id);
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.push(json!({
            "name": "model",
            "in": "path",
            "required": true,
            "description": "The model's name; `/ready` and `/models` list them.",
            "schema": {"type": "string"},
        }));
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.extend(refusal::of(&[404]));
    }
    operation
}
