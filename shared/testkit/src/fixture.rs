//! A forest of two stumps over three features, and a whole draft of it.

use model::{Encoder, Forest, Node, Pipeline, Regressor};
use registry::{Draft, EstimatorRecord, Golden, Provenance};
use schema::{
    Baseline, Distribution, Evaluation, FeatureBaseline, FeatureImportance, Nulls, ReadOptions,
    Scores, Signature,
};
use serde_json::{Map, Value, json};

/// A number, a category and a nullable integer; the target is a price.
pub fn signature() -> Signature {
    serde_json::from_value(json!({
        "features": [
            {"name": "carat", "dtype": "number", "range": {"minimum": 0.2, "maximum": 5.0}},
            {"name": "cut", "dtype": "category", "categories": ["Fair", "Ideal"]},
            {"name": "grade", "dtype": "integer", "nullable": true,
             "range": {"minimum": 1.0, "maximum": 9.0}},
        ],
        "outputs": [
            {"name": "price", "dtype": "number", "range": {"minimum": 100.0, "maximum": 9000.0}}
        ],
    }))
    .expect("a valid signature")
}

/// Answers `base` for a small Fair stone, more for a large one and for a better cut.
pub fn pipeline(base: f64) -> Pipeline {
    let encoder =
        Encoder::new(&signature(), vec![1.0, 1.0, 5.0], vec![0, 0, 0]).expect("fits the signature");
    let split = |feature, value| Node { value, feature, left: 1 };
    let stump = |feature, at| vec![split(feature, at), Node::leaf(base), Node::leaf(base * 3.0)];
    let forest = Forest::new([stump(0, 1.0), stump(1, 0.5)], 3).expect("two stumps");
    Pipeline::new(encoder, Regressor::Forest(forest)).expect("as many columns")
}

/// A version of [`pipeline`], whose golden rows are its own predictions.
pub fn draft(model: &str, base: f64) -> Draft {
    let pipeline = pipeline(base);
    let instances = instances();
    let body = json!({"instances": instances}).to_string();
    let options = ReadOptions { nulls: Nulls::Allowed, ..ReadOptions::default() };
    let request = signature().read_json(body.as_bytes(), options).expect("golden rows fit");
    Draft {
        model: model.parse().expect("a valid name"),
        signature: signature(),
        estimator: EstimatorRecord {
            name: "random-forest".into(),
            library: "testkit".into(),
            hyperparameters: Map::from_iter([("n_estimators".into(), json!(2))]),
        },
        scores: scores(),
        baseline: baseline(),
        provenance: provenance(),
        weights: pipeline.to_safetensors(),
        golden: Golden {
            source: "testkit".into(),
            instances,
            predictions: pipeline.predict(&request.rows),
        },
        report: "<!doctype html><title>a report</title>".into(),
        holdout: None,
    }
}

fn instances() -> Vec<Map<String, Value>> {
    let rows = [
        json!({"carat": 0.5, "cut": "Fair", "grade": 3}),
        json!({"carat": 1.5, "cut": "Ideal", "grade": null}),
        json!({"carat": null, "cut": null, "grade": 9}),
    ];
    rows.into_iter().filter_map(|row| row.as_object().cloned()).collect()
}

fn scores() -> Evaluation {
    let scores = |rmse| Scores {
        mae: rmse / 2.0,
        rmse,
        r2: Some(0.9),
        mape: None,
        median_absolute_error: rmse / 3.0,
    };
    let importance = |name: &str| FeatureImportance { feature: name.into(), importance: 1.0 };
    Evaluation {
        n_rows: 10,
        model: scores(1.0),
        constant_mean: scores(10.0),
        importances: ["carat", "cut", "grade"].map(importance).into(),
    }
}

fn baseline() -> Baseline {
    let numbers = || Distribution::Histogram {
        mean: 1.0,
        standard_deviation: 1.0,
        minimum: 0.2,
        maximum: 5.0,
        edges: vec![1.0],
        counts: vec![20, 20],
    };
    let feature = |name: &str, n_missing, distribution| FeatureBaseline {
        name: name.into(),
        n_missing,
        distribution,
    };
    let cuts = vec!["Fair".into(), "Ideal".into()];
    Baseline {
        n_rows: 40,
        features: vec![
            feature("carat", 0, numbers()),
            feature("cut", 0, Distribution::Categories { names: cuts, counts: vec![10, 30] }),
            feature("grade", 0, numbers()),
        ],
        target: numbers(),
        predictions: numbers(),
    }
}

fn provenance() -> Provenance {
    Provenance {
        data: "testkit".into(),
        data_sha256: "0".repeat(64),
        n_rows: 50,
        n_rows_without_target: 0,
        n_rows_train: 40,
        n_rows_test: 10,
        test_data: None,
        test_data_sha256: None,
        test_fraction: Some(0.2),
        categorical: vec!["cut".into()],
        ignore: vec![],
        max_categories: 1000,
        schema_sha256: None,
        seed: 42,
        canopy_version: "0.1.0".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        finished_at: "2026-01-01T00:00:01Z".into(),
        fit_seconds: 0.5,
        notes: vec![],
    }
}
