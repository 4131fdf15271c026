//! The bodies of answers about a model: its predictions, and what it is.

use registry::Manifest;
use schema::{WarningCode, Warnings};
use serde_json::{Map, Value, json};

use super::members;

pub(super) fn schemas(manifest: Option<&Manifest>) -> Map<String, Value> {
    let target = target(manifest);
    let mut schemas = described_model();
    schemas.extend(members(json!({
        "PredictResponse": {
            "oneOf": [answer("prediction", &target), answer("predictions", &json!({
                "description": "One for each row, in the order of the rows.",
                "type": "array",
                "items": target,
            }))],
        },
        "Warning": {
            "description": "An unusual value that was answered all the same.",
            "type": "object",
            "required": ["row", "feature", "code", "message"],
            "properties": {
                "row": {"type": "integer", "minimum": 0, "description": "Counted from 0."},
                "feature": {"type": "string"},
                "code": {"type": "string", "enum": WarningCode::ALL.map(WarningCode::as_str)},
                "message": {"type": "string"},
            },
        },
    })));
    schemas
}

/// The target in words: a prediction may lie beyond the range, so the range is no bound.
fn target(manifest: Option<&Manifest>) -> Value {
    let Some(manifest) = manifest else { return json!({"type": "number"}) };
    let target = manifest.signature.target();
    let range = target.range;
    let description =
        format!("`{}`; training saw {} to {}.", target.name, range.minimum, range.maximum);
    json!({"type": "number", "title": target.name, "description": description})
}

/// An answer to one row or to many: they differ in one member.
fn answer(member: &str, schema: &Value) -> Value {
    json!({
        "type": "object",
        "required": [member, "model", "version", "request_id"],
        "properties": {
            member: schema,
            "model": {"type": "string"},
            "version": {
                "type": "integer",
                "minimum": 1,
                "description": "The version that answered, the same for every row.",
            },
            "request_id": {"type": "string"},
            "warnings": {
                "description": "Absent where there is nothing to say.",
                "type": "array",
                "minItems": 1,
                "maxItems": Warnings::LISTED,
                "items": {"$ref": "#/components/schemas/Warning"},
            },
            "n_warnings": {
                "type": "integer",
                "minimum": 1,
                "description": "All warnings, listed or not.",
            },
        },
    })
}

/// The body of `GET /model`.
fn described_model() -> Map<String, Value> {
    members(json!({
        "Model": {
            "type": "object",
            "required": ["model", "version", "signature", "estimator", "scores", "provenance"],
            "properties": {
                "model": {"type": "string"},
                "version": {"type": "integer", "minimum": 1},
                "signature": {
                    "type": "object",
                    "required": ["features", "outputs"],
                    "properties": {
                        "features": {
                            "description": "The columns, in the order of rows that are arrays.",
                            "type": "array",
                            "items": {"$ref": "#/components/schemas/Feature"},
                        },
                        "outputs": {"type": "array", "items": {"type": "object"}},
                    },
                },
                "estimator": {
                    "type": "object",
                    "required": ["name", "library", "hyperparameters"],
                    "properties": {
                        "name": {"type": "string"},
                        "library": {"type": "string"},
                        "hyperparameters": {"type": "object"},
                    },
                },
                "scores": {
                    "type": "object",
                    "required": ["n_rows", "model", "constant_mean", "importances"],
                    "properties": {
                        "n_rows": {"type": "integer", "description": "Rows of the test split."},
                        "model": {"$ref": "#/components/schemas/Scores"},
                        "constant_mean": {"$ref": "#/components/schemas/Scores"},
                        "importances": {"type": "array", "items": {"type": "object"}},
                    },
                },
                "provenance": {
                    "description": "The data, the seed and the release the version comes from.",
                    "type": "object",
                },
            },
        },
        "Feature": {
            "type": "object",
            "required": ["name", "dtype", "nullable"],
            "properties": {
                "name": {"type": "string"},
                "dtype": {"type": "string", "enum": ["number", "integer", "boolean", "category"]},
                "nullable": {"type": "boolean"},
                "range": {
                    "type": "object",
                    "properties": {"minimum": {"type": "number"}, "maximum": {"type": "number"}},
                },
                "categories": {"type": "array", "items": {"type": "string"}},
            },
        },
        "Scores": {
            "type": "object",
            "properties": {
                "rmse": {"type": "number", "description": "In the target's unit."},
                "mae": {"type": "number", "description": "In the target's unit."},
                "median_absolute_error": {"type": "number"},
                "r2": {"type": ["number", "null"]},
                "mape": {"type": ["number", "null"], "description": "A ratio: 0.1 is 10 %."},
            },
        },
    }))
}
