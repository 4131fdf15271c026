//! Loading: read, check the seal and every digest, build the model, replay the golden rows.

use std::thread;

use bytes::Bytes;
use futures::future::try_join_all;
use model::Pipeline;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::store::{FILES, HOLDOUT, MANIFEST, SIGNATURE, file_path};
use crate::{
    FileRecord, Manifest, ModelName, Refusal, Registry, RegistryError, SigningKey, golden,
    sha256_hex, signing,
};

/// A version that passed every check.
#[derive(Debug)]
pub struct ModelVersion {
    /// SHA-256 of the manifest, which names every other file: what the version is, whatever its number.
    pub identity: String,
    /// What it is and where it comes from.
    pub manifest: Manifest,
    /// What answers.
    pub pipeline: Pipeline,
}

/// A file as it was found.
struct Unverified<'a> {
    name: &'a str,
    record: &'a FileRecord,
    bytes: Bytes,
}

impl Unverified<'_> {
    fn verify(&self) -> Result<(), Refusal> {
        let found = sha256_hex(&self.bytes);
        if found == self.record.sha256 {
            return Ok(());
        }
        let (file, expected) = (self.name.to_owned(), self.record.sha256.clone());
        Err(Refusal::Digest { file, found, expected })
    }
}

/// What keeps one file of a version from being read.
enum Fault {
    Refused(Refusal),
    Store(RegistryError),
}

impl Registry {
    /// Loads a version and proves it: seal, digests, structure, parity.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Refused`] with the first check that fails; [`RegistryError::UnknownVersion`] where there is
    /// none; [`RegistryError::Store`] where reading fails and [`RegistryError::Thread`] where hashing has no thread,
    /// which may pass.
    pub async fn load(
        &self,
        model: &ModelName,
        version: u64,
    ) -> Result<ModelVersion, RegistryError> {
        let refused =
            |refusal| RegistryError::Refused { model: model.to_string(), version, refusal };
        let (identity, manifest) = self.identified_manifest(model, version).await?;
        let found = FILES.iter().filter_map(|name| manifest.files.get(*name));
        let found = found.fold(0, |sum: u64, file| sum.saturating_add(file.n_bytes));
        if found > self.max_bytes {
            return Err(refused(Refusal::TooLarge { found, limit: self.max_bytes }));
        }
        let files = FILES.map(|name| self.file(model, version, name, manifest.files.get(name)));
        let files = try_join_all(files).await.map_err(|fault| match fault {
            Fault::Refused(refusal) => refused(refusal),
            Fault::Store(error) => error,
        })?;
        let [golden, _report, weights] = &files[..] else { unreachable!("one for each of FILES") };
        let signature = &manifest.signature;
        // Any bytes give a model or an error: nothing is done with either before all digests are known to be right.
        let (verified, pipeline) = thread::scope(|scope| {
            let verify = || files.iter().try_for_each(Unverified::verify);
            let verified = thread::Builder::new().spawn_scoped(scope, verify)?;
            let pipeline = Pipeline::from_safetensors(&weights.bytes, signature);
            Ok((verified.join().expect("hashing does not panic"), pipeline))
        })
        .map_err(RegistryError::Thread)?;
        verified.map_err(refused)?;
        let pipeline = pipeline.map_err(|error| refused(error.into()))?;
        golden::parity_check(&golden.bytes, signature, &pipeline).map_err(refused)?;
        Ok(ModelVersion { identity, manifest, pipeline })
    }

    /// The rows that were set aside to compare versions on, as CSV, their digest checked; none where none were kept.
    ///
    /// # Errors
    ///
    /// As [`Registry::load`].
    pub async fn holdout(&self, manifest: &Manifest) -> Result<Option<Bytes>, RegistryError> {
        let (model, version) = (&manifest.model, manifest.version);
        let Some(record) = manifest.files.get(HOLDOUT) else { return Ok(None) };
        let file = self.file(model, version, HOLDOUT, Some(record)).await;
        match file.and_then(|file| file.verify().map_err(Fault::Refused).map(|()| file.bytes)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Fault::Store(error)) => Err(error),
            Err(Fault::Refused(refusal)) => {
                Err(RegistryError::Refused { model: model.to_string(), version, refusal })
            }
        }
    }

    /// Signs a version that is published; a signature that it has is replaced.
    ///
    /// # Errors
    ///
    /// Where there is no such version, its seal is broken, or writing fails.
    pub async fn sign(
        &self,
        model: &ModelName,
        version: u64,
        key: &SigningKey,
    ) -> Result<(), RegistryError> {
        let mut unchecked = self.clone();
        unchecked.trusted = None;
        unchecked.identified_manifest(model, version).await?;
        let manifest = self.read(&file_path(model, version, MANIFEST)).await?;
        let (_, manifest) = manifest.unwrap_or_default();
        let path = file_path(model, version, SIGNATURE);
        let signature = key.sign(&manifest);
        let put = self.store.put(&path, signature.into()).await;
        put.map(drop).map_err(|source| self.failed("writing", &path, source))
    }

    /// Reads what a version is, its seal checked, without its other files.
    ///
    /// # Errors
    ///
    /// As [`Registry::load`].
    pub async fn manifest(
        &self,
        model: &ModelName,
        version: u64,
    ) -> Result<Manifest, RegistryError> {
        Ok(self.identified_manifest(model, version).await?.1)
    }

    /// What [`ModelVersion::identity`] would be now; none where there is no such version.
    ///
    /// # Errors
    ///
    /// Where reading fails.
    pub async fn identity(
        &self,
        model: &ModelName,
        version: u64,
    ) -> Result<Option<String>, RegistryError> {
        let manifest = self.read(&file_path(model, version, MANIFEST)).await?;
        Ok(manifest.map(|(_, bytes)| sha256_hex(&bytes)))
    }

    async fn identified_manifest(
        &self,
        model: &ModelName,
        version: u64,
    ) -> Result<(String, Manifest), RegistryError> {
        let refused =
            |refusal| RegistryError::Refused { model: model.to_string(), version, refusal };
        let path = file_path(model, version, MANIFEST);
        let too_large = |found| refused(Refusal::TooLarge { found, limit: self.max_bytes });
        let Some((n_bytes, bytes)) = self.read(&path).await? else {
            let known = self.versions(model).await?;
            return Err(if known.is_empty() {
                RegistryError::UnknownModel(model.to_string(), self.location().to_owned())
            } else {
                RegistryError::UnknownVersion { model: model.to_string(), version, known }
            });
        };
        if n_bytes > self.max_bytes {
            return Err(too_large(n_bytes));
        }
        if let Some(keys) = &self.trusted {
            let signature = self.read(&file_path(model, version, SIGNATURE)).await?;
            if let Some((n_bytes, _)) = signature
                && n_bytes > self.max_bytes
            {
                return Err(too_large(n_bytes));
            }
            let signature = signature.as_ref().map(|(_, bytes)| &bytes[..]);
            signing::check(keys, &bytes, signature).map_err(refused)?;
        }
        let manifest = Manifest::from_sealed_json(&bytes).map_err(refused)?;
        if manifest.model != *model || manifest.version != version {
            let (model, version) = (manifest.model.to_string(), manifest.version);
            return Err(refused(Refusal::Elsewhere { model, version }));
        }
        Ok((sha256_hex(&bytes), manifest))
    }

    /// Reads a file of the length that the manifest announces.
    async fn file<'a>(
        &self,
        model: &ModelName,
        version: u64,
        name: &'a str,
        record: Option<&'a FileRecord>,
    ) -> Result<Unverified<'a>, Fault> {
        let record = record
            .ok_or_else(|| Fault::Refused(Refusal::Manifest(format!("it does not name {name}"))))?;
        let path = file_path(model, version, name);
        let file = name.to_owned();
        let found = match self.store.get(&path).await {
            Ok(found) => found,
            Err(error) if self.is_absent(&error) => {
                return Err(Fault::Refused(Refusal::MissingFile(file)));
            }
            Err(source) => return Err(Fault::Store(self.failed("reading", &path, source))),
        };
        // Before it is read: memory is for what the manifest announces.
        if found.meta.size != record.n_bytes {
            let (found, expected) = (found.meta.size, record.n_bytes);
            return Err(Fault::Refused(Refusal::Length { file, found, expected }));
        }
        let bytes = found.bytes().await;
        let bytes = bytes.map_err(|source| Fault::Store(self.failed("reading", &path, source)))?;
        Ok(Unverified { name, record, bytes })
    }

    /// A file's length and content, empty where it takes more than is allowed; none where it is not there.
    async fn read(&self, path: &Path) -> Result<Option<(u64, Bytes)>, RegistryError> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(error) if self.is_absent(&error) => return Ok(None),
            Err(source) => return Err(self.failed("reading", path, source)),
        };
        let n_bytes = found.meta.size;
        if n_bytes > self.max_bytes {
            return Ok(Some((n_bytes, Bytes::new())));
        }
        let bytes = found.bytes().await.map_err(|source| self.failed("reading", path, source))?;
        Ok(Some((n_bytes, bytes)))
    }
}
