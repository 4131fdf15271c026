//! The routes: what each takes and answers.

use registry::Manifest;
use serde_json::{Map, Value, json};

use super::{members, named_paths, refusal, row};

/// All routes, those of the default model in its own columns.
pub(super) fn paths(manifest: Option<&Manifest>) -> Value {
    let mut paths = members(json!({
        "/predict": {"post": predict(manifest)},
        "/model": {"get": model()},
        "/ready": {"get": ready()},
        "/health": {"get": open("health", "Is the process alive?", schema("Health"))},
        "/metrics": {"get": open("metrics", "The time series, as Prometheus reads them.", json!({
            "text/plain": {"schema": {"type": "string"}},
        }))},
        "/openapi.json": {"get": open("openapi", "This document.", json!({
            "application/json": {"schema": {"type": "object"}},
        }))},
        "/docs": {"get": open("docs", "A page to read this document and to try it.", json!({
            "text/html": {"schema": {"type": "string"}},
        }))},
    }));
    paths.extend(named_paths::paths());
    paths.into()
}

pub(super) fn predict(manifest: Option<&Manifest>) -> Value {
    let mut ok = ok_behind_key(&answers());
    let streamed = |text: &str| json!({"description": format!("Of a `text/csv` answer: {text}."), "schema": {"type": "string"}});
    ok["headers"]["X-Canopy-Model"] = streamed("the model's name");
    ok["headers"]["X-Canopy-Version"] =
        streamed("the version that answers, the same for every row");
    let mut responses = Map::from_iter([("200".to_owned(), ok)]);
    responses.extend(refusal::of(&[400, 401, 413, 415, 422, 429, 500, 503, 504]));
    json!({
        "operationId": "predict",
        "tags": ["prediction"],
        "summary": "Rows in, one number a row out.",
        "description": "All rows of a request are answered by one model version. The first thing \
            that does not fit refuses the whole request and says which row and feature it is. \
            A body without a content type is read as JSON. `text/csv` with `Accept: text/csv` is \
            answered while it comes, whatever its length, by the champion alone.",
        "security": [{"api_key": []}, {"bearer": []}],
        "parameters": [request_id(), session()],
        "requestBody": {"required": true, "content": content(manifest)},
        "responses": responses,
    })
}

/// JSON, and CSV for rows in CSV.
fn answers() -> Value {
    let mut content = members(schema("PredictResponse"));
    let csv_text = "To `text/csv` with `Accept: text/csv`: the line `prediction`, then a number a line, in the \
        order of the rows, while they still come. What goes wrong after the answer has begun is the last line, \
        `# error: code: text`, and the transfer then breaks off without its end.";
    content.insert(
        "text/csv".into(),
        json!({
            "schema": {"type": "string", "description": csv_text},
            "example": "prediction\n4123.5\n812.25\n",
        }),
    );
    content.into()
}

/// The three ways to write rows, each with an example that the model answers.
fn content(manifest: Option<&Manifest>) -> Value {
    let mut json_rows = schema("PredictRequest");
    let csv_text = "A header with every column of the model, in any order, then a line a row. \
        Empty, `NA` and `null` cells are missing values.";
    let mut csv = json!({"schema": {"type": "string", "description": csv_text}});
    let mut form = json!({
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {
                    "type": "string",
                    "contentMediaType": "text/csv",
                    "description": "The CSV, as `text/csv` has it.",
                },
            },
        },
        "encoding": {"file": {"contentType": "text/csv"}},
    });
    if let Some(manifest) = manifest {
        let example = row::example(manifest);
        let text = row::csv(&example);
        let values: Vec<_> = example.iter().map(|(_, value)| value).collect();
        let by_name: Map<_, _> =
            example.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        json_rows["application/json"]["examples"] = json!({
            "one_row": {"summary": "One row", "value": {"features": by_name}},
            "rows": {"summary": "A list of rows", "value": {"instances": [by_name]}},
            "arrays": {
                "summary": "A list of rows, values in signature order",
                "value": {"instances": [values]},
            },
        });
        csv["example"] = json!(text);
        form["example"] = json!({"file": text});
    }
    let mut content = members(json_rows);
    content.insert("text/csv".into(), csv);
    content.insert("multipart/form-data".into(), form);
    content.into()
}

pub(super) fn model() -> Value {
    let mut responses = Map::from_iter([("200".to_owned(), ok_behind_key(&schema("Model")))]);
    responses.extend(refusal::of(&[401, 429, 500, 503]));
    json!({
        "operationId": "model",
        "tags": ["prediction"],
        "summary": "What answers, and where it comes from.",
        "security": [{"api_key": []}, {"bearer": []}],
        "parameters": [request_id()],
        "responses": responses,
    })
}

fn ready() -> Value {
    let mut operation = open(
        "ready",
        "Should this server be sent requests, and which version answers?",
        schema("Ready"),
    );
    operation["responses"]["503"] = json!({
        "description": "Before the first version is verified, and while draining.",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
        "content": schema("NotReady"),
    });
    operation
}

/// A route that needs no key and has one answer.
pub(super) fn open(id: &str, summary: &str, content: Value) -> Value {
    json!({
        "operationId": id,
        "tags": ["operation"],
        "summary": summary,
        "security": [],
        "parameters": [request_id()],
        "responses": {
            "200": {
                "description": "As asked.",
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
                "content": content,
            },
        },
    })
}

pub(super) fn ok_behind_key(content: &Value) -> Value {
    let mut headers = members(json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}));
    headers.extend(refusal::rate_headers());
    json!({"description": "As asked.", "headers": headers, "content": content})
}

pub(super) fn schema(name: &str) -> Value {
    let reference = format!("#/components/schemas/{name}");
    json!({"application/json": {"schema": {"$ref": reference}}})
}

fn session() -> Value {
    json!({
        "name": "X-Canopy-Session",
        "in": "header",
        "description": "While a new version is tried on a share of the requests: those with the \
            same value are answered by the same version. Without it, those of the same API key.",
        "schema": {"type": "string"},
    })
}

pub(super) fn request_id() -> Value {
    json!({
        "name": "X-Request-Id",
        "in": "header",
        "description": "The caller's id for the request: 1 to 128 visible ASCII characters; the \
            server makes one where there is none or another.",
        "schema": {"type": "string"},
    })
}
