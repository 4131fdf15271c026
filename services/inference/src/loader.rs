//! Loading a version beside serving: one at a time over all models, and none that was refused in a hot loop.

use std::sync::Arc;
use std::time::Instant;

use registry::RegistryError;
use tokio::sync::Semaphore;

use crate::active_model::ActiveModel;
use crate::metrics::{LoadOutcome, Series};
use crate::patience::{Backoff, chain};
use crate::registry_look::{Candidate, Look, Trusted, beside_answering};
use crate::served_model::ServedModel;

/// Loads the versions of one alias of one model.
#[derive(Debug)]
pub(crate) struct Loader {
    served: Arc<ServedModel>,
    /// Whoever has it loads, so that at most one version is in memory beside those that serve.
    turn: Arc<Semaphore>,
    refused: Option<Refused>,
}

/// A version that failed its checks: not to be tried again at every poll.
#[derive(Debug)]
struct Refused {
    identity: String,
    /// With other keys it may pass.
    trusted: Trusted,
    reason: String,
    backoff: Backoff,
}

/// A version that passed every check, and what that took.
pub(crate) struct Loaded {
    pub(crate) model: Arc<ActiveModel>,
    pub(crate) seconds: f64,
}

impl Loader {
    pub(crate) fn new(served: &Arc<ServedModel>, turn: &Arc<Semaphore>) -> Self {
        Self { served: Arc::clone(served), turn: Arc::clone(turn), refused: None }
    }

    /// Forgets what was refused: something else is wanted now.
    pub(crate) fn forget(&mut self) {
        self.refused = None;
    }

    /// Loads a version and proves it; an error says in words why not.
    pub(crate) async fn load(
        &mut self,
        look: &Look,
        candidate: &Candidate,
    ) -> Result<Loaded, String> {
        if let Some(refused) = &self.refused
            && refused.identity == candidate.identity
            && refused.trusted == look.trusted
            && !refused.backoff.is_over(Instant::now())
        {
            return Err(refused.reason.clone());
        }
        let version = candidate.version;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|error| chain(&error))?;
        let (model, registry) = (self.served.name.clone(), look.registry.clone());
        let series = self.served.series.clone();
        // Hashing and parsing must not hold up the threads that answer.
        let load = beside_answering(look.registry.location(), async move {
            let _turn = turn;
            let started = Instant::now();
            let loaded = registry.load(&model, version).await?;
            let seconds = started.elapsed().as_secs_f64();
            let model = Arc::new(ActiveModel::new(loaded, &series));
            Ok::<_, RegistryError>(Loaded { model, seconds })
        });
        match load.await {
            Ok(Ok(loaded)) => {
                self.refused = None;
                self.series().count_load(LoadOutcome::Loaded);
                self.series().record_load(loaded.seconds);
                Ok(loaded)
            }
            Ok(Err(error)) => {
                let is_refused = matches!(error, RegistryError::Refused { .. });
                Err(self.note_failure(look, candidate, chain(&error), is_refused))
            }
            Err(reason) => {
                let reason = format!("loading version {version} failed: {reason}");
                Err(self.note_failure(look, candidate, reason, true))
            }
        }
    }

    fn note_failure(
        &mut self,
        look: &Look,
        candidate: &Candidate,
        reason: String,
        is_refused: bool,
    ) -> String {
        let outcome = if is_refused { LoadOutcome::Refused } else { LoadOutcome::Failed };
        self.series().count_load(outcome);
        let before = self.refused.take().filter(|refused| refused.identity == candidate.identity);
        // What cannot be read may be back at the next poll; what is damaged will hardly mend itself.
        self.refused = is_refused.then(|| Refused {
            identity: candidate.identity.clone(),
            trusted: look.trusted.clone(),
            reason: reason.clone(),
            backoff: Backoff::after(before.map(|refused| refused.backoff), Instant::now()),
        });
        reason
    }

    fn series(&self) -> &Series {
        &self.served.series
    }
}
