#![doc = include_str!("../README.md")]

mod baseline;
mod cell;
mod display;
mod feature;
mod quotes;
mod request;
mod response;
mod rows;
mod score;
mod signature;
mod suggestion;

pub use baseline::{Baseline, Distribution, FeatureBaseline};
pub use cell::{Cell, is_missing, parse_cell};
pub use display::{cleaned, steers_display};
pub use feature::{Dtype, Feature, MAX_EXACT_INTEGER, Output, Range};
pub use quotes::{QuoteFault, Quotes};
pub use request::{
    CsvChunk, CsvHeader, CsvLimits, CsvStream, Form, Nulls, ReadOptions, Request, RequestError,
    UnknownFeatures, Warning, WarningCode, Warnings,
};
pub use response::Response;
pub use rows::Rows;
pub use score::{Evaluation, FeatureImportance, Scores};
pub use signature::{Signature, SignatureError};
pub use suggestion::closest;
