//! Follows the alias `challenger` of one model: loads what it names, starts its trial, and moves it away after a veto.

use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use registry::{Action, CHALLENGER, Mode, Move, Registry, RegistryError, Stamp, Standing};

use crate::active_model::ActiveModel;
use crate::challenger::{Challenger, ChallengerSlot, Stopped, Terms, TrialSettings, Vetoed};
use crate::config::Config;
use crate::loader::Loader;
use crate::machine::{host, now};
use crate::patience::{Backoff, Complaint, chain};
use crate::registry_look::{Look, Named};
use crate::served_model::ServedModel;

/// Looks where the alias stands, as often as the registry watcher does.
pub(crate) struct ChallengerWatcher {
    served: Arc<ServedModel>,
    config: Arc<Config>,
    loader: Loader,
    complaint: Complaint,
    /// The alias that could not be moved away, and when that is tried again.
    unmoved: Option<(Standing, Backoff)>,
}

impl ChallengerWatcher {
    pub(crate) fn new(served: &Arc<ServedModel>, config: &Arc<Config>, loader: Loader) -> Self {
        Self {
            served: Arc::clone(served),
            config: Arc::clone(config),
            loader,
            complaint: Complaint::default(),
            unmoved: None,
        }
    }

    /// Whether there may be a challenger at all.
    pub(crate) fn is_on(&self) -> bool {
        self.config.challenger.challenger.mode().is_some()
    }

    /// Makes the challenger what the alias says. Nothing that fails here touches the champion.
    pub(crate) async fn follow(&mut self, look: &Look) {
        // Without a champion there is nothing to compare with.
        let Some(champion) = self.served.active.load_full() else { return };
        let followed = match &look.challenger {
            Err(reason) => Err(reason.clone()),
            Ok(None) => {
                self.end("its alias was taken away");
                Ok(())
            }
            Ok(Some(named)) => self.follow_named(look, named, &champion).await,
        };
        match followed {
            Ok(()) => {
                self.complaint.settle();
            }
            Err(reason) => self.complain(&reason),
        }
    }

    async fn follow_named(
        &mut self,
        look: &Look,
        named: &Named,
        champion: &Arc<ActiveModel>,
    ) -> Result<(), String> {
        let Named { standing, version, candidate } = named;
        if let Some(percent) = standing.trial.percent
            && !(0.0..=100.0).contains(&percent)
        {
            return Err(format!(
                "its alias asks for {percent} % of the requests; expected 0 to 100"
            ));
        }
        let running = self.slot().running();
        let Some(candidate) = candidate else {
            if running.is_some_and(|running| running.standing != *standing) {
                self.end("its alias names another version");
            }
            let name = &self.served.name;
            return Err(format!(
                "the challenger of `{name}` is version {version}, which is not there"
            ));
        };
        if candidate.identity == champion.identity {
            self.end("it is the champion now");
            return Ok(());
        }
        let Some(running) = running else {
            return match self.slot().stopped() {
                Some(Stopped::Vetoed(vetoed))
                    if vetoed.identity == candidate.identity && vetoed.standing == *standing =>
                {
                    self.move_away(&look.registry, &vetoed).await;
                    Ok(())
                }
                _ => self.load(look, named, champion).await,
            };
        };
        if running.model.identity != candidate.identity {
            self.end("its alias names another version");
            self.load(look, named, champion).await
        } else {
            if running.standing != *standing || running.champion != champion.identity {
                self.start(Arc::clone(&running.model), standing, champion);
            }
            Ok(())
        }
    }

    async fn load(
        &mut self,
        look: &Look,
        named: &Named,
        champion: &Arc<ActiveModel>,
    ) -> Result<(), String> {
        let Some(candidate) = &named.candidate else { return Ok(()) };
        match self.loader.load(look, candidate).await {
            Ok(loaded) => {
                self.start(loaded.model, &named.standing, champion);
                Ok(())
            }
            Err(reason) => {
                let stopped = Stopped::Refused { version: named.version, reason: reason.clone() };
                self.slot().set_stopped(Some(stopped));
                Err(reason)
            }
        }
    }

    fn start(&self, model: Arc<ActiveModel>, standing: &Standing, champion: &Arc<ActiveModel>) {
        let Some(settings) = self.settings(standing) else { return };
        tracing::info!(
            model.name = %self.served.name,
            model.version = model.version(),
            model.champion = champion.version(),
            mode = ?settings.mode,
            percent = settings.answered_percent(),
            "the challenger is verified, and its trial begins"
        );
        let limits = (&self.config.challenger.veto).into();
        if settings.mode == Mode::Canary {
            model.series.begin(&model.manifest);
        }
        let terms = Terms { standing: standing.clone(), settings, limits };
        let exporter = self.served.series.exporter();
        self.slot().start(Challenger::new(model, champion, terms, exporter));
    }

    /// What the alias says, else the server's own settings.
    fn settings(&self, standing: &Standing) -> Option<TrialSettings> {
        let own = &self.config.challenger;
        let mode = standing.trial.mode.or(own.challenger.mode())?;
        let percent = standing.trial.percent.unwrap_or(own.canary_percent);
        Some(TrialSettings { mode, percent })
    }

    /// Ends a trial, where there is one. What was vetoed is still shown; what was refused is nobody's concern any more.
    fn end(&mut self, why: &str) {
        self.loader.forget();
        if let Some(Stopped::Refused { .. }) = self.slot().stopped() {
            self.slot().set_stopped(None);
        }
        if let Some(version) = self.slot().stop() {
            tracing::info!(
                model.name = %self.served.name,
                model.version = version,
                "the challenger's trial ends: {why}"
            );
        }
    }

    /// Takes the alias away, unless that failed a short while ago.
    async fn move_away(&mut self, registry: &Registry, vetoed: &Vetoed) {
        let before = self.unmoved.take().filter(|(standing, _)| *standing == vetoed.standing);
        if let Some((_, backoff)) = &before
            && !backoff.is_over(Instant::now())
        {
            self.unmoved = before;
            return;
        }
        let name = &self.served.name;
        match self.move_alias(registry, vetoed).await {
            Ok(entry) => tracing::warn!(
                model.name = %name,
                model.version = vetoed.version,
                ledger.entry = entry,
                "the alias `{CHALLENGER}` is taken away from the vetoed version"
            ),
            Err(RegistryError::Superseded { by, .. }) => {
                tracing::info!(model.name = %name, by, "the alias `{CHALLENGER}` was moved meanwhile");
            }
            Err(error) => {
                if before.is_none() {
                    tracing::warn!(
                        model.name = %name,
                        model.version = vetoed.version,
                        reason = chain(&error),
                        "the vetoed version keeps the alias `{CHALLENGER}`, as the registry cannot be written to from \
                         here; it is not asked anything all the same; `canopy-trainer canary stop {name}` takes the \
                         alias away"
                    );
                }
                let backoff = Backoff::after(before.map(|(_, backoff)| backoff), Instant::now());
                self.unmoved = Some((vetoed.standing.clone(), backoff));
            }
        }
    }

    async fn move_alias(&self, registry: &Registry, vetoed: &Vetoed) -> Result<u64, RegistryError> {
        let wanted = Move {
            reason: Some(vetoed.veto.to_string()),
            expected: Some(vetoed.standing.clone()),
            ..Move::new(Action::Vetoed, CHALLENGER, None)
        };
        let (registry, name) = (registry.clone(), self.served.name.clone());
        // It takes a lock and reads a whole ledger: not on a thread that answers.
        let runtime = tokio::runtime::Handle::current();
        let move_alias = move || {
            let by = format!("canopy-inference@{}", host());
            let now = now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let stamp = Stamp { now, by: &by };
            runtime.block_on(registry.move_alias(&name, &wanted, stamp))
        };
        let moved = tokio::task::spawn_blocking(move_alias).await;
        let moved = moved.unwrap_or_else(|panicked| {
            Err(RegistryError::Lock { path: CHALLENGER.to_owned(), reason: chain(&panicked) })
        });
        moved.map(|entry| entry.entry)
    }

    fn complain(&mut self, reason: &str) {
        if self.complaint.is_new(reason) {
            let name = &self.served.name;
            tracing::error!(
                reason,
                model.name = %name,
                "the challenger cannot be loaded; the champion answers as before"
            );
        }
    }

    fn slot(&self) -> &ChallengerSlot {
        &self.served.challenger
    }
}
