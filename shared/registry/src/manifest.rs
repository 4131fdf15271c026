//! `manifest.json`: what a version is, sealed by its own digest.

use std::collections::BTreeMap;

use schema::{Baseline, Evaluation, Signature};
use serde::{Deserialize, Serialize};

use crate::{ModelName, Refusal, seal, sha256_hex};

/// The manifest format this release writes and reads.
pub const FORMAT: u32 = 1;

/// What a model version is and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The format of this file, [`FORMAT`].
    pub format: u32,
    /// The model.
    pub model: ModelName,
    /// The version's number, from 1.
    pub version: u64,
    /// Features in order, and the output.
    pub signature: Signature,
    /// How it was fitted.
    pub estimator: EstimatorRecord,
    /// Scores on the test split.
    pub scores: Evaluation,
    /// What the training data looked like.
    pub baseline: Baseline,
    /// Where it comes from.
    pub provenance: Provenance,
    /// Every other file of the version.
    pub files: BTreeMap<String, FileRecord>,
}

/// Algorithm, settings and library of a fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EstimatorRecord {
    /// As on the command line, such as `random-forest`.
    pub name: String,
    /// Library and release, such as `smartcore 0.7.0`.
    pub library: String,
    /// Name and value of each hyperparameter.
    pub hyperparameters: serde_json::Map<String, serde_json::Value>,
}

/// Where a version comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The data's location as it was given.
    pub data: String,
    /// SHA-256 of the data's bytes.
    pub data_sha256: String,
    /// Rows read from the data.
    pub n_rows: u64,
    /// Rows left out because their target was missing.
    pub n_rows_without_target: u64,
    /// Rows the model was fitted to.
    pub n_rows_train: u64,
    /// Rows it was scored on.
    pub n_rows_test: u64,
    /// A separate test file, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_data: Option<String>,
    /// SHA-256 of the separate test file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_data_sha256: Option<String>,
    /// The share of rows set aside to score on; none where a separate test file was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
    /// Columns read as categories because that was asked for.
    pub categorical: Vec<String>,
    /// Columns left out because that was asked for.
    pub ignore: Vec<String>,
    /// The most different values a category could have.
    pub max_categories: u64,
    /// SHA-256 of the schema file, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_sha256: Option<String>,
    /// The seed of split and estimator.
    pub seed: u64,
    /// The release that fitted it.
    pub canopy_version: String,
    /// When training began, RFC 3339 in UTC.
    pub started_at: String,
    /// When the model was fitted and scored, RFC 3339 in UTC.
    pub finished_at: String,
    /// How long the fit alone took.
    pub fit_seconds: f64,
    /// What a person was warned of, a sentence each.
    pub notes: Vec<String>,
}

/// What a file of the version was when it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its length.
    pub n_bytes: u64,
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl FileRecord {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { n_bytes: bytes.len() as u64, sha256: sha256_hex(bytes) }
    }
}

impl Manifest {
    /// Writes the sealed file.
    pub(crate) fn to_sealed_json(&self) -> String {
        seal::sealed(self)
    }

    /// Reads a sealed file.
    pub(crate) fn from_sealed_json(bytes: &[u8]) -> Result<Self, Refusal> {
        let json = seal::unsealed(bytes).map_err(Refusal::Seal)?;
        let refuse = |error: serde_json::Error| Refusal::Manifest(error.to_string());
        let AnyFormat { format } = serde_json::from_slice(&json).map_err(refuse)?;
        if format != u64::from(FORMAT) {
            return Err(Refusal::Format { found: format, expected: FORMAT });
        }
        serde_json::from_slice(&json).map_err(refuse)
    }
}

#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}
