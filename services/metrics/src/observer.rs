//! Keeps the snapshot: rounds and looks at the registry go on side by side, and each that shows something new
//! makes another one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock;
use crate::fleet::{FleetView, Scraper};
use crate::metrics::ScrapeSeries;
use crate::registry_view::{RegistryReader, RegistryView, Wanted};
use crate::snapshot::{Snapshot, Sources};
use crate::store::Cutoffs;

/// How often what is past its time is removed.
const FORGET_INTERVAL: Duration = Duration::from_secs(3600);

/// Starts everything that goes on without being asked.
pub(crate) fn start(app: &Arc<App>, stop: &CancellationToken) {
    let (fleet, fleets) = watch::channel(Arc::<FleetView>::default());
    let (registry, registries) = watch::channel(Arc::<RegistryView>::default());
    let go_on = |task| tokio::spawn(stop.clone().run_until_cancelled_owned(task));
    go_on(Box::pin(follow_fleet(Arc::clone(app), fleet)) as Task);
    go_on(Box::pin(follow_registry(Arc::clone(app), registry)));
    go_on(Box::pin(publish(Arc::clone(app), fleets, registries)));
    go_on(Box::pin(forget(Arc::clone(app))));
}

type Task = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn follow_fleet(app: Arc<App>, fleet: watch::Sender<Arc<FleetView>>) {
    let settings = app.config.fleet.clone();
    let mut ticks = interval(settings.scrape_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut scraper = Scraper::new(settings, app.store.clone(), ScrapeSeries::new(&app.exporter));
    loop {
        ticks.tick().await;
        fleet.send_replace(scraper.round().await);
    }
}

async fn follow_registry(app: Arc<App>, registry: watch::Sender<Arc<RegistryView>>) {
    let mut snapshots = app.snapshots.subscribe();
    let mut reader = RegistryReader::new(app.config.source.registry.clone());
    let mut ticks = interval(app.config.fleet.scrape_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut wanted = Wanted::new();
    loop {
        // A version that a replica answers with is looked up at once, others at the next look.
        let wants_more = snapshots.wait_for(|snapshot| snapshot.wanted() != wanted);
        tokio::select! {
            _ = ticks.tick() => {}
            _ = wants_more => {}
        }
        wanted = snapshots.borrow_and_update().wanted();
        let view = reader.look(wanted.clone()).await;
        registry.send_if_modified(|before| {
            let is_new = view.differs_from(before);
            *before = view;
            is_new
        });
    }
}

async fn publish(
    app: Arc<App>,
    mut fleets: watch::Receiver<Arc<FleetView>>,
    mut registries: watch::Receiver<Arc<RegistryView>>,
) {
    let mut had_round = false;
    loop {
        let changed = tokio::select! {
            changed = fleets.changed() => {
                had_round = true;
                changed
            }
            changed = registries.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let sources = Sources {
            fleet: Arc::clone(&fleets.borrow_and_update()),
            registry: Arc::clone(&registries.borrow_and_update()),
        };
        let before = app.snapshots.borrow().clone();
        let generation = before.generation + 1;
        let now = clock::now();
        let taken = Snapshot::take(&app.store, &app.config, sources.clone(), now, generation).await;
        let snapshot = match taken {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::error!(%error, "the minutes cannot be read");
                Snapshot::unread(&app.store, &app.config, sources, now, generation, &error).await
            }
        };
        app.snapshots.send_replace(Arc::new(snapshot));
        if had_round && !app.readiness.is_ready() {
            app.readiness.ready(json!({}));
        }
    }
}

async fn forget(app: Arc<App>) {
    let settings = &app.config.store;
    let mut ticks = interval(FORGET_INTERVAL);
    loop {
        ticks.tick().await;
        let now = clock::now();
        let cutoffs = Cutoffs {
            minutes: now.minus(settings.retention),
            events: now.minus(settings.event_retention),
        };
        match app.store.forget(cutoffs).await {
            Ok(0) => {}
            Ok(n_rows) => tracing::info!(n_rows, "rows past their time are removed"),
            Err(error) => tracing::error!(%error, "rows past their time cannot be removed"),
        }
    }
}
