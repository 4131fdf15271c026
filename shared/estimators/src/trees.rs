//! From smartcore's trees to the model's: its nodes are private, so they are read from their JSON.

use model::{Forest, Node, Pipeline, Regressor};
use schema::{Rows, Signature};
use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::RandomForestRegressor;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::tree::decision_tree_regressor::DecisionTreeRegressor;

use crate::encoding::Encoding;
use crate::fitted::{Fitted, Library};
use crate::{FitError, Training};

/// The library that grows trees.
pub(crate) const LIBRARY: &str = "smartcore 0.7.0";

pub(crate) type Matrix = DenseMatrix<f64>;
pub(crate) type SmartForest = RandomForestRegressor<f64, f64, Matrix, Vec<f64>>;
pub(crate) type SmartTree = DecisionTreeRegressor<f64, f64, Matrix, Vec<f64>>;

/// What smartcore fitted.
#[derive(Debug)]
pub(crate) struct FittedTrees {
    encoding: Encoding,
    n_columns: usize,
    grown: Grown,
}

/// A tree, or the blocks of a forest, each with its number of trees.
#[derive(Debug)]
pub(crate) enum Grown {
    Tree(SmartTree),
    Blocks(Vec<(usize, SmartForest)>),
}

/// Training data in the form that smartcore takes.
pub(crate) struct TreeData {
    encoding: Encoding,
    pub(crate) n_columns: usize,
    pub(crate) x: Matrix,
    pub(crate) y: Vec<f64>,
}

impl TreeData {
    pub(crate) fn of(training: &Training<'_>) -> Result<Self, FitError> {
        training.check()?;
        let encoding = Encoding::codes(training)?;
        let n_columns = encoding.n_columns();
        let x = matrix(training.rows.n_rows(), n_columns, encoding.columns(training.rows));
        let y = training.target.to_vec();
        Ok(Self { encoding, n_columns, x, y })
    }

    /// Puts the trees behind their encoder.
    pub(crate) fn fitted(
        self,
        signature: &Signature,
        trees: Vec<Vec<Node>>,
        grown: Grown,
    ) -> Result<Fitted, FitError> {
        let forest = Regressor::Forest(Forest::new(trees, self.n_columns)?);
        let pipeline = Pipeline::new(self.encoding.encoder(signature)?, forest)?;
        let library = FittedTrees { encoding: self.encoding, n_columns: self.n_columns, grown };
        Ok(Fitted::new(pipeline, Library::Trees(library)))
    }
}

impl FittedTrees {
    /// smartcore's own predictions; those of a forest are the mean of its blocks, weighted by their trees.
    pub(crate) fn predict(&self, rows: &Rows) -> Vec<f64> {
        let x = matrix(rows.n_rows(), self.n_columns, self.encoding.columns(rows));
        let predicted = "smartcore predicts from a fitted model";
        match &self.grown {
            Grown::Tree(tree) => tree.predict(&x).expect(predicted),
            Grown::Blocks(blocks) => {
                let n_trees: usize = blocks.iter().map(|(n, _)| n).sum();
                let mut means = vec![0.0; rows.n_rows()];
                for (n, block) in blocks {
                    let weight = *n as f64 / n_trees as f64;
                    let values = block.predict(&x).expect(predicted);
                    for (mean, value) in means.iter_mut().zip(values) {
                        *mean += weight * value;
                    }
                }
                means
            }
        }
    }
}

fn matrix(n_rows: usize, n_columns: usize, columns: Vec<f64>) -> Matrix {
    DenseMatrix::new(n_rows, n_columns, columns, true).expect("as many values as rows × columns")
}

/// scikit-learn counts splits, smartcore the levels of nodes, of which there is one more.
pub(crate) fn levels(max_depth: Option<u16>) -> Option<u16> {
    max_depth.map(|splits| splits + 1)
}

/// What smartcore says when it fails.
pub(crate) fn failed(error: &smartcore::error::Failed) -> FitError {
    unusable(error.to_string())
}

fn unusable(reason: String) -> FitError {
    FitError::Library { library: LIBRARY, reason }
}

/// The part of smartcore's JSON that makes a prediction.
#[derive(Deserialize)]
struct ForestJson {
    forest_regressor: TreesJson,
}

#[derive(Deserialize)]
struct TreesJson {
    trees: Vec<NodesJson>,
}

#[derive(Deserialize)]
struct TreeJson {
    tree_regressor: NodesJson,
}

#[derive(Deserialize)]
struct NodesJson {
    nodes: Vec<NodeJson>,
}

#[derive(Deserialize)]
struct NodeJson {
    /// JSON has no NaN and no infinity: they are null.
    output: Option<f64>,
    split_feature: u32,
    split_value: Option<f64>,
    true_child: Option<u32>,
    false_child: Option<u32>,
}

/// The trees of a forest, root first.
pub(crate) fn of_forest(forest: &SmartForest) -> Result<Vec<Vec<Node>>, FitError> {
    let json: ForestJson = through_json(forest)?;
    json.forest_regressor.trees.iter().map(nodes).collect()
}

/// The one tree of a decision tree.
pub(crate) fn of_tree(tree: &SmartTree) -> Result<Vec<Node>, FitError> {
    let json: TreeJson = through_json(tree)?;
    nodes(&json.tree_regressor)
}

fn through_json<T: for<'de> Deserialize<'de>>(fitted: &impl Serialize) -> Result<T, FitError> {
    let read = |json: Vec<u8>| serde_json::from_slice(&json);
    let model = serde_json::to_vec(fitted).and_then(read);
    model.map_err(|error| unusable(format!("its trees have another form than expected: {error}")))
}

fn nodes(tree: &NodesJson) -> Result<Vec<Node>, FitError> {
    tree.nodes.iter().map(node).collect()
}

/// smartcore pushes the children of a node one behind the other, the one for values ≤ the threshold first.
fn node(node: &NodeJson) -> Result<Node, FitError> {
    let NodeJson { output, split_feature: feature, split_value, .. } = *node;
    match (node.true_child, node.false_child, split_value, output) {
        (None, None, _, Some(value)) => Ok(Node::leaf(value)),
        (Some(left), Some(right), Some(value), _) if right == left + 1 => {
            Ok(Node { value, feature, left })
        }
        (None, None, _, None) => Err(unusable("a leaf is not a finite number".to_owned())),
        _ => Err(unusable("its trees have another form than expected".to_owned())),
    }
}
