//! Follows the aliases of one model: loads what `champion` names, beside serving, and swaps it in once it is proved.
//!
//! What is done with `challenger` is in `challenger_watcher.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::challenger_watcher::ChallengerWatcher;
use crate::loader::{Loaded, Loader};
use crate::patience::{Complaint, chain};
use crate::registry_look::{Look, RegistrySource};
use crate::request_sample::RequestSample;
use crate::served_model::ServedModel;

/// A look that takes longer is complained of. It goes on all the same: a second one would hang as well.
const LOOK_LIMIT: Duration = Duration::from_secs(30);

/// Looks at the registry every poll interval until it is cancelled.
pub(crate) struct RegistryWatcher {
    served: Arc<ServedModel>,
    source: Arc<RegistrySource>,
    loader: Loader,
    challenger: ChallengerWatcher,
    complaint: Complaint,
    sample_complaint: Complaint,
    /// A look that has not come back yet.
    looking: Option<JoinHandle<Result<Look, String>>>,
}

impl RegistryWatcher {
    pub(crate) fn new(app: &App, served: &Arc<ServedModel>) -> Self {
        let loader = || Loader::new(served, &app.load_turn);
        Self {
            served: Arc::clone(served),
            source: Arc::clone(&app.source),
            loader: loader(),
            challenger: ChallengerWatcher::new(served, &app.config, loader()),
            complaint: Complaint::default(),
            sample_complaint: Complaint::default(),
            looking: None,
        }
    }

    pub(crate) async fn run(mut self, interval: Duration, cancelled: CancellationToken) {
        let served = Arc::clone(&self.served);
        loop {
            self.poll().await;
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = served.challenger.vetoed.notified() => {}
                () = cancelled.cancelled() => return,
            }
        }
    }

    async fn poll(&mut self) {
        match self.look().await {
            Ok(look) => {
                match self.follow_champion(&look).await {
                    Ok(()) => self.settle(),
                    Err(reason) => self.complain(&reason),
                }
                self.challenger.follow(&look).await;
            }
            Err(reason) => self.complain(&reason),
        }
        self.save_sample().await;
    }

    /// Looks, or goes on waiting for the look that hangs: each would hold a thread for as long as the mount hangs.
    async fn look(&mut self) -> Result<Look, String> {
        let mut looking = self.looking.take().unwrap_or_else(|| {
            let source = Arc::clone(&self.source);
            tokio::spawn(source.look(self.served.name.clone(), self.challenger.is_on()))
        });
        match tokio::time::timeout(LOOK_LIMIT, &mut looking).await {
            Ok(looked) => looked.map_err(|error| chain(&error))?,
            Err(_) => {
                self.looking = Some(looking);
                let seconds = LOOK_LIMIT.as_secs();
                Err(format!("the registry has not answered for more than {seconds} s"))
            }
        }
    }

    /// Makes the champion the active version; an error says in words what is waited for.
    async fn follow_champion(&mut self, look: &Look) -> Result<(), String> {
        let candidate = look.champion.as_ref().map_err(Clone::clone)?;
        let active = self.served.active.load();
        if active.as_ref().is_some_and(|active| active.identity == candidate.identity) {
            self.loader.forget();
            return Ok(());
        }
        let loaded = self.loader.load(look, candidate).await?;
        self.activate(loaded);
        Ok(())
    }

    fn activate(&self, loaded: Loaded) {
        let Loaded { model: active, seconds } = loaded;
        let (name, version) = (&self.served.name, active.version());
        active.series.begin(&active.manifest);
        let before = self.served.active.swap(Some(Arc::clone(&active)));
        if let Some(before) = &before {
            before.series.set_active(false);
        }
        active.series.set_active(true);
        self.served.board.ready(name, version);
        tracing::info!(
            model.name = %name,
            model.version = version,
            model.version_before = before.map(|before| before.version()),
            duration_ms = seconds * 1e3,
            "model version loaded, verified and active"
        );
    }

    fn complain(&mut self, reason: &str) {
        if !self.complaint.is_new(reason) {
            return;
        }
        let name = &self.served.name;
        match &*self.served.active.load() {
            Some(active) => tracing::error!(
                reason,
                model.name = %name,
                model.version = active.version(),
                "the champion cannot be loaded; the version before goes on answering"
            ),
            None => {
                tracing::warn!(reason, model.name = %name, "not ready: no model version can be loaded yet");
            }
        }
        self.served.board.waits(name, reason);
    }

    fn settle(&mut self) {
        if let Some(over) = self.complaint.settle() {
            tracing::info!(model.name = %self.served.name, over, "the champion can be followed again");
        }
    }

    async fn save_sample(&mut self) {
        if self.served.sample.is_none() {
            return;
        }
        let served = Arc::clone(&self.served);
        let save = move || served.sample.as_ref().map_or(Ok(()), RequestSample::save);
        let saved = tokio::task::spawn_blocking(save).await;
        match saved.unwrap_or_else(|panicked| Err(chain(&panicked))) {
            Ok(()) => drop(self.sample_complaint.settle()),
            Err(reason) if self.sample_complaint.is_new(&reason) => tracing::error!("{reason}"),
            Err(_) => {}
        }
    }
}
