//! The state document: what `/api/state` answers and the dashboard shows, for one model and one window.

mod events;
mod fleet;
mod history;
mod quality;
mod versions;

use evaluation::drift::Drift;
use registry::ModelName;
use serde::Serialize;

use crate::clock::Millis;
use crate::config::{Config, Window};
use crate::problems::{Trouble, problems};
use crate::snapshot::Snapshot;
use crate::window::WindowSums;

use events::Event;
use fleet::Fleet;
use history::AliasMove;
use quality::LiveQuality;
use versions::Version;

/// Everything the dashboard shows.
#[derive(Debug, Serialize)]
pub(crate) struct State<'a> {
    generated_at: String,
    canopy_version: &'static str,
    started_at: String,
    scrape_interval_seconds: f64,
    model: Option<&'a ModelName>,
    models: &'a [ModelName],
    window: String,
    windows: Vec<String>,
    fleet: Fleet<'a>,
    traffic: Vec<TrafficPoint>,
    versions: Vec<Version<'a>>,
    drift: Option<WindowDrift<'a>>,
    quality: Option<LiveQuality>,
    aliases: Vec<AliasMove<'a>>,
    events: Vec<Event<'a>>,
    problems: Vec<Trouble>,
}

/// A point of the chart; figures are null where nothing was scraped.
#[derive(Debug, Serialize)]
struct TrafficPoint {
    time: String,
    requests_per_second: Option<f64>,
    rows_per_second: Option<f64>,
    error_ratio: Option<f64>,
    p50_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

/// The champion's drift.
#[derive(Debug, Serialize)]
struct WindowDrift<'a> {
    version: u64,
    window: String,
    #[serde(flatten)]
    drift: &'a Drift,
}

/// Which part of a snapshot is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Selection {
    /// None where no model is known yet.
    pub(crate) model: Option<ModelName>,
    pub(crate) window: Window,
}

impl<'a> State<'a> {
    /// Selects from a snapshot; the service runs since `started`.
    pub(crate) fn of(
        snapshot: &'a Snapshot,
        selection: &'a Selection,
        config: &Config,
        started: Millis,
    ) -> Self {
        let Selection { model, window } = selection;
        let model = model.as_ref();
        let sums = snapshot.windows.iter().find(|sums| sums.window == *window);
        let empty = WindowSums::new(*window, snapshot.at.minute());
        let traffic = sums.unwrap_or(&empty).traffic(model);
        Self {
            generated_at: snapshot.at.rfc3339(),
            canopy_version: env!("CARGO_PKG_VERSION"),
            started_at: started.rfc3339(),
            scrape_interval_seconds: config.fleet.scrape_interval.as_secs_f64(),
            model,
            models: &snapshot.models,
            window: window.to_string(),
            windows: config.drift.windows.iter().map(ToString::to_string).collect(),
            fleet: Fleet::of(snapshot, model),
            traffic: traffic.into_iter().map(TrafficPoint::from).collect(),
            versions: model.map_or_else(Vec::new, |model| versions::of(snapshot, model, *window)),
            drift: model.and_then(|model| WindowDrift::of(snapshot, model, *window)),
            quality: model.and_then(|model| {
                LiveQuality::of(snapshot, model, snapshot.champion(model)?, *window)
            }),
            aliases: model.map_or_else(Vec::new, |model| history::of(snapshot, model)),
            events: model.map_or_else(Vec::new, |model| {
                snapshot.recent(model).iter().map(Event::of).collect()
            }),
            problems: problems(snapshot),
        }
    }
}

impl<'a> WindowDrift<'a> {
    fn of(snapshot: &'a Snapshot, model: &ModelName, window: Window) -> Option<Self> {
        let version = snapshot.champion(model)?;
        let drift = snapshot.drift(model, version, window)?.as_ref().ok()?;
        Some(Self { version, window: window.to_string(), drift })
    }
}

impl From<crate::window::TrafficPoint> for TrafficPoint {
    fn from(point: crate::window::TrafficPoint) -> Self {
        let rates = point.rates.as_ref();
        Self {
            time: point.time.rfc3339(),
            requests_per_second: rates.map(|rates| rates.requests_per_second),
            rows_per_second: rates.map(|rates| rates.rows_per_second),
            error_ratio: rates.and_then(|rates| rates.error_ratio),
            p50_seconds: rates.and_then(|rates| rates.p50_seconds),
            p99_seconds: rates.and_then(|rates| rates.p99_seconds),
        }
    }
}
