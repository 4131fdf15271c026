//! Who the replicas are now: each server of the settings, and each address of a name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;

use super::client::Place;
use crate::config::Target;

/// More addresses of one name are a mistake.
const MAX_ADDRESSES: usize = 1000;

/// Looks up names, and remembers what each had when it could last be looked up.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    last: BTreeMap<String, Vec<Place>>,
}

/// The replicas of now.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    /// By URL, each once.
    pub(crate) places: BTreeMap<String, Place>,
    /// The targets that could not be looked up, and why.
    pub(crate) failed: Vec<(String, String)>,
}

impl Discovery {
    /// Looks up every target. One that fails keeps the replicas it had, so that each is known to be away.
    pub(crate) async fn look(&mut self, targets: &[Target], timeout: Duration) -> Discovered {
        let found = join_all(targets.iter().map(|target| find(target, timeout))).await;
        let mut discovered = Discovered::default();
        for (target, found) in targets.iter().zip(found) {
            let name = target.to_string();
            let places = match found {
                Ok(places) => {
                    self.last.insert(name, places.clone());
                    places
                }
                Err(reason) => {
                    let last = self.last.get(&name).cloned();
                    discovered.failed.push((name.clone(), reason));
                    last.unwrap_or_else(|| unknown(target))
                }
            };
            discovered.places.extend(places.into_iter().map(|place| (place.url.clone(), place)));
        }
        discovered
    }
}

async fn find(target: &Target, timeout: Duration) -> Result<Vec<Place>, String> {
    let looked =
        tokio::time::timeout(timeout, tokio::net::lookup_host(target.host_and_port())).await;
    let looked = looked.map_err(|_| format!("no address within {} ms", timeout.as_millis()))?;
    let addresses = looked.map_err(|error| error.to_string())?;
    // Each once, in an order that does not depend on the name server's.
    let mut addresses: BTreeSet<SocketAddr> = addresses.take(MAX_ADDRESSES).collect();
    // With both families each pod has two addresses, and would be counted twice.
    if matches!(target, Target::Name(_)) && addresses.iter().any(SocketAddr::is_ipv4) {
        addresses.retain(SocketAddr::is_ipv4);
    }
    if addresses.is_empty() {
        return Err("the name has no address".to_owned());
    }
    Ok(match target {
        Target::Server(_) => {
            vec![Place { url: target.to_string(), addresses: addresses.into_iter().collect() }]
        }
        Target::Name(_) => {
            let place =
                |address| Place { url: format!("http://{address}"), addresses: vec![address] };
            addresses.into_iter().map(place).collect()
        }
    })
}

/// A server that was never found is a replica all the same; a name has no replica yet.
fn unknown(target: &Target) -> Vec<Place> {
    match target {
        Target::Server(_) => vec![Place { url: target.to_string(), addresses: Vec::new() }],
        Target::Name(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn look(discovery: &mut Discovery, targets: &[&str]) -> Discovered {
        let targets: Vec<Target> = targets.iter().map(|target| target.parse().unwrap()).collect();
        discovery.look(&targets, TIMEOUT).await
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_a_replica_and_each_is_one_once() {
        let targets = ["http://127.0.0.1:8000", "dns+http://127.0.0.1:8000", "http://127.0.0.2:1"];
        let found = look(&mut Discovery::default(), &targets).await;
        let urls: Vec<_> = found.places.keys().map(String::as_str).collect();
        assert_eq!(urls, ["http://127.0.0.1:8000", "http://127.0.0.2:1"]);
        assert!(found.failed.is_empty());
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_looked_up_is_said_and_a_server_stays_in_the_list() {
        let targets = ["http://nobody.invalid:1", "dns+http://nobody.invalid:1"];
        let found = look(&mut Discovery::default(), &targets).await;
        assert_eq!(found.places.len(), 1);
        assert!(found.places["http://nobody.invalid:1"].addresses.is_empty());
        assert_eq!(found.failed.len(), 2);
    }

    #[tokio::test]
    async fn keeps_what_a_name_had_while_it_cannot_be_looked_up() {
        let mut discovery = Discovery::default();
        let before = look(&mut discovery, &["dns+http://127.0.0.1:8000"]).await.places;
        discovery
            .last
            .insert("dns+http://nobody.invalid:1".to_owned(), before.into_values().collect());
        let found = look(&mut discovery, &["dns+http://nobody.invalid:1"]).await;
        assert_eq!((found.places.len(), found.failed.len()), (1, 1));
    }
}
