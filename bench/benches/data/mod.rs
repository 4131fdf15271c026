//! Seeded models and rows that every bench uses: numbers between 0 and 1, and diamonds.

#![allow(dead_code, reason = "each bench uses a part")]

use model::{Encoder, Forest, Node, Pipeline, Regressor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use registry::{Draft, Golden};
use schema::{
    Baseline, Distribution, Dtype, Feature, FeatureBaseline, Output, Range, Rows, Signature,
};

const SEED: u64 = 42;
/// Numbers of a row, as many as diamonds have features.
pub(crate) const N_FEATURES: usize = 9;
const GRADES: [&str; 5] = ["Fair", "Good", "Ideal", "Premium", "Very Good"];

/// A source of numbers that gives the same ones in every run.
pub(crate) fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(SEED)
}

/// Nine features: numbers, or diamonds' six numbers behind three categories.
pub(crate) fn signature(categories: bool) -> Signature {
    let names = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"];
    let feature = |(idx, name): (usize, &&str)| {
        let is_category = categories && (1..=3).contains(&idx);
        Feature {
            name: (*name).to_owned(),
            dtype: if is_category { Dtype::Category } else { Dtype::Number },
            nullable: false,
            range: (!is_category).then_some(Range { minimum: 0.0, maximum: 5.0 }),
            categories: if is_category { GRADES.map(str::to_owned).into() } else { vec![] },
        }
    };
    let output = Output {
        name: "price".into(),
        dtype: Dtype::Number,
        range: Range { minimum: 0.0, maximum: 1.0 },
    };
    Signature::new(names.iter().enumerate().map(feature).collect(), output)
        .expect("a valid signature")
}

/// A forest of random splits that halve what is left of a column, so that no branch is idle.
pub(crate) fn pipeline(signature: &Signature, n_trees: usize, n_leaves: usize) -> Pipeline {
    let mut rng = rng();
    let trees: Vec<_> = (0..n_trees).map(|_| tree(n_leaves, &mut rng)).collect();
    let forest = Forest::new(trees, N_FEATURES).expect("trees");
    let encoder = Encoder::new(signature, vec![0.0; N_FEATURES], vec![0; N_FEATURES])
        .expect("fits the signature");
    Pipeline::new(encoder, Regressor::Forest(forest)).expect("as many columns")
}

/// Splits the leaves breadth-first, as bushy as a fitted tree, until there are enough.
fn tree(n_leaves: usize, rng: &mut ChaCha8Rng) -> Vec<Node> {
    let mut nodes = vec![Node::leaf(0.0)];
    // What is left of each column in each node.
    let mut boxes = vec![[(0.0, 1.0); N_FEATURES]];
    for node_idx in 0..n_leaves - 1 {
        let feature = rng.random_range(0..N_FEATURES);
        let (low, high) = boxes[node_idx][feature];
        let value = low + (high - low) * rng.random_range(0.4..0.6);
        nodes[node_idx] = Node { value, feature: feature as u32, left: nodes.len() as u32 };
        for side in [(low, value), (value, high)] {
            let mut left_over = boxes[node_idx];
            left_over[feature] = side;
            boxes.push(left_over);
            nodes.push(Node::leaf(rng.random()));
        }
    }
    nodes
}

/// Random rows of numbers between 0 and 1.
pub(crate) fn rows(n_rows: usize) -> Rows {
    let mut rng = rng();
    Rows::new(N_FEATURES, (0..n_rows * N_FEATURES).map(|_| rng.random()).collect())
}

/// Random rows as callers write them: each value as it stands in JSON, with two digits as measurements have.
pub(crate) fn written(n_rows: usize) -> Vec<[String; N_FEATURES]> {
    let mut rng = rng();
    let mut cell = |idx: usize| match idx {
        1..=3 => format!("\"{}\"", GRADES[rng.random_range(0..GRADES.len())]),
        _ => format!("{:.2}", rng.random_range(0.0..5.0)),
    };
    (0..n_rows).map(|_| std::array::from_fn(&mut cell)).collect()
}

/// Features in an order that is not the signature's.
pub(crate) const SHUFFLED: [usize; N_FEATURES] = [5, 8, 1, 7, 0, 4, 2, 6, 3];
/// The signature's order.
pub(crate) const IN_ORDER: [usize; N_FEATURES] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/// `{"instances":[{…},…]}` with the features of each row in this order.
pub(crate) fn objects(signature: &Signature, n_rows: usize, order: [usize; N_FEATURES]) -> String {
    let member = |row: &[String; N_FEATURES], idx: usize| {
        format!("\"{}\":{}", signature.features()[idx].name, row[idx])
    };
    let object =
        |row: &[String; N_FEATURES]| format!("{{{}}}", order.map(|idx| member(row, idx)).join(","));
    instances(n_rows, object)
}

/// `{"instances":[[…],…]}`.
pub(crate) fn arrays(n_rows: usize) -> String {
    instances(n_rows, |row| format!("[{}]", row.join(",")))
}

fn instances(n_rows: usize, write: impl Fn(&[String; N_FEATURES]) -> String) -> String {
    let rows: Vec<_> = written(n_rows).iter().map(write).collect();
    format!("{{\"instances\":[{}]}}", rows.join(","))
}

/// A header, and a line for each row.
pub(crate) fn csv(signature: &Signature, n_rows: usize) -> String {
    let names: Vec<_> = signature.features().iter().map(|feature| feature.name.as_str()).collect();
    let lines: Vec<_> = written(n_rows).iter().map(|row| row.join(",")).collect();
    format!("{}\n{}\n", names.join(","), lines.join("\n"))
}

/// The fixture's version, made over for diamonds: 100 trees of depth 10.
pub(crate) fn draft() -> Draft {
    let signature = signature(true);
    let pipeline = pipeline(&signature, 100, 1024);
    let template = testkit::draft("diamonds", 1.0);
    let instances: Vec<_> = serde_json::from_str(&objects(&signature, 3, IN_ORDER))
        .map(|body: serde_json::Value| body["instances"].as_array().cloned().unwrap_or_default())
        .expect("JSON")
        .into_iter()
        .filter_map(|row| row.as_object().cloned())
        .collect();
    let body = serde_json::json!({ "instances": instances }).to_string();
    let request = signature.read_json(body.as_bytes(), schema::ReadOptions::default());
    let predictions = pipeline.predict(&request.expect("golden rows fit").rows);
    let features = signature.features().iter().map(|feature| FeatureBaseline {
        name: feature.name.clone(),
        n_missing: 0,
        distribution: match &feature.categories[..] {
            [] => histogram(5.0),
            names => Distribution::Categories { names: names.into(), counts: vec![8; names.len()] },
        },
    });
    Draft {
        baseline: Baseline {
            features: features.collect(),
            predictions: histogram(1.0),
            ..template.baseline.clone()
        },
        weights: pipeline.to_safetensors(),
        golden: Golden { source: "bench".into(), instances, predictions },
        signature,
        ..template
    }
}

/// Twenty bins of one width, as many as a baseline has at most.
fn histogram(maximum: f64) -> Distribution {
    let edges: Vec<_> = (1..20).map(|k| maximum * f64::from(k) / 20.0).collect();
    let counts = vec![2; edges.len() + 1];
    let mean = maximum / 2.0;
    let standard_deviation = maximum / 12.0_f64.sqrt();
    Distribution::Histogram { mean, standard_deviation, minimum: 0.0, maximum, edges, counts }
}
