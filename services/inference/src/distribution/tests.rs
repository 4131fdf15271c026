use schema::{ReadOptions, Request};
use serde_json::json;
use testkit::draft;

use super::*;
use crate::testing::manifest;

fn distribution(draft: registry::Draft) -> Result<Distribution, String> {
    Distribution::new(&manifest(draft))
}

fn read(body: &serde_json::Value) -> Request {
    let body = body.to_string();
    testkit::signature().read_json(body.as_bytes(), ReadOptions::default()).expect("it fits")
}

fn count(distribution: &Distribution, request: &Request, predictions: &[f64]) {
    distribution.count(&request.rows, predictions, &request.warnings);
}

/// Bins, missing and unseen of each feature.
fn counted(distribution: &Distribution) -> Vec<(Vec<u64>, u64, u64)> {
    let counts = distribution.counts();
    counts.features().map(|counts| (counts.bins.to_vec(), counts.missing, counts.unseen)).collect()
}

#[test]
fn every_value_is_in_a_bin_or_missing_or_unseen() {
    let distribution = distribution(draft("diamonds", 100.0)).expect("it fits");
    assert_eq!(
        counted(&distribution),
        [(vec![0, 0], 0, 0), (vec![0, 0], 0, 0), (vec![0, 0], 0, 0)]
    );
    // The edges of the fixture: 1 for carat, grade and the prediction.
    let request = read(&json!({"instances": [
        {"carat": 1.0, "cut": "Fair", "grade": null},
        {"carat": 1.0000000000000002, "cut": "Ideal", "grade": 1},
        {"carat": -1e308, "cut": "Mythical", "grade": 2},
        {"carat": 1e308, "cut": "Ideal", "grade": null},
    ]}));
    count(&distribution, &request, &[0.0, 1.0, 1.5, f64::MAX]);
    let expected = [(vec![2, 2], 0, 0), (vec![1, 2], 0, 1), (vec![1, 1], 2, 0)];
    assert_eq!(counted(&distribution), expected);
    assert_eq!(distribution.counts().prediction(), [2, 2]);
    count(&distribution, &request, &[0.0, 1.0, 1.5, f64::MAX]);
    assert_eq!(distribution.counts().prediction(), [4, 4]);
}

#[test]
fn a_bin_is_found_among_any_number_of_edges() {
    for n_edges in [0, 1, 2, 19, 20, 30, 31, 32, 33, 100] {
        let edges: Vec<_> = (0..n_edges).map(f64::from).collect();
        let column = Column { name: String::new(), first: 7, bins: Bins::of_edges(&edges) };
        assert_eq!(column.bins.len(), edges.len() + 1);
        for half in -3..=2 * n_edges + 3 {
            let value = f64::from(half) / 2.0;
            let expected = edges.iter().filter(|edge| **edge < value).count();
            assert_eq!(column.idx_of(value), 7 + expected, "{value} among {n_edges}");
        }
        assert_eq!(column.idx_of(f64::NAN), 7 + edges.len() + 1, "missing");
    }
}

#[test]
fn a_value_on_an_edge_belongs_to_the_bin_below() {
    let mut draft = draft("diamonds", 100.0);
    let edges = vec![-1.0, 0.0, 0.5, 2.0];
    let Baseline::Histogram { edges: before, .. } = &mut draft.baseline.features[0].distribution
    else {
        unreachable!("carat is a number");
    };
    before.clone_from(&edges);
    let distribution = distribution(draft).expect("it fits");
    let values = [-2.0, -1.0, -0.5, -0.0, 0.0, 0.25, 0.5, 2.0, 2.1];
    let instances = values.map(|carat| json!({"carat": carat, "cut": "Fair", "grade": 1}));
    count(&distribution, &read(&json!({ "instances": instances })), &values);
    assert_eq!(counted(&distribution)[0].0, [2, 3, 2, 1, 1]);
}

#[test]
fn rows_that_wait_are_counted_whenever_somebody_looks() {
    let distribution = distribution(draft("diamonds", 100.0)).expect("it fits");
    let known = read(&json!({"features": {"carat": 0.5, "cut": "Fair", "grade": 1}}));
    let unseen = read(&json!({"features": {"carat": 2.0, "cut": "Mythical", "grade": null}}));
    for n in 1..=3 * TOGETHER as u64 {
        count(&distribution, &known, &[0.5]);
        count(&distribution, &unseen, &[2.0]);
        // Not each time: as many as fit have to wait in between, too.
        if n % 7 == 0 || n == 3 * TOGETHER as u64 {
            let expected = [(vec![n, n], 0, 0), (vec![n, 0], 0, n), (vec![n, 0], n, 0)];
            assert_eq!(counted(&distribution), expected);
            assert_eq!(distribution.counts().prediction(), [n, n]);
        }
    }
}

#[test]
fn numbers_out_of_range_are_not_unseen() {
    let distribution = distribution(draft("diamonds", 100.0)).expect("it fits");
    let request = read(&json!({"features": {"carat": 99.0, "cut": "Fair", "grade": 100}}));
    assert_eq!(request.warnings.n_total(), 2);
    count(&distribution, &request, &[1.0]);
    assert_eq!(
        counted(&distribution),
        [(vec![0, 1], 0, 0), (vec![1, 0], 0, 0), (vec![0, 1], 0, 0)]
    );
}

#[test]
fn a_baseline_that_does_not_fit_is_named() {
    let mut fewer = draft("diamonds", 100.0);
    fewer.baseline.features.pop();
    assert_eq!(distribution(fewer).unwrap_err(), "it has 2 features where there are 3");
    let mut other_order = draft("diamonds", 100.0);
    other_order.baseline.features.swap(0, 2);
    assert_eq!(distribution(other_order).unwrap_err(), "`grade` stands where `carat` is");
    // Each would be counted as the other.
    let mut other_codes = draft("diamonds", 100.0);
    let Baseline::Categories { names, .. } = &mut other_codes.baseline.features[1].distribution
    else {
        unreachable!("cut is a category");
    };
    names.swap(0, 1);
    assert_eq!(distribution(other_codes).unwrap_err(), "`cut` has other values there");
}
