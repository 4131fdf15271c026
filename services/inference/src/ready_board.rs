//! What each model waits for, and the one answer of `/ready` that follows from it.

use std::sync::{Mutex, PoisonError};

use registry::ModelName;
use serde_json::{Map, Value, json};
use service_kit::health::Readiness;

/// Where the models say how they are; `/ready` answers 200 once each has a verified version.
#[derive(Debug)]
pub(crate) struct ReadyBoard {
    readiness: Readiness,
    /// The default model first.
    models: Mutex<Vec<(ModelName, State)>>,
}

#[derive(Debug, Clone)]
enum State {
    WaitsFor(String),
    /// For good: whatever fails later, this version goes on answering.
    Ready(u64),
}

impl ReadyBoard {
    pub(crate) fn new(readiness: Readiness, models: &[ModelName]) -> Self {
        let starting = |name: &ModelName| (name.clone(), State::WaitsFor("starting".to_owned()));
        Self { readiness, models: Mutex::new(models.iter().map(starting).collect()) }
    }

    /// A version of this model answers.
    pub(crate) fn ready(&self, model: &ModelName, version: u64) {
        self.set(model, State::Ready(version));
    }

    /// A model without a version says why; one that has a version is not held up.
    pub(crate) fn waits(&self, model: &ModelName, reason: &str) {
        self.set(model, State::WaitsFor(reason.to_owned()));
    }

    /// What a model waits for; none once it has a version.
    pub(crate) fn waits_for(&self, model: &ModelName) -> Option<String> {
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        models.iter().find_map(|(name, state)| match state {
            State::WaitsFor(reason) if name == model => Some(reason.clone()),
            State::WaitsFor(_) | State::Ready(_) => None,
        })
    }

    fn set(&self, model: &ModelName, state: State) {
        // Held to the end, so that two models cannot answer in the wrong order.
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, now)) = models.iter_mut().find(|(name, _)| name == model) else { return };
        if matches!((&now, &state), (State::Ready(_), State::WaitsFor(_))) {
            return;
        }
        *now = state;
        let fields = fields(&models);
        match reason(&models) {
            None => self.readiness.ready(fields),
            Some(reason) => self.readiness.not_ready_with(&reason, fields),
        }
    }
}

/// Those of the default model, then, where there are several, each by its name.
fn fields(models: &[(ModelName, State)]) -> Value {
    let mut fields = Map::new();
    if let [(name, state), ..] = models {
        fields.insert("model_loaded".into(), matches!(state, State::Ready(_)).into());
        fields.insert("model".into(), json!(name));
        if let State::Ready(version) = state {
            fields.insert("version".into(), json!(version));
        }
    }
    if models.len() > 1 {
        let each = models.iter().map(|(name, state)| {
            let state = match state {
                State::WaitsFor(reason) => json!({"status": "not_ready", "reason": reason}),
                State::Ready(version) => json!({"status": "ready", "version": version}),
            };
            (name.to_string(), state)
        });
        fields.insert("models".into(), each.collect::<Map<_, _>>().into());
    }
    fields.into()
}

/// What is waited for; none where each model has a version.
fn reason(models: &[(ModelName, State)]) -> Option<String> {
    let waiting = models.iter().filter_map(|(name, state)| match state {
        State::WaitsFor(reason) if models.len() == 1 => Some(reason.clone()),
        State::WaitsFor(reason) => Some(format!("`{name}` waits: {reason}")),
        State::Ready(_) => None,
    });
    let waiting: Vec<_> = waiting.collect();
    (!waiting.is_empty()).then(|| waiting.join("; "))
}
