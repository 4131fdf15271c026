//! Rounds: every replica is asked at once, and what those that answer have counted is stored in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use service_kit::complaint::{Complaint, chain};

use super::client::{self, Answer, Place, Trouble};
use super::discovery::{Discovered, Discovery};
use super::reading::{self, Reading};
use super::replica::{Replica, ReplicaView};
use crate::clock::{self, Millis};
use crate::config::FleetArgs;
use crate::metrics::ScrapeSeries;
use crate::store::{Round, Store, StoreError, Taken};

/// Replicas asked at once.
const AT_ONCE: usize = 64;

/// The fleet as the last round found it.
#[derive(Debug, Default)]
pub(crate) struct FleetView {
    /// By URL.
    pub(crate) replicas: Vec<ReplicaView>,
    /// Targets that could not be looked up, and why.
    pub(crate) not_found: Vec<(String, String)>,
    /// Why the round could not be stored; what it saw is counted by the next one.
    pub(crate) not_stored: Option<String>,
}

/// Asks the replicas, round by round.
pub(crate) struct Scraper {
    settings: FleetArgs,
    store: Store,
    series: ScrapeSeries,
    discovery: Discovery,
    replicas: BTreeMap<String, Replica>,
    /// The last round that was stored.
    last_round: Option<Millis>,
    complaint: Complaint,
}

impl Scraper {
    pub(crate) fn new(settings: FleetArgs, store: Store, series: ScrapeSeries) -> Self {
        Self {
            settings,
            store,
            series,
            discovery: Discovery::default(),
            replicas: BTreeMap::new(),
            last_round: None,
            complaint: Complaint::default(),
        }
    }

    /// Asks everybody once.
    pub(crate) async fn round(&mut self) -> Arc<FleetView> {
        let timeout = self.settings.scrape_timeout;
        let discovered = self.discovery.look(&self.settings.targets, timeout).await;
        let stored = self.round_of(&discovered).await;
        let now = clock::now();
        let replicas = self.replicas.values_mut().map(|replica| {
            replica.sum_up(now);
            replica.view()
        });
        let view = FleetView {
            replicas: replicas.collect(),
            not_found: discovered.failed,
            not_stored: stored.err().map(|error| chain(&error)),
        };
        self.complain(view.not_stored.as_deref());
        Arc::new(view)
    }

    async fn round_of(&mut self, discovered: &Discovered) -> Result<(), StoreError> {
        let met = self.meet(&discovered.places).await;
        let taken = self.ask(&discovered.places).await;
        // What the store knows is what is counted from. Everybody is heard all the same, and the next round counts it.
        met?;
        self.store(taken).await
    }

    /// Takes in replicas that are new in the list, and forgets those that are gone from it.
    async fn meet(&mut self, places: &BTreeMap<String, Place>) -> Result<(), StoreError> {
        self.replicas.retain(|url, _| places.contains_key(url));
        for url in places.keys() {
            self.replicas.entry(url.clone()).or_insert_with(|| Replica::new(url));
        }
        for (url, replica) in &mut self.replicas {
            if !replica.is_remembered() {
                replica.remember(self.store.last_seen(url.clone()).await?);
            }
        }
        if self.last_round.is_none() {
            self.last_round = self.store.last_round().await?;
        }
        Ok(())
    }

    /// Asks everybody; gives what that adds to what is stored.
    async fn ask(&mut self, places: &BTreeMap<String, Place>) -> Vec<Taken> {
        let timeout = self.settings.scrape_timeout;
        let places = places.values().cloned();
        let mut answers =
            stream::iter(places).map(|place| ask(place, timeout)).buffer_unordered(AT_ONCE);
        let mut all_taken = Vec::new();
        while let Some(Asked { url, answer, seen, took }) = answers.next().await {
            let Some(replica) = self.replicas.get_mut(&url) else { continue };
            let heard =
                answer.and_then(|(reading, not_ready)| replica.hear(reading, not_ready, seen));
            self.series.record(heard.as_ref().err(), took);
            match heard {
                Ok(taken) => all_taken.extend(taken),
                Err(trouble) => replica.miss(&trouble),
            }
        }
        all_taken
    }

    /// Stores a round; only then is what it took what the next one is counted from.
    async fn store(&mut self, taken: Vec<Taken>) -> Result<(), StoreError> {
        let Some(seen) = taken.iter().map(|taken| taken.seen).max() else { return Ok(()) };
        let seconds = match self.last_round {
            Some(last) => seen.seconds_since(last),
            None => self.settings.scrape_interval.as_secs_f64(),
        };
        let round = Round { minute: seen.minute(), seconds, taken: taken.clone() };
        self.store.add_round(round).await?;
        self.last_round = Some(seen);
        for taken in taken {
            if let Some(replica) = self.replicas.get_mut(&taken.url) {
                replica.accept(taken);
            }
        }
        Ok(())
    }

    fn complain(&mut self, reason: Option<&str>) {
        match reason {
            Some(reason) if self.complaint.is_new(reason) => {
                tracing::error!(reason, "a round could not be stored; the next one counts it");
            }
            Some(_) => {}
            None => {
                if let Some(over) = self.complaint.settle() {
                    tracing::info!(over, "rounds are stored again");
                }
            }
        }
    }
}

/// What came of asking one replica.
struct Asked {
    url: String,
    /// What it says, and why it is not ready where it is not.
    answer: Result<(Reading, Option<String>), Trouble>,
    seen: Millis,
    took: Duration,
}

async fn ask(place: Place, timeout: Duration) -> Asked {
    let started = Instant::now();
    let answer = match place.addresses[..] {
        [] => Err(Trouble::Unreachable("its name has no address".to_owned())),
        _ => client::ask(&place, timeout).await.and_then(read),
    };
    Asked { url: place.url, answer, seen: clock::now(), took: started.elapsed() }
}

fn read(answer: Answer) -> Result<(Reading, Option<String>), Trouble> {
    let reading = reading::read(&answer.metrics);
    let reading = reading.map_err(|bad| Trouble::Invalid(format!("/metrics, {bad}")))?;
    Ok((reading, answer.not_ready))
}
