//! The version that is tried beside the champion, and the place it has in a served model.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use registry::{Mode, ModelName, Standing};
use service_kit::metrics::Exporter;
use tokio::sync::Notify;

use crate::active_model::ActiveModel;
use crate::canary::Share;
use crate::challenger_series::{ChallengerSeries, Outcome, TrialSeries};
use crate::trial::Trial;
use crate::veto::{Veto, VetoLimits};

/// How a challenger is tried: what its alias says, else what the server's settings say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TrialSettings {
    pub(crate) mode: Mode,
    pub(crate) percent: f64,
}

impl TrialSettings {
    /// The share of requests that it answers, in percent.
    pub(crate) fn answered_percent(self) -> f64 {
        match self.mode {
            Mode::Shadow => 0.0,
            Mode::Canary => self.percent,
        }
    }
}

/// The terms of a trial.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Where the alias stands that asks for it.
    pub(crate) standing: Standing,
    pub(crate) settings: TrialSettings,
    /// What ends it.
    pub(crate) limits: VetoLimits,
}

/// A verified version on trial. Other settings, another entry of the ledger or another champion make it another one.
#[derive(Debug)]
pub(crate) struct Challenger {
    pub(crate) model: Arc<ActiveModel>,
    /// Where the alias stood that put it here.
    pub(crate) standing: Standing,
    pub(crate) settings: TrialSettings,
    /// What the champion is that it is compared with.
    pub(crate) champion: String,
    pub(crate) trial: Trial,
    pub(crate) series: ChallengerSeries,
    /// The standard deviation of the champion's training target: what predictions are compared by.
    pub(crate) scale: f64,
    share: Share,
}

impl Challenger {
    pub(crate) fn new(
        model: Arc<ActiveModel>,
        champion: &ActiveModel,
        terms: Terms,
        exporter: &Exporter,
    ) -> Self {
        let Terms { standing, settings, limits } = terms;
        Self {
            series: ChallengerSeries::new(exporter, &model.manifest),
            standing,
            settings,
            champion: champion.identity.clone(),
            trial: Trial::new(limits),
            scale: champion.manifest.baseline.target.scale(),
            share: Share::of_percent(settings.answered_percent()),
            model,
        }
    }

    /// Whether it answers the requests of this caller.
    pub(crate) fn answers(&self, sticky_id: &[u8]) -> bool {
        self.share.holds(self.model.manifest.model.as_str(), sticky_id)
    }
}

/// Why the version that the alias names is not on trial.
#[derive(Debug, Clone)]
pub(crate) enum Stopped {
    /// It crossed a limit.
    Vetoed(Vetoed),
    /// It failed a check.
    Refused { version: u64, reason: String },
}

/// A trial that was ended, until the alias stands elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Vetoed {
    pub(crate) version: u64,
    pub(crate) identity: String,
    pub(crate) standing: Standing,
    pub(crate) veto: Veto,
}

/// The place of a challenger.
#[derive(Debug)]
pub(crate) struct ChallengerSlot {
    model: ModelName,
    running: ArcSwapOption<Challenger>,
    stopped: Mutex<Option<Stopped>>,
    pub(crate) series: TrialSeries,
    /// Told of each veto, so that the alias moves before the next poll.
    pub(crate) vetoed: Notify,
}

impl ChallengerSlot {
    pub(crate) fn new(exporter: &Exporter, model: &ModelName) -> Self {
        Self {
            model: model.clone(),
            running: ArcSwapOption::empty(),
            stopped: Mutex::default(),
            series: TrialSeries::new(exporter, model),
            vetoed: Notify::new(),
        }
    }

    /// The one on trial.
    pub(crate) fn running(&self) -> Option<Arc<Challenger>> {
        self.running.load_full()
    }

    /// Whether it is this one that is on trial.
    pub(crate) fn is_running(&self, challenger: &Arc<Challenger>) -> bool {
        self.running.load().as_ref().is_some_and(|running| Arc::ptr_eq(running, challenger))
    }

    pub(crate) fn start(&self, challenger: Challenger) {
        // All of it before the swap: from then on a veto may come at any moment.
        if let Some(before) = self.running() {
            before.series.set_mode(None);
        }
        challenger.series.set_mode(Some(challenger.settings.mode));
        self.series.set_percent(challenger.settings.answered_percent());
        self.set_stopped(None);
        self.running.store(Some(Arc::new(challenger)));
    }

    /// Ends a trial without a judgement; returns the version that was on trial.
    pub(crate) fn stop(&self) -> Option<u64> {
        let before = self.running.swap(None)?;
        before.series.set_mode(None);
        self.series.set_percent(0.0);
        Some(before.model.version())
    }

    /// Ends this trial at once, unless it has ended; no later request is answered by it.
    pub(crate) fn veto(&self, challenger: &Arc<Challenger>, veto: Veto) {
        if !self.end_by(challenger, &veto) {
            return;
        }
        challenger.series.set_mode(None);
        challenger.series.count_veto(veto.reason);
        self.series.set_percent(0.0);
        tracing::error!(
            model.name = %self.model,
            model.version = challenger.model.version(),
            reason = veto.reason.as_str(),
            figure = veto.figure,
            limit = veto.limit,
            n_requests = veto.n_requests,
            "the challenger is vetoed and answers nothing more: {veto}"
        );
        self.vetoed.notify_one();
    }

    /// Whether this trial was running and is vetoed now. Whoever sees that it runs no more sees why as well: it
    /// would be started anew otherwise.
    fn end_by(&self, challenger: &Arc<Challenger>, veto: &Veto) -> bool {
        if !self.is_running(challenger) {
            return false;
        }
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.running.compare_and_swap(challenger, None);
        let is_ended = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, challenger));
        if is_ended {
            *stopped = Some(Stopped::Vetoed(Vetoed {
                version: challenger.model.version(),
                identity: challenger.model.identity.clone(),
                standing: challenger.standing.clone(),
                veto: veto.clone(),
            }));
        }
        is_ended
    }

    /// Notes a canary request that the champion had to answer.
    pub(crate) fn note_failure(&self, challenger: &Arc<Challenger>, outcome: Outcome) {
        challenger.series.count(outcome);
        let (error_ratio, veto) = challenger.trial.note_failure();
        challenger.series.show_error_ratio(error_ratio);
        if let Some(veto) = veto {
            self.veto(challenger, veto);
        }
    }

    pub(crate) fn stopped(&self) -> Option<Stopped> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_stopped(&self, stopped: Option<Stopped>) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = stopped;
    }
}
