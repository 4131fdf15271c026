//! What comes out of the signature: the schemas of a row, and an example of one.

use registry::Manifest;
use schema::{Distribution, Dtype, Feature, FeatureBaseline, UnknownFeatures};
use serde_json::{Map, Value, json};

use super::{members, number, rounded};

pub(super) fn schemas(manifest: Option<&Manifest>, unknown: UnknownFeatures) -> Map<String, Value> {
    let (row, values) = match manifest {
        Some(manifest) => {
            let features = manifest.signature.features();
            (object(features, unknown), array(features))
        }
        None => {
            let any = json!({"type": ["number", "string", "boolean", "null"]});
            (
                json!({"type": "object", "additionalProperties": any}),
                json!({"type": "array", "items": any}),
            )
        }
    };
    members(json!({
        "Row": row,
        "RowValues": values,
        "AnyRow": {
            "oneOf": [
                {"$ref": "#/components/schemas/Row"},
                {"$ref": "#/components/schemas/RowValues"},
            ],
        },
        "PredictRequest": {
            "description": "One row, answered with `prediction`, or a list of rows, answered with \
                `predictions` in the same order.",
            "oneOf": [
                {
                    "type": "object",
                    "required": ["features"],
                    "properties": {"features": {"$ref": "#/components/schemas/AnyRow"}},
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "required": ["instances"],
                    "properties": {
                        "instances": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"$ref": "#/components/schemas/AnyRow"},
                        },
                    },
                    "additionalProperties": false,
                },
            ],
        },
    }))
}

/// A row by name; `required` has the features in signature order, which `properties` cannot keep.
fn object(features: &[Feature], unknown: UnknownFeatures) -> Value {
    let names: Vec<_> = features.iter().map(|feature| &feature.name).collect();
    let properties: Map<_, _> = features
        .iter()
        .map(|feature| {
            let mut schema = values(feature);
            schema.insert("description".into(), description(feature).into());
            (feature.name.clone(), schema.into())
        })
        .collect();
    json!({
        "description": "One row: a value for each of the model's columns.",
        "type": "object",
        "required": names,
        "properties": properties,
        "additionalProperties": unknown == UnknownFeatures::Ignore,
    })
}

/// A row by position.
fn array(features: &[Feature]) -> Value {
    let items: Vec<_> = features
        .iter()
        .map(|feature| {
            let mut schema = values(feature);
            schema.insert("title".into(), feature.name.clone().into());
            schema
        })
        .collect();
    json!({
        "description": "One row: the values of the model's columns, in signature order.",
        "type": "array",
        "prefixItems": items,
        "minItems": features.len(),
        "maxItems": features.len(),
    })
}

/// The values that training saw.
fn values(feature: &Feature) -> Map<String, Value> {
    let dtype = match feature.dtype {
        Dtype::Number => "number",
        Dtype::Integer => "integer",
        Dtype::Boolean => "boolean",
        Dtype::Category => "string",
    };
    let dtype = if feature.nullable { json!([dtype, "null"]) } else { json!(dtype) };
    let mut schema = Map::from_iter([("type".to_owned(), dtype)]);
    if let Some(range) = feature.range {
        schema.insert("minimum".into(), number(range.minimum));
        schema.insert("maximum".into(), number(range.maximum));
    }
    if feature.dtype == Dtype::Category {
        let categories = feature.categories.iter().map(|category| json!(category));
        let null = feature.nullable.then_some(Value::Null);
        schema.insert("enum".into(), categories.chain(null).collect());
    }
    schema
}

/// How values beyond those are taken.
fn description(feature: &Feature) -> String {
    let mut text = match (feature.dtype, feature.range) {
        (Dtype::Category, _) => "The categories seen in training. Another string is answered all \
            the same, as a missing value, with a warning `unseen_category`."
            .to_owned(),
        (Dtype::Boolean, _) => "True or false.".to_owned(),
        (Dtype::Number | Dtype::Integer, Some(range)) => format!(
            "Training saw {} to {}. A value outside is answered all the same, with a warning \
             `out_of_range`.",
            range.minimum, range.maximum
        ),
        (Dtype::Number, None) => "Any number.".to_owned(),
        (Dtype::Integer, None) => "Any whole number.".to_owned(),
    };
    if feature.nullable {
        text.push_str(" Null stands for a missing value.");
    }
    text
}

/// A typical row, in signature order: medians and the most frequent categories of the training data.
pub(super) fn example(manifest: &Manifest) -> Vec<(&str, Value)> {
    let baselines = &manifest.baseline.features;
    let features = manifest.signature.features().iter().enumerate();
    features
        .map(|(feature_idx, feature)| {
            (feature.name.as_str(), typical(feature, baselines.get(feature_idx)))
        })
        .collect()
}

fn typical(feature: &Feature, baseline: Option<&FeatureBaseline>) -> Value {
    let distribution = baseline.map(|baseline| &baseline.distribution);
    match feature.dtype {
        Dtype::Category => {
            let frequent = distribution.and_then(most_frequent);
            let known = frequent.filter(|name| feature.category_code(name).is_some());
            json!(known.or(feature.categories.first().map(String::as_str)))
        }
        Dtype::Boolean => json!(distribution.and_then(most_frequent) == Some("true")),
        Dtype::Number | Dtype::Integer => number(typical_number(feature, distribution)),
    }
}

fn typical_number(feature: &Feature, distribution: Option<&Distribution>) -> f64 {
    let is_seen = |value: &f64| feature.range.is_none_or(|range| range.contains(*value));
    let middle = distribution.and_then(middle).filter(is_seen);
    // Without a usable baseline, the least value seen is at least one that fits.
    let value = middle.or(feature.range.map(|range| range.minimum)).unwrap_or_default();
    match feature.dtype {
        Dtype::Integer => Some(value.round()).filter(is_seen).unwrap_or(value),
        _ => Some(rounded(value)).filter(is_seen).unwrap_or(value),
    }
}

/// The median if it is an edge of the histogram, as it is in a baseline of many values; else the mean.
fn middle(distribution: &Distribution) -> Option<f64> {
    let Distribution::Histogram { mean, edges, counts, .. } = distribution else { return None };
    let half = counts.iter().sum::<u64>().div_ceil(2);
    let mut seen = 0;
    let bin = counts.iter().position(|count| {
        seen += count;
        seen >= half
    });
    bin.and_then(|bin| edges.get(bin)).or(Some(mean)).copied()
}

fn most_frequent(distribution: &Distribution) -> Option<&str> {
    let Distribution::Categories { names, counts } = distribution else { return None };
    let (name, _) = names.iter().zip(counts).max_by_key(|(_, count)| **count)?;
    Some(name)
}

/// A header and a row, quoted where they must be.
pub(super) fn csv(row: &[(&str, Value)]) -> String {
    let header = row.iter().map(|(name, _)| cell(name));
    let values = row.iter().map(|(_, value)| match value {
        Value::String(text) => cell(text),
        other => other.to_string(),
    });
    let line = |cells: Vec<String>| cells.join(",") + "\n";
    line(header.collect()) + &line(values.collect())
}

fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
