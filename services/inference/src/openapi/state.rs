//! The bodies that say how the server and its models are: `/health`, `/ready` in either case, `/models`.

use serde_json::{Map, Value, json};

use super::members;

pub(super) fn schemas() -> Map<String, Value> {
    let mut schemas = members(json!({
        "Health": {
            "type": "object",
            "required": ["status", "uptime_seconds"],
            "properties": {
                "status": {"const": "healthy"},
                "uptime_seconds": {"type": "integer", "minimum": 0},
            },
        },
        "Ready": {
            "type": "object",
            "required": ["status", "model_loaded", "model", "version"],
            "properties": {
                "status": {"const": "ready"},
                "model_loaded": {"type": "boolean"},
                "model": {"type": "string"},
                "version": {"type": "integer", "minimum": 1},
                "models": {
                    "description": "Where there are several models: each by its name.",
                    "type": "object",
                    "additionalProperties": {"$ref": "#/components/schemas/ModelReadiness"},
                },
            },
        },
        "NotReady": {
            "type": "object",
            "required": ["status", "reason"],
            "properties": {
                "status": {"const": "not_ready"},
                "reason": {"type": "string", "description": "What the server waits for."},
                "model_loaded": {"type": "boolean"},
                "model": {"type": "string"},
                "version": {"type": "integer", "minimum": 1},
                "models": {
                    "description": "Where there are several models: each by its name.",
                    "type": "object",
                    "additionalProperties": {"$ref": "#/components/schemas/ModelReadiness"},
                },
            },
        },
        "ModelReadiness": {
            "type": "object",
            "required": ["status"],
            "properties": {
                "status": {"enum": ["ready", "not_ready"]},
                "version": {"type": "integer", "minimum": 1},
                "reason": {"type": "string", "description": "What it waits for."},
            },
        },
    }));
    schemas.extend(models());
    schemas
}

/// The body of `GET /models`.
fn models() -> Map<String, Value> {
    let nullable = |name: &str| json!({"oneOf": [{"$ref": format!("#/components/schemas/{name}")}, {"type": "null"}]});
    members(json!({
        "Models": {
            "type": "object",
            "required": ["default", "models"],
            "properties": {
                "default": {"type": "string", "description": "The model that `/predict` asks."},
                "models": {"type": "array", "items": {"$ref": "#/components/schemas/ModelState"}},
            },
        },
        "ModelState": {
            "type": "object",
            "required": ["model", "champion", "challenger", "waits_for"],
            "properties": {
                "model": {"type": "string"},
                "champion": nullable("Champion"),
                "challenger": nullable("Challenger"),
                "waits_for": {
                    "type": ["string", "null"],
                    "description": "Why there is no champion yet.",
                },
            },
        },
        "Champion": {
            "type": "object",
            "required": ["version"],
            "properties": {"version": {"type": "integer", "minimum": 1}},
        },
        "Challenger": {
            "type": "object",
            "required": ["version", "state"],
            "properties": {
                "version": {"type": "integer", "minimum": 1},
                "state": {"enum": ["shadow", "canary", "vetoed", "refused"]},
                "reason": {"type": "string", "description": "Why it is vetoed or refused."},
                "mode": {"enum": ["shadow", "canary"], "description": "While it is on trial."},
                "percent": {
                    "type": "number",
                    "description": "The share of requests that it answers; 0 in shadow.",
                },
                "n_compared": {
                    "type": "integer",
                    "description": "Compared requests that the figures stand on, at most 1000.",
                },
                "error_ratio": {"type": "number"},
                "divergence": {
                    "description": "In standard deviations of the champion's training target.",
                    "type": ["object", "null"],
                    "properties": {
                        "mean": {"type": "number"},
                        "p50": {"type": "number"},
                        "p90": {"type": "number"},
                        "p99": {"type": "number"},
                    },
                },
                "median_seconds": {
                    "description": "What each model alone takes for a request.",
                    "type": ["object", "null"],
                    "properties": {
                        "champion": {"type": "number"},
                        "challenger": {"type": "number"},
                    },
                },
            },
        },
    }))
}
