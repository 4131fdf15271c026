//! Follows the alias `champion`: loads what it names, beside serving, and swaps it in once it is proved.

use std::sync::Arc;
use std::time::{Duration, Instant};

use registry::{CHAMPION, ModelVersion, Registry, RegistryError};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::active_model::ActiveModel;
use crate::app::App;
use crate::metrics::LoadOutcome;

/// A refused version is tried again after this long at first, then each time twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// And never less often than this.
const LAST_RETRY: Duration = Duration::from_secs(300);

/// Looks at the registry every poll interval until it is cancelled.
pub(crate) struct RegistryWatcher {
    app: Arc<App>,
    /// The last complaint, so that it is logged once and not at every poll.
    complaint: String,
    refused: Option<Refused>,
}

/// A version that failed its checks: not to be tried again at every poll.
struct Refused {
    identity: String,
    reason: String,
    retry_at: Instant,
    wait: Duration,
}

/// A version that is to be loaded.
struct Candidate {
    registry: Registry,
    version: u64,
    identity: String,
}

impl RegistryWatcher {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app, complaint: String::new(), refused: None }
    }

    pub(crate) async fn run(mut self, interval: Duration, cancelled: CancellationToken) {
        loop {
            match self.poll().await {
                Ok(()) => self.complaint.clear(),
                Err(reason) => self.complain(reason),
            }
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = cancelled.cancelled() => return,
            }
        }
    }

    /// Makes the champion the active version; an error says in words what is waited for.
    async fn poll(&mut self) -> Result<(), String> {
        let candidate = self.champion().await?;
        if self.is_active(&candidate) {
            self.refused = None;
            return Ok(());
        }
        match &self.refused {
            Some(refused)
                if refused.identity == candidate.identity && Instant::now() < refused.retry_at =>
            {
                Err(refused.reason.clone())
            }
            _ => self.load(candidate).await,
        }
    }

    async fn champion(&self) -> Result<Candidate, String> {
        let source = &self.app.config.source;
        let (model, location) = (&source.model, source.registry.clone());
        // A mount that hangs must not hold up a thread that answers.
        let opened = tokio::task::spawn_blocking(move || Registry::open(&location)).await;
        let registry = opened.map_err(|error| chain(&error))?.map_err(|error| chain(&error))?;
        let version = registry.alias(model, CHAMPION).await.map_err(|error| chain(&error))?;
        let version = version
            .ok_or_else(|| format!("model `{model}` has no champion in {} yet", source.registry))?;
        let identity = registry.identity(model, version).await.map_err(|error| chain(&error))?;
        let identity = identity.ok_or_else(|| {
            format!("the champion of `{model}` is version {version}, which is not there")
        })?;
        Ok(Candidate { registry, version, identity })
    }

    /// A number alone does not say which version it is: a registry may have been made anew.
    fn is_active(&self, candidate: &Candidate) -> bool {
        let active = self.app.active_model.load();
        active.as_ref().is_some_and(|active| active.identity == candidate.identity)
    }

    async fn load(&mut self, candidate: Candidate) -> Result<(), String> {
        let Candidate { registry, version, identity } = candidate;
        let started = Instant::now();
        let model = self.app.config.source.model.clone();
        // Hashing and parsing must not hold up the threads that answer.
        let runtime = tokio::runtime::Handle::current();
        let load = move || runtime.block_on(registry.load(&model, version));
        match tokio::task::spawn_blocking(load).await {
            Ok(Ok(loaded)) => {
                self.activate(loaded, started.elapsed());
                Ok(())
            }
            Ok(Err(error)) => Err(self.refuse(identity, &error)),
            Err(panicked) => Err(format!("loading version {version} failed: {panicked}")),
        }
    }

    fn activate(&mut self, loaded: ModelVersion, took: Duration) {
        let app = &self.app;
        let unknown_features = app.config.requests.unknown_features.into();
        let active = Arc::new(ActiveModel::new(loaded, &app.series, unknown_features));
        let (model, version) = (&active.manifest.model, active.version());
        app.series.count_load(LoadOutcome::Loaded);
        app.series.record_load(took.as_secs_f64());
        active.series.set_active(true);
        let fields = json!({"model_loaded": true, "model": model, "version": version});
        let before = app.active_model.swap(Some(Arc::clone(&active)));
        if let Some(before) = &before {
            before.series.set_active(false);
        }
        app.readiness.ready(fields);
        self.refused = None;
        tracing::info!(
            model.name = %model,
            model.version = version,
            model.version_before = before.map(|before| before.version()),
            duration_ms = took.as_secs_f64() * 1e3,
            "model version loaded, verified and active"
        );
    }

    fn refuse(&mut self, identity: String, error: &RegistryError) -> String {
        let is_refused = matches!(error, RegistryError::Refused { .. });
        let outcome = if is_refused { LoadOutcome::Refused } else { LoadOutcome::Failed };
        self.app.series.count_load(outcome);
        let wait = match &self.refused {
            Some(refused) if refused.identity == identity => (refused.wait * 2).min(LAST_RETRY),
            _ => FIRST_RETRY,
        };
        let reason = chain(error);
        // What cannot be read may be back at the next poll; what is damaged will hardly mend itself.
        self.refused = is_refused.then(|| Refused {
            identity,
            reason: reason.clone(),
            retry_at: Instant::now() + wait,
            wait,
        });
        reason
    }

    fn complain(&mut self, reason: String) {
        if reason == self.complaint {
            return;
        }
        match &*self.app.active_model.load() {
            Some(active) => tracing::error!(
                reason,
                model.version = active.version(),
                "the champion cannot be loaded; the version before goes on answering"
            ),
            None => tracing::warn!(reason, "not ready: no model version can be loaded yet"),
        }
        if self.app.active_model.load().is_none() {
            let model = &self.app.config.source.model;
            self.app
                .readiness
                .not_ready_with(&reason, json!({"model_loaded": false, "model": model}));
        }
        self.complaint = reason;
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
