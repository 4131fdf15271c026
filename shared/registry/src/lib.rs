#![doc = include_str!("../README.md")]

mod name;
mod store;

mod golden;
mod manifest;
mod publish;

mod load;
mod signing;

mod alias;
mod ledger;
mod moves;
mod prune;

mod error;
mod lock;
pub mod s3;
mod seal;

pub use alias::{CHALLENGER, CHAMPION, Mode, Standing, Trial};
pub use error::{Refusal, RegistryError};
pub use golden::{Golden, PARITY_TOLERANCE};
pub use ledger::{Action, Entry, GateRecord, Ledger, LedgerFault, Verdict};
pub use load::ModelVersion;
pub use manifest::{EstimatorRecord, FORMAT, FileRecord, Manifest, Provenance};
pub use moves::{Move, Stamp};
pub use name::ModelName;
pub use publish::{Draft, Published};
pub use signing::{SigningKey, TrustedKey};
pub use store::Registry;

use sha2::{Digest, Sha256};

/// SHA-256 as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a string cannot fail
        hex
    })
}
