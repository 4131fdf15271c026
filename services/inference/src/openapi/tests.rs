use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use schema::{Dtype, Feature, FeatureBaseline, Range, ReadOptions, RequestError, Signature};
use service_kit::problem::Problem;
use testkit::TempRegistry;

use super::*;
use crate::error::{self, PredictError};

async fn manifest() -> Manifest {
    let registry = TempRegistry::new();
    let version = registry.publish(testkit::draft("diamonds", 1000.0)).await;
    let name = "diamonds".parse().expect("a valid name");
    registry.registry.load(&name, version).await.expect("the version is whole").manifest
}

/// The fixture's manifest with other features, none of which it has a baseline for.
async fn manifest_of(features: Vec<Feature>, baselines: Vec<FeatureBaseline>) -> Manifest {
    let mut manifest = manifest().await;
    let target = manifest.signature.target().clone();
    manifest.signature = Signature::new(features, target).expect("a valid signature");
    manifest.baseline.features = baselines;
    manifest
}

fn feature(name: &str, dtype: Dtype, range: Option<(f64, f64)>, categories: &[&str]) -> Feature {
    Feature {
        name: name.into(),
        dtype,
        nullable: false,
        range: range.map(|(minimum, maximum)| Range { minimum, maximum }),
        categories: categories.iter().map(ToString::to_string).collect(),
    }
}

fn example(document: &Value) -> &Value {
    &document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["examples"]
        ["one_row"]["value"]
}

#[tokio::test]
async fn describes_the_model_s_own_columns() {
    let manifest = manifest().await;
    insta::assert_json_snapshot!(document(Some(&manifest), UnknownFeatures::Reject));
}

#[test]
fn describes_the_routes_before_there_is_a_model() {
    let document = document(None, UnknownFeatures::Reject);
    assert_eq!(document["info"]["version"], "none");
    assert_eq!(document["x-canopy"]["model"], Value::Null);
    assert_eq!(document["paths"].as_object().map(Map::len), Some(11));
    assert!(document["components"]["schemas"]["Row"]["required"].is_null());
}

#[test]
fn lists_every_code_and_no_other() {
    let listed: BTreeSet<_> = refusal::REFUSALS.iter().map(|refusal| refusal.1).collect();
    let real: BTreeSet<_> =
        error::codes().chain(service_kit::problem::CODES.iter().copied()).collect();
    assert_eq!(listed, real);
    assert_eq!(listed.len(), refusal::REFUSALS.len(), "a code is listed twice");
}

#[test]
fn lists_codes_under_the_status_they_are_answered_with() {
    let invalid_json = RequestError::InvalidJson { reason: String::new(), line: 1, column: 1 };
    let problems = [
        invalid_json.into(),
        RequestError::InvalidCsv { reason: String::new() }.into(),
        RequestError::NoRows.into(),
        RequestError::WrongLength { row: 0, found: 1, expected: 2 }.into(),
        PredictError::InvalidMultipart(String::new()),
        PredictError::NotFinite(0),
        PredictError::NoModel,
        PredictError::UnknownModel { name: String::new(), known: vec![] },
    ];
    let general = [
        Problem::body_read_failed(),
        Problem::unauthorized(""),
        Problem::not_found(),
        Problem::method_not_allowed(),
        Problem::payload_too_large(1),
        Problem::unsupported_media_type(None, &[]),
        Problem::too_many_requests(Duration::ZERO),
        Problem::internal(""),
        Problem::overloaded(),
        Problem::timeout(Duration::ZERO),
    ];
    for problem in problems.map(Problem::from).iter().chain(&general) {
        let listed = refusal::REFUSALS.iter().find(|refusal| refusal.1 == problem.code());
        let status = listed.and_then(|refusal| StatusCode::from_u16(refusal.0).ok());
        assert_eq!(status, Some(problem.status()), "{}", problem.code());
    }
}

#[tokio::test]
async fn its_example_is_answered_without_a_warning() {
    let manifest = manifest().await;
    let document = document(Some(&manifest), UnknownFeatures::Reject);
    let body = example(&document).to_string();
    let request = manifest.signature.read_json(body.as_bytes(), ReadOptions::default());
    assert!(request.expect("it fits the signature").warnings.is_empty());
    let csv = &document["paths"]["/predict"]["post"]["requestBody"]["content"]["text/csv"];
    let csv = csv["example"].as_str().expect("there is one").as_bytes();
    let request = manifest.signature.read_csv(csv, ReadOptions::default());
    assert!(request.expect("it fits the signature").warnings.is_empty());
}

#[tokio::test]
async fn finds_an_example_whatever_the_baseline_says() {
    let features = vec![
        feature("rooms, all", Dtype::Integer, Some((3.0, 9.0)), &[]),
        feature("heat \"x\"", Dtype::Category, None, &["gas", "oil"]),
        feature("new", Dtype::Boolean, None, &[]),
        feature("free", Dtype::Number, None, &[]),
        feature("narrow", Dtype::Number, Some((0.123_456, 0.123_457)), &[]),
    ];
    let outside = FeatureBaseline {
        name: "rooms, all".into(),
        n_missing: 0,
        distribution: schema::Distribution::Histogram {
            mean: 99.0,
            standard_deviation: 0.0,
            minimum: 99.0,
            maximum: 99.0,
            edges: vec![],
            counts: vec![1],
        },
    };
    let manifest = manifest_of(features, vec![outside]).await;
    let document = document(Some(&manifest), UnknownFeatures::Ignore);
    assert_eq!(document["components"]["schemas"]["Row"]["additionalProperties"], true);
    assert_eq!(
        *example(&document),
        json!({"features": {
            "rooms, all": 3, "heat \"x\"": "gas", "new": false, "free": 0, "narrow": 0.123_456
        }})
    );
    let row = row::example(&manifest);
    let csv = row::csv(&row);
    assert_eq!(csv, "\"rooms, all\",\"heat \"\"x\"\"\",new,free,narrow\n3,gas,false,0,0.123456\n");
    assert!(manifest.signature.read_csv(csv.as_bytes(), ReadOptions::default()).is_ok());
}

#[tokio::test]
async fn null_is_among_the_categories_of_a_nullable_column() {
    let mut cut = feature("cut", Dtype::Category, None, &["Fair", "Ideal"]);
    cut.nullable = true;
    let manifest = manifest_of(vec![cut], vec![]).await;
    let document = document(Some(&manifest), UnknownFeatures::Reject);
    let schema = &document["components"]["schemas"]["Row"]["properties"]["cut"];
    assert_eq!(schema["type"], json!(["string", "null"]));
    assert_eq!(schema["enum"], json!(["Fair", "Ideal", null]));
}
