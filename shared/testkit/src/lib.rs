//! Fixtures for tests: a small model, and registries to put it in.

mod fixture;
mod temp_registry;

pub use fixture::{draft, pipeline, signature};
pub use temp_registry::{TESTS, TempRegistry};
