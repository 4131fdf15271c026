//! A verified version, with everything that is made once for it.

use std::sync::OnceLock;

use bytes::Bytes;
use model::Pipeline;
use registry::{Manifest, ModelVersion};
use schema::{ReadOptions, Request, RequestError, Signature, UnknownFeatures};
use serde_json::json;

use crate::metrics::{ModelSeries, Series};
use crate::openapi;

/// A verified version and what goes with it.
#[derive(Debug)]
pub(crate) struct ActiveModel {
    /// What the version is, whatever its number (see `registry::ModelVersion`).
    pub(crate) identity: String,
    /// What it is and where it comes from.
    pub(crate) manifest: Manifest,
    /// What answers.
    pub(crate) pipeline: Pipeline,
    /// Steps that one row takes (see `Pipeline::work_per_row`).
    pub(crate) work_per_row: usize,
    /// Its time series.
    pub(crate) series: ModelSeries,
    /// The body of `GET /model`.
    pub(crate) description: Bytes,
    /// Made when somebody asks first.
    openapi: OnceLock<Bytes>,
    openapi_named: OnceLock<Bytes>,
}

/// How the rows of a body are written, a form's CSV taken out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    Json,
    Csv,
}

impl ActiveModel {
    pub(crate) fn new(version: ModelVersion, series: &Series) -> Self {
        let ModelVersion { identity, manifest, pipeline } = version;
        Self {
            identity,
            work_per_row: pipeline.work_per_row(),
            series: series.of_model(&manifest),
            description: description(&manifest).into(),
            openapi: OnceLock::new(),
            openapi_named: OnceLock::new(),
            manifest,
            pipeline,
        }
    }

    /// The body of `GET /openapi.json`, for the default model.
    pub(crate) fn openapi(&self, unknown_features: UnknownFeatures) -> Bytes {
        let document = || openapi::document(Some(&self.manifest), unknown_features);
        self.openapi.get_or_init(|| document().to_string().into()).clone()
    }

    /// The body of `GET /models/{model}/openapi.json`.
    pub(crate) fn openapi_named(&self, unknown_features: UnknownFeatures) -> Bytes {
        let manifest = &self.manifest;
        let document =
            || openapi::document_named(&manifest.model, Some(manifest), unknown_features);
        self.openapi_named.get_or_init(|| document().to_string().into()).clone()
    }

    pub(crate) fn signature(&self) -> &Signature {
        &self.manifest.signature
    }

    /// Reads rows by this version's own signature.
    pub(crate) fn read(
        &self,
        body: &[u8],
        format: BodyFormat,
        options: ReadOptions,
    ) -> Result<Request, RequestError> {
        match format {
            BodyFormat::Json => self.signature().read_json(body, options),
            BodyFormat::Csv => self.signature().read_csv(body, options),
        }
    }

    /// Reads rows that were written for another version; none where it cannot take them as they were meant.
    pub(crate) fn read_instead_of(
        &self,
        champion: &Self,
        body: &[u8],
        format: BodyFormat,
        options: ReadOptions,
    ) -> Option<Request> {
        let request = self.read(body, format, options).ok()?;
        // By its place a value would become that of another feature, which nobody would notice.
        (!request.by_position || self.has_columns_of(champion)).then_some(request)
    }

    fn has_columns_of<'a>(&'a self, other: &'a Self) -> bool {
        let features = |model: &'a Self| model.signature().features().iter();
        features(self).map(|feature| &feature.name).eq(features(other).map(|feature| &feature.name))
    }

    pub(crate) fn version(&self) -> u64 {
        self.manifest.version
    }
}

/// What a person wants to know of the version; the baseline stays in the registry.
fn description(manifest: &Manifest) -> String {
    json!({
        "model": manifest.model,
        "version": manifest.version,
        "signature": manifest.signature,
        "estimator": manifest.estimator,
        "scores": manifest.scores,
        "provenance": manifest.provenance,
    })
    .to_string()
}
