//! Everything that is known at one moment: what the dashboard, the state document and the time series are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evaluation::drift::Drift;
use registry::{CHAMPION, ModelName};
use service_kit::complaint::chain;

use crate::clock::{Millis, Minute};
use crate::config::{Config, Window};
use crate::drift;
use crate::fleet::{Answered, FleetView, Rates, State};
use crate::quality::{self, Pairs, WindowPairs};
use crate::registry_view::{ModelView, RegistryView, Wanted};
use crate::store::{RecentEvent, Scan, Store, StoreError, TrafficMinute, Units, VersionMinute};
use crate::volume::Volume;
use crate::window::WindowSums;

/// The fleet, the registry, and the sums of every window.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// How many there were before.
    pub(crate) generation: u64,
    pub(crate) at: Millis,
    /// Those that are watched, the one that is shown first in front.
    pub(crate) models: Vec<ModelName>,
    pub(crate) fleet: Arc<FleetView>,
    pub(crate) registry: Arc<RegistryView>,
    /// In the order of the settings.
    pub(crate) windows: Vec<WindowSums>,
    drift: BTreeMap<Key, Result<Drift, String>>,
    pairs: Vec<WindowPairs>,
    recent: BTreeMap<ModelName, Vec<RecentEvent>>,
    /// Why the database could not be read.
    pub(crate) not_read: Option<String>,
    pub(crate) store_bytes: u64,
    pub(crate) store_volume: Option<Volume>,
}

/// Events that are shown.
const MAX_EVENTS: usize = 50;

/// A version in a window.
type Key = (ModelName, u64, Window);

/// What a snapshot is made from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    pub(crate) fleet: Arc<FleetView>,
    pub(crate) registry: Arc<RegistryView>,
}

impl Snapshot {
    /// Before anything was looked at.
    pub(crate) fn empty(at: Millis) -> Self {
        Self {
            generation: 0,
            at,
            models: Vec::new(),
            fleet: Arc::default(),
            registry: Arc::default(),
            windows: Vec::new(),
            drift: BTreeMap::new(),
            pairs: Vec::new(),
            recent: BTreeMap::new(),
            not_read: None,
            store_bytes: 0,
            store_volume: None,
        }
    }

    /// Sums up every window as of `at`.
    ///
    /// # Errors
    ///
    /// Where the database cannot be read.
    pub(crate) async fn take(
        store: &Store,
        config: &Config,
        sources: Sources,
        at: Millis,
        generation: u64,
    ) -> Result<Self, StoreError> {
        // A disk that is full can still be read.
        let not_paired = store.pair(units(&sources.registry)).await.err();
        let pairs = store.scan_pairs(&config.drift.windows, at).await?;
        let Windows(windows) = store.scan_windows(&config.drift.windows, at).await?;
        let (store_bytes, store_volume) = store.size().await?;
        let mut snapshot = Self {
            generation,
            models: models(config, &sources.fleet, &windows),
            fleet: sources.fleet,
            registry: sources.registry,
            windows,
            pairs,
            not_read: not_paired.map(|error| chain(&error)),
            store_bytes,
            store_volume,
            ..Self::empty(at)
        };
        snapshot.drift = snapshot.measured(config.drift.drift_alpha);
        for model in &snapshot.models {
            let recent = store.recent_events(model.clone(), MAX_EVENTS).await?;
            snapshot.recent.insert(model.clone(), recent);
        }
        Ok(snapshot)
    }

    /// What is known without the database.
    pub(crate) async fn unread(
        store: &Store,
        config: &Config,
        sources: Sources,
        at: Millis,
        generation: u64,
        error: &StoreError,
    ) -> Self {
        let now = at.minute();
        let empty = |&window| WindowSums::new(window, now);
        let (store_bytes, store_volume) = store.size().await.unwrap_or_default();
        Self {
            generation,
            models: models(config, &sources.fleet, &[]),
            fleet: sources.fleet,
            registry: sources.registry,
            windows: config.drift.windows.iter().map(empty).collect(),
            not_read: Some(chain(error)),
            store_bytes,
            store_volume,
            ..Self::empty(at)
        }
    }

    /// The drift of every version in every window it answered in, where its baseline is known.
    fn measured(&self, alpha: f64) -> BTreeMap<Key, Result<Drift, String>> {
        let mut measured = BTreeMap::new();
        for sums in &self.windows {
            for model in &self.models {
                for version in self.versions(model) {
                    let answered = sums.version(model, version);
                    let Some(manifest) =
                        self.model(model).and_then(|model| model.manifest(version))
                    else {
                        continue;
                    };
                    let drift = drift::measure(&manifest.baseline, answered, alpha);
                    measured.insert((model.clone(), version, sums.window), drift);
                }
            }
        }
        measured
    }

    /// What the registry says of a model.
    pub(crate) fn model(&self, model: &ModelName) -> Option<&ModelView> {
        self.registry.models.get(model)
    }

    /// The drift of a version in a window; an error says why it cannot be measured.
    pub(crate) fn drift(
        &self,
        model: &ModelName,
        version: u64,
        window: Window,
    ) -> Option<&Result<Drift, String>> {
        self.drift.get(&(model.clone(), version, window))
    }

    /// The sampled predictions of a version in a window.
    pub(crate) fn pairs(&self, model: &ModelName, version: u64, window: Window) -> Option<&Pairs> {
        self.pairs.iter().find(|pairs| pairs.window == window)?.version(model, version)
    }

    /// The latest of a model's sampled predictions.
    pub(crate) fn recent(&self, model: &ModelName) -> &[RecentEvent] {
        self.recent.get(model).map_or(&[], Vec::as_slice)
    }

    /// The versions that have an alias, answered in a window, or are served, ascending.
    pub(crate) fn versions(&self, model: &ModelName) -> BTreeSet<u64> {
        let aliased = self.model(model).into_iter().flat_map(|model| model.aliases.values());
        let answered = self.windows.iter().flat_map(|sums| sums.versions.keys());
        let answered = answered.filter(|(name, _)| name == model).map(|(_, version)| version);
        let champions = self.fleet.replicas.iter().filter_map(|r| r.champions.get(model));
        aliased.chain(answered).chain(champions).copied().collect()
    }

    /// The version under the alias `champion`; where the registry does not say, the one that most replicas serve.
    pub(crate) fn champion(&self, model: &ModelName) -> Option<u64> {
        let alias = self.model(model).and_then(|model| model.aliases.get(CHAMPION)).copied();
        alias.or_else(|| {
            let mut served = BTreeMap::<u64, usize>::new();
            for replica in &self.fleet.replicas {
                if let Some(version) = replica.champions.get(model) {
                    *served.entry(*version).or_default() += 1;
                }
            }
            served.into_iter().max_by_key(|&(version, n)| (n, version)).map(|(version, _)| version)
        })
    }

    /// Whether replicas that are ready serve different champions.
    pub(crate) fn has_version_skew(&self, model: &ModelName) -> bool {
        let ready = self.fleet.replicas.iter().filter(|replica| replica.state == State::Ready);
        let served: BTreeSet<_> = ready.filter_map(|r| r.champions.get(model)).collect();
        served.len() > 1
    }

    /// Rows a second over the last minute; none where no replica is heard.
    pub(crate) fn rows_per_second(&self, model: &ModelName, version: u64) -> Option<f64> {
        let key = (model.clone(), version);
        let rates = self.fleet.replicas.iter().filter_map(|replica| replica.rates.as_ref());
        let rows =
            |rates: &Rates| rates.rows.get(&key).copied().unwrap_or(0) as f64 / rates.seconds;
        rates.map(rows).reduce(|sum, rate| sum + rate)
    }

    /// The versions whose drift cannot be measured, and why.
    pub(crate) fn not_measured(&self) -> BTreeSet<(&ModelName, u64, &str)> {
        let reasons =
            self.drift.iter().filter_map(|(key, drift)| Some((key, drift.as_ref().err()?)));
        reasons.map(|((model, version, _), reason)| (model, *version, reason.as_str())).collect()
    }

    /// The versions that answered rows which nobody counted into bins.
    pub(crate) fn not_counted(&self) -> BTreeSet<(&ModelName, u64)> {
        let versions = self.windows.iter().flat_map(|sums| &sums.versions);
        let is_uncounted = |answered: &Answered| answered.n_rows > 0 && answered.counts.is_empty();
        let versions = versions.filter(|(_, answered)| is_uncounted(answered));
        versions.map(|((model, version), _)| (model, *version)).collect()
    }

    /// What the registry is to be asked for.
    pub(crate) fn wanted(&self) -> Wanted {
        self.models.iter().map(|model| (model.clone(), self.versions(model))).collect()
    }
}

/// Those of the settings; where there are none, all that replicas serve or have answered for.
fn models(config: &Config, fleet: &FleetView, windows: &[WindowSums]) -> Vec<ModelName> {
    if !config.source.model.is_empty() {
        return config.source.model.clone();
    }
    let served = fleet.replicas.iter().flat_map(|replica| replica.champions.keys());
    let answered = windows.iter().flat_map(|sums| sums.versions.keys()).map(|(model, _)| model);
    let models: BTreeSet<&ModelName> = served.chain(answered).collect();
    models.into_iter().cloned().collect()
}

/// What the pairs of each version are summed in, as far as its manifest is known.
fn units(registry: &RegistryView) -> Units {
    let models = registry.models.iter();
    let manifests = models.flat_map(|(name, model)| {
        let known = model
            .versions
            .iter()
            .filter_map(|(version, read)| Some((*version, read.as_ref().ok()?)));
        known.map(move |(version, manifest)| ((name.clone(), version), quality::unit(manifest)))
    });
    manifests.collect()
}

/// All windows, from one reading of the minutes.
#[derive(Debug)]
struct Windows(Vec<WindowSums>);

impl Scan for Windows {
    fn add_round(&mut self, minute: Minute, seconds: f64) {
        self.0.iter_mut().for_each(|sums| sums.add_round(minute, seconds));
    }

    fn add_traffic(&mut self, minute: &TrafficMinute) {
        self.0.iter_mut().for_each(|sums| sums.add_traffic(minute));
    }

    fn add_version(&mut self, minute: &VersionMinute) {
        self.0.iter_mut().for_each(|sums| sums.add_version(minute));
    }
}

impl Store {
    async fn scan_pairs(
        &self,
        windows: &[Window],
        at: Millis,
    ) -> Result<Vec<WindowPairs>, StoreError> {
        let now = at.minute();
        let mut sums: Vec<_> =
            windows.iter().map(|&window| WindowPairs::new(window, now)).collect();
        let first = sums.iter().map(WindowPairs::first).min().unwrap_or(now);
        for minute in self.pair_minutes(first).await? {
            sums.iter_mut().for_each(|pairs| pairs.add(&minute));
        }
        Ok(sums)
    }

    async fn scan_windows(&self, windows: &[Window], at: Millis) -> Result<Windows, StoreError> {
        let now = at.minute();
        let sums: Vec<_> = windows.iter().map(|&window| WindowSums::new(window, now)).collect();
        let first = sums.iter().map(WindowSums::first).min().unwrap_or(now);
        self.scan(first, Windows(sums)).await
    }
}
