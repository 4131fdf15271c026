#![doc = include_str!("../README.md")]

mod error;
mod text;

mod input;
mod unpack;
mod zstd;

mod kind;
mod lines;
mod records;

mod note;
mod options;
mod schema_file;

mod columns;
mod fill;
mod infer;
mod read;
mod scan;

mod baseline;
mod held_out;
mod order;
mod split;
mod table;

mod demand;

pub use baseline::{MAX_BINS, baseline, distribution};
pub use demand::Demand;
pub use error::DatasetError;
pub use held_out::HeldOut;
pub use input::{FileInput, Input, MemoryInput, locate};
pub use lines::MAX_RECORD_BYTES;
pub use note::Note;
pub use options::{DEFAULT_MAX_CATEGORIES, ReadOptions};
pub use read::{MIN_ROWS, read, read_input, read_input_with, read_with};
pub use scan::MAX_CATEGORY_BYTES;
pub use schema_file::{DeclaredFeature, Schema};
pub use split::Split;
pub use table::{Dataset, Source, Table};
pub use unpack::unpacked;
