//! Fixtures for tests: a small model, registries to put it in, and an S3 server.

mod fixture;
mod s3_server;
mod temp_registry;

pub use fixture::{draft, pipeline, signature};
pub use s3_server::S3Server;
pub use temp_registry::{TESTS, TempRegistry};
