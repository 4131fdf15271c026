//! A model that is served: its champion, its challenger, and what goes with both.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use registry::ModelName;
use serde_json::{Value, json};

use crate::active_model::ActiveModel;
use crate::challenger::{ChallengerSlot, Stopped};
use crate::config::Config;
use crate::error::PredictError;
use crate::metrics::Series;
use crate::ready_board::ReadyBoard;
use crate::recording::Recording;
use crate::request_sample::RequestSample;

/// No model's name is longer; more of a wrong one would only fill the answer.
const SHOWN_CHARS: usize = 64;

/// One of the models that a server answers for. Each loads, fails and swaps by itself.
#[derive(Debug)]
pub(crate) struct ServedModel {
    pub(crate) name: ModelName,
    /// The version that answers; none before the first is verified.
    pub(crate) active: ArcSwapOption<ActiveModel>,
    pub(crate) challenger: ChallengerSlot,
    pub(crate) series: Series,
    /// What is kept of its requests, where that was asked for.
    pub(crate) sample: Option<RequestSample>,
    /// Where it says what it waits for.
    pub(crate) board: Arc<ReadyBoard>,
}

impl ServedModel {
    pub(crate) fn new(
        name: &ModelName,
        config: &Config,
        recording: &Recording,
        board: &Arc<ReadyBoard>,
    ) -> Self {
        let folder = config.source.request_sample.as_deref();
        Self {
            name: name.clone(),
            active: ArcSwapOption::empty(),
            challenger: ChallengerSlot::new(&recording.exporter, name),
            series: Series::new(recording, name),
            sample: folder.map(|folder| RequestSample::new(folder, name)),
            board: Arc::clone(board),
        }
    }

    /// The version that answers.
    pub(crate) fn champion(&self) -> Result<Arc<ActiveModel>, PredictError> {
        self.active.load_full().ok_or(PredictError::NoModel)
    }

    /// What `GET /models` says of it.
    pub(crate) fn state(&self) -> Value {
        let champion = self.active.load().as_ref().map(|champion| champion.version());
        json!({
            "model": self.name,
            "champion": champion.map(|version| json!({"version": version})),
            "challenger": self.challenger_state(),
            "waits_for": self.board.waits_for(&self.name),
        })
    }

    fn challenger_state(&self) -> Value {
        if let Some(challenger) = self.challenger.running() {
            let settings = challenger.settings;
            let figures = challenger.trial.figures();
            return json!({
                "version": challenger.model.version(),
                "state": settings.mode,
                "mode": settings.mode,
                "percent": settings.answered_percent(),
                "n_compared": figures.n_requests,
                "error_ratio": figures.error_ratio,
                "divergence": figures.divergence.map(|divergence| json!({
                    "mean": divergence.mean,
                    "p50": divergence.p50,
                    "p90": divergence.p90,
                    "p99": divergence.p99,
                })),
                "median_seconds": figures.median_seconds.map(|(champion, challenger)| json!({
                    "champion": champion,
                    "challenger": challenger,
                })),
            });
        }
        match self.challenger.stopped() {
            None => Value::Null,
            Some(Stopped::Vetoed(vetoed)) => json!({
                "version": vetoed.version,
                "state": "vetoed",
                "reason": vetoed.veto.to_string(),
            }),
            Some(Stopped::Refused { version, reason }) => json!({
                "version": version,
                "state": "refused",
                "reason": reason,
            }),
        }
    }
}

/// The models of a server, the default first.
#[derive(Debug)]
pub(crate) struct Models(Vec<Arc<ServedModel>>);

impl Models {
    /// Takes the models in the order of the command line.
    ///
    /// # Panics
    ///
    /// Without a model: the command line asks for at least one.
    pub(crate) fn new(models: Vec<Arc<ServedModel>>) -> Self {
        assert!(!models.is_empty(), "the command line names at least one model");
        Self(models)
    }

    /// The one that `/predict` asks.
    pub(crate) fn default_model(&self) -> &Arc<ServedModel> {
        &self.0[0]
    }

    /// The one of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&Arc<ServedModel>, PredictError> {
        self.0.iter().find(|served| served.name.as_str() == name).ok_or_else(|| {
            let known = self.0.iter().map(|served| served.name.clone()).collect();
            PredictError::UnknownModel { name: name.chars().take(SHOWN_CHARS).collect(), known }
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<ServedModel>> {
        self.0.iter()
    }
}
