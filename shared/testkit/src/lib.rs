//! Fixtures for tests: a small model, registries to put it in, an S3 server, and a process without threads.

mod fixture;
mod no_threads;
mod s3_server;
mod temp_registry;

pub use fixture::{draft, pipeline, signature};
pub use no_threads::pass_without_threads;
pub use s3_server::S3Server;
pub use temp_registry::{TESTS, TempRegistry};
