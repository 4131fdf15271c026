//! Loading a version beside serving: one at a time over all models, and none that was refused in a hot loop.

use std::sync::Arc;
use std::time::Instant;

use registry::RegistryError;
use tokio::sync::Semaphore;

use crate::active_model::ActiveModel;
use crate::metrics::{LoadOutcome, Series};
use crate::patience::{Backoff, chain};
use crate::registry_look::{Candidate, Look, Trusted, Undone, beside_answering};
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
            Err(undone) => {
                let reason = format!("loading version {version} failed: {}", chain(&undone));
                let is_refused = matches!(undone, Undone::Panicked);
                Err(self.note_failure(look, candidate, reason, is_refused))
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
        // What cannot be read may be back at the next poll, and so may threads; what is damaged will hardly mend itself.
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use registry::Registry;
    use service_kit::health::Readiness;
    use service_kit::metrics::Exporter;
    use testkit::{TempRegistry, draft};

    use super::*;
    use crate::config::Config;
    use crate::ready_board::ReadyBoard;
    use crate::recording::Recording;

    const LOCATION: &str = "CANOPY_TEST_REGISTRY";

    /// Runs only as the child process of the test below.
    #[test]
    #[ignore = "a child process of another test"]
    fn child() {
        let Ok(location) = std::env::var(LOCATION) else { return };
        let config = Config::parse_from(["canopy-inference", "--model=diamonds"]);
        let exporter = Exporter::new();
        let recording = Recording::new(&config.events, &exporter).expect("no events");
        let name = &config.source.model[0];
        let board = Arc::new(ReadyBoard::new(Readiness::new(), &config.source.model));
        let served = Arc::new(ServedModel::new(name, &config, &recording, &board));
        let mut loader = Loader::new(&served, &Arc::new(Semaphore::new(1)));
        let candidate = Candidate { version: 1, identity: "that of version 1".to_owned() };
        let look = Look {
            registry: Registry::open(&location).expect("it is there"),
            trusted: None,
            champion: Ok(candidate.clone()),
            challenger: Ok(None),
        };
        for n_failed in [1, 2] {
            let loaded = futures::executor::block_on(loader.load(&look, &candidate));
            let reason = loaded.map(drop).expect_err("no thread");
            assert!(
                reason.starts_with("loading version 1 failed: cannot start a thread: "),
                "{reason}"
            );
            let text = exporter.render();
            for (outcome, n) in [("failed", n_failed), ("refused", 0)] {
                let line = format!(
                    "canopy_model_loads_total{{model=\"diamonds\",outcome=\"{outcome}\"}} {n}\n"
                );
                assert!(text.contains(&line), "{line}: {text}");
            }
        }
    }

    #[tokio::test]
    async fn without_a_thread_no_version_is_refused_and_each_look_tries_again() {
        let temp = TempRegistry::new();
        temp.publish(draft("diamonds", 100.0)).await;
        testkit::pass_without_threads("loader::tests::child", (LOCATION, temp.location()));
    }
}
