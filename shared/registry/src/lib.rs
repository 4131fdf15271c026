#![doc = include_str!("../README.md")]

mod error;
mod golden;
mod load;
mod manifest;
mod name;
mod publish;
mod store;

pub use error::{Refusal, RegistryError};
pub use golden::{Golden, PARITY_TOLERANCE};
pub use load::ModelVersion;
pub use manifest::{EstimatorRecord, FORMAT, FileRecord, Manifest, Provenance};
pub use name::ModelName;
pub use publish::{Draft, Published};
pub use store::{CHAMPION, Registry};

use sha2::{Digest, Sha256};

/// SHA-256 as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a string cannot fail
        hex
    })
}
