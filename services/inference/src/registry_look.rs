//! One look at the registry: what the aliases of a model name now.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use registry::{CHALLENGER, CHAMPION, ModelName, Registry, RegistryError, Standing, TrustedKey};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::config::SourceArgs;
use crate::patience::chain;
use crate::trusted_keys::TrustedKeys;

/// Where model versions are, and which of them are trusted.
#[derive(Debug)]
pub(crate) struct RegistrySource {
    location: String,
    max_bytes: u64,
    keys: Option<TrustedKeys>,
    /// A bucket's client, kept for its connections; a folder is opened at each look, as it may come and go.
    bucket: OnceLock<Registry>,
}

/// What versions have to be signed with; none where they need no signature.
pub(crate) type Trusted = Option<Arc<[TrustedKey]>>;

/// What one look found.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) registry: Registry,
    /// What versions had to be signed with at that time.
    pub(crate) trusted: Trusted,
    pub(crate) champion: Result<Candidate, String>,
    /// None where the alias names no version, or is not to be looked at.
    pub(crate) challenger: Result<Option<Named>, String>,
}

/// A version that may be loaded.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) version: u64,
    /// A number alone does not say which version it is: a registry may have been made anew.
    pub(crate) identity: String,
}

/// The version under the alias `challenger`, and where that stands.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) standing: Standing,
    pub(crate) version: u64,
    /// None where there is no such version.
    pub(crate) candidate: Option<Candidate>,
}

impl RegistrySource {
    /// Reads the trusted keys; the registry itself may not be there yet.
    ///
    /// # Errors
    ///
    /// Where a key cannot be used.
    pub(crate) fn new(args: &SourceArgs) -> Result<Self, RegistryError> {
        Ok(Self {
            location: args.registry.clone(),
            max_bytes: args.max_model_size.as_u64(),
            keys: TrustedKeys::read(&args.trusted_key)?,
            bucket: OnceLock::new(),
        })
    }

    /// Looks once. A mount that hangs holds up no thread that answers.
    pub(crate) async fn look(
        self: Arc<Self>,
        model: ModelName,
        with_challenger: bool,
    ) -> Result<Look, String> {
        let location = self.location.clone();
        let looking = beside_answering(&location, async move {
            let (registry, trusted) = self.open().map_err(words)?;
            let champion = champion(&registry, &model).await;
            let challenger = match with_challenger {
                true => challenger(&registry, &model).await.map_err(words),
                false => Ok(None),
            };
            Ok(Look { registry, trusted, champion, challenger })
        });
        looking.await.map_err(|error| chain(&error))?
    }

    fn open(&self) -> Result<(Registry, Trusted), RegistryError> {
        let registry = match self.bucket.get() {
            Some(registry) => registry.clone(),
            None => Registry::open(&self.location)?.limited_to(self.max_bytes),
        };
        if self.location.contains("://") {
            self.bucket.get_or_init(|| registry.clone());
        }
        let Some(keys) = &self.keys else { return Ok((registry, None)) };
        let keys = keys.read_again();
        Ok((registry.trusting(keys.to_vec()), Some(keys)))
    }
}

/// Why a thread of its own has not done its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undone {
    /// The system gives none now; it may the next time.
    #[error("cannot start a thread")]
    NoThread(#[source] io::Error),
    #[error("it panicked")]
    Panicked,
}

/// Has a thread of its own read the registry and do whatever goes with that.
///
/// A folder is read outside of the runtime: within it each file would be opened by one thread and read by another.
///
/// # Errors
///
/// Where there is no thread, or it panics.
pub(crate) async fn beside_answering<T: Send + 'static>(
    location: &str,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Undone> {
    let runtime = location.contains("://").then(Handle::current);
    let (done, is_done) = oneshot::channel();
    let thread = thread::Builder::new().name("registry".to_owned());
    let started = thread.spawn(move || {
        // Nobody waits any more where the server is ending.
        let _ = done.send(match runtime {
            Some(runtime) => runtime.block_on(work),
            None => futures::executor::block_on(work),
        });
    });
    started.map_err(Undone::NoThread)?;
    is_done.await.map_err(|_| Undone::Panicked)
}

async fn champion(registry: &Registry, model: &ModelName) -> Result<Candidate, String> {
    let version = registry.alias(model, CHAMPION).await.map_err(words)?;
    let version = version
        .ok_or_else(|| format!("model `{model}` has no champion in {} yet", registry.location()))?;
    candidate(registry, model, version).await.map_err(words)?.ok_or_else(|| {
        format!("the champion of `{model}` is version {version}, which is not there")
    })
}

async fn challenger(
    registry: &Registry,
    model: &ModelName,
) -> Result<Option<Named>, RegistryError> {
    let Some(standing) = registry.standing(model, CHALLENGER).await? else { return Ok(None) };
    let Some(version) = standing.version else { return Ok(None) };
    let candidate = candidate(registry, model, version).await?;
    Ok(Some(Named { standing, version, candidate }))
}

async fn candidate(
    registry: &Registry,
    model: &ModelName,
    version: u64,
) -> Result<Option<Candidate>, RegistryError> {
    let identity = registry.identity(model, version).await?;
    Ok(identity.map(|identity| Candidate { version, identity }))
}

fn words(error: RegistryError) -> String {
    chain(&error)
}
