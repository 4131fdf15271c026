//! The OpenAPI description.

use registry::Manifest;
use schema::UnknownFeatures;
use serde_json::{Value, json};

pub(crate) fn document(_manifest: Option<&Manifest>, _unknown: UnknownFeatures) -> Value {
    json!({"openapi": "3.1.0"})
}
