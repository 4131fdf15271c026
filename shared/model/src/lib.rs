#![doc = include_str!("../README.md")]

mod encoder;
mod forest;
mod linear;
mod pipeline;
mod tensors;

pub use encoder::Encoder;
pub use forest::{Forest, Layout, Node};
pub use linear::Linear;
pub use pipeline::{Pipeline, Regressor};

/// Why a model is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The bytes are not a safetensors file.
    #[error("the weights are not a safetensors file: {0}")]
    NotSafetensors(String),
    /// A tensor that must be there is not.
    #[error("the weights have no tensor `{0}`")]
    MissingTensor(&'static str),
    /// A tensor that means nothing.
    #[error("the weights have a tensor `{0}`, which is no part of a {1} model")]
    UnexpectedTensor(String, &'static str),
    /// A tensor of another type or number of dimensions.
    #[error("tensor `{name}` is {found} where {expected} was expected")]
    WrongTensor {
        /// The tensor.
        name: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A number that is NaN or infinite.
    #[error("`{name}` holds {value} at {idx}, which is not finite")]
    NotFinite {
        /// The array.
        name: &'static str,
        /// Where in it.
        idx: usize,
        /// The number.
        value: f64,
    },
    /// The encoder does not belong to the signature.
    #[error("the encoder does not fit feature `{feature}`: {reason}")]
    Encoder {
        /// The feature.
        feature: String,
        /// What does not fit.
        reason: String,
    },
    /// A tree that is no tree.
    #[error("tree {tree}, node {node}: {reason}")]
    Tree {
        /// The tree, from 0.
        tree: usize,
        /// The node, from 0 in its tree.
        node: usize,
        /// What is wrong.
        reason: &'static str,
    },
}
