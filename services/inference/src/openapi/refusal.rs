//! The problems that the document lists: every code with its status and what it means to a caller.

use serde_json::{Map, Value, json};

use super::members;

/// Status, code and meaning, in the order of the statuses. A test holds it against the real lists.
pub(super) const REFUSALS: [(u16, &str, &str); 26] = [
    (400, "invalid_json", "The body is not JSON."),
    (400, "invalid_csv", "The body is not CSV: a line is broken, cut short or not UTF-8."),
    (400, "invalid_multipart", "The form cannot be read, or has no field named file."),
    (400, "body_read_failed", "The connection broke before the body was complete."),
    (401, "unauthorized", "There is no API key, or it is not known."),
    (404, "not_found", "No route has this path."),
    (404, "unknown_model", "No model of this name is served."),
    (
        405,
        "method_not_allowed",
        "The route does not answer this method; the header Allow lists those it does.",
    ),
    (413, "payload_too_large", "The body is longer than this server reads."),
    (415, "unsupported_media_type", "The body has a type that the route does not read."),
    (422, "wrong_shape", "The JSON is something else than a request."),
    (422, "unexpected_field", "A member of the request means nothing, or stands twice."),
    (422, "no_rows", "The request holds no rows."),
    (422, "unknown_feature", "A feature is not one of the model's; the name may be misspelt."),
    (422, "missing_feature", "A feature of the model is not there."),
    (422, "duplicate_feature", "A feature is there twice."),
    (422, "wrong_type", "A value is of another type than its feature."),
    (422, "null_feature", "A value is missing where training saw no missing values."),
    (422, "not_finite", "A value is NaN, an infinity, or too large for 64 bits."),
    (422, "wrong_length", "A row has too few or too many values."),
    (422, "prediction_not_finite", "The values are too large for the model to answer."),
    (429, "rate_limited", "The key's rate is used up; Retry-After says when to try again."),
    (500, "internal", "The server failed; its log has the cause under the request's id."),
    (503, "no_model", "No model version is loaded yet."),
    (503, "overloaded", "The server answers as many requests as it takes; try again."),
    (504, "request_timeout", "There was no answer within the server's time limit."),
];

/// Each status that is somebody's answer to a documented operation, and its summary.
const RESPONSES: [(u16, &str); 10] = [
    (400, "The body cannot be read."),
    (401, "No API key, or not one of those known."),
    (404, "No model of this name is served."),
    (413, "The body is too large."),
    (415, "The body's type is not one of those read."),
    (422, "The rows do not fit the model's signature."),
    (429, "The key's rate is used up."),
    (500, "The server failed."),
    (503, "No model is loaded, or there are too many requests at the moment."),
    (504, "The request took too long."),
];

/// The table for `/docs`.
pub(super) fn table() -> Value {
    REFUSALS
        .iter()
        .map(|(status, code, meaning)| json!({"status": status, "code": code, "meaning": meaning}))
        .collect()
}

/// The responses of an operation, by reference.
pub(super) fn of(statuses: &[u16]) -> impl Iterator<Item = (String, Value)> {
    statuses.iter().map(|status| {
        (status.to_string(), json!({"$ref": format!("#/components/responses/Problem{status}")}))
    })
}

pub(super) fn responses() -> Map<String, Value> {
    RESPONSES.iter().map(|(status, summary)| response(*status, summary)).collect()
}

fn response(status: u16, summary: &str) -> (String, Value) {
    let of_status = REFUSALS.iter().filter(|refusal| refusal.0 == status);
    let codes: Vec<_> = of_status.map(|refusal| refusal.1).collect();
    let mut headers = members(json!({"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}));
    if status == 401 {
        headers.insert("WWW-Authenticate".into(), header("string", "How a key is sent."));
    } else {
        headers.extend(rate_headers());
    }
    if matches!(status, 429 | 503) {
        headers.insert(
            "Retry-After".into(),
            header("integer", "Whole seconds after which another attempt makes sense."),
        );
    }
    let schema = json!({
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "properties": {"status": {"const": status}, "code": {"enum": codes}},
    });
    let content = json!({"application/problem+json": {"schema": schema}});
    let response = json!({"description": summary, "headers": headers, "content": content});
    (format!("Problem{status}"), response)
}

/// Headers of every answer to a caller with a key, unless its rate is not limited.
pub(super) fn rate_headers() -> Map<String, Value> {
    ["Limit", "Remaining", "Reset"]
        .into_iter()
        .map(|name| {
            let reference = json!({"$ref": format!("#/components/headers/RateLimit{name}")});
            (format!("RateLimit-{name}"), reference)
        })
        .collect()
}

pub(super) fn headers() -> Value {
    let rate = "Absent where the caller's rate is not limited.";
    json!({
        "RequestId": {
            "description": "The request's id: the caller's `X-Request-Id`, or a new one.",
            "required": true,
            "schema": {"type": "string"},
        },
        "RateLimitLimit": header("integer", &format!("Requests in a full bucket. {rate}")),
        "RateLimitRemaining": header("integer", &format!("Requests left in the bucket. {rate}")),
        "RateLimitReset": header("integer", &format!("Seconds until the bucket is full. {rate}")),
    })
}

fn header(dtype: &str, description: &str) -> Value {
    json!({"description": description, "schema": {"type": dtype}})
}

pub(super) fn schemas() -> Map<String, Value> {
    let codes: Vec<_> = REFUSALS.iter().map(|refusal| refusal.1).collect();
    members(json!({
        "Problem": {
            "description": "Why a request was not answered (RFC 9457).",
            "type": "object",
            "required": ["type", "title", "status", "detail", "code", "request_id"],
            "properties": {
                "type": {"type": "string", "format": "uri", "description": "The code as a URN."},
                "title": {"type": "string", "description": "The same for every problem of a code."},
                "status": {"type": "integer"},
                "detail": {"type": "string", "description": "What is wrong with this request."},
                "code": {"type": "string", "enum": codes, "description": "Stable: branch on it."},
                "request_id": {"type": "string"},
                "row": {"type": "integer", "minimum": 0, "description": "The row at fault, from 0."},
                "feature": {"type": "string", "description": "The feature at fault."},
                "expected": {
                    "description": "What would have fitted.",
                    "type": ["string", "array"],
                    "items": {"type": "string"},
                },
                "suggestion": {"type": "string", "description": "What was probably meant."},
                "limit_bytes": {"type": "integer", "description": "The longest body that is read."},
                "limit_ms": {"type": "integer", "description": "The longest a request may take."},
            },
        },
    }))
}
