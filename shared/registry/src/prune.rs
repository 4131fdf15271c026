//! Retention: old versions go, those that an alias names or a rollback needs stay.

use std::collections::BTreeSet;

use crate::alias::CHAMPION;
use crate::moves::pruning;
use crate::{ModelName, Registry, RegistryError, Stamp};

impl Registry {
    /// The versions that `keep` newest ones would leave over, ascending: none that an alias names, and not the one
    /// that a rollback would bring back.
    ///
    /// # Errors
    ///
    /// Where reading fails.
    pub async fn prunable(
        &self,
        model: &ModelName,
        keep: usize,
    ) -> Result<Vec<u64>, RegistryError> {
        let versions = self.versions(model).await?;
        let ledger = self.ledger(model).await?;
        let aliases = self.aliases(model).await?;
        // What was to go and is still there goes now: no alias may name it any more.
        let newest = versions.iter().rev().filter(|&&version| !ledger.is_pruned(version));
        let mut kept: BTreeSet<u64> = newest.take(keep.max(1)).copied().collect();
        kept.extend(aliases.iter().filter_map(|(_, standing)| standing.version));
        let champion = aliases.iter().find(|(alias, _)| alias == CHAMPION);
        kept.extend(ledger.champion_before(champion.and_then(|(_, standing)| standing.version)));
        kept.extend(ledger.previous_champion());
        // Where an alias is behind its ledger, or not there yet, both count.
        kept.extend(ledger.last_moves().into_values().filter_map(|last| last.to));
        Ok(versions.into_iter().filter(|version| !kept.contains(version)).collect())
    }

    /// Removes all but the `keep` newest versions, as [`Registry::prunable`] says, and notes it in the ledger first.
    ///
    /// # Errors
    ///
    /// Where reading, writing or removing fails; what was not removed is tried again by the next one.
    pub async fn prune(
        &self,
        model: &ModelName,
        keep: usize,
        stamp: Stamp<'_>,
    ) -> Result<Vec<u64>, RegistryError> {
        self.prune_because(None, model, keep, stamp).await
    }

    /// As [`Registry::prune`]; the ledger is told why.
    ///
    /// # Errors
    ///
    /// As [`Registry::prune`].
    pub async fn prune_because(
        &self,
        reason: Option<&str>,
        model: &ModelName,
        keep: usize,
        stamp: Stamp<'_>,
    ) -> Result<Vec<u64>, RegistryError> {
        let _lock = self.lock(model).await?;
        loop {
            let seen = self.aliases(model).await?.into_iter().map(|(_, standing)| standing);
            let seen = seen.max_by_key(|standing| standing.entry);
            // The ledger before the aliases: a move in between takes the number of this entry.
            let ledger = self.ledger(model).await?.behind(seen.as_ref());
            let pruned = self.prunable(model, keep).await?;
            if pruned.is_empty() {
                return Ok(pruned);
            }
            let mut entry = pruning(CHAMPION, pruned.clone(), &ledger, stamp);
            entry.reason = reason.map(str::to_owned);
            if self.append(model, &entry).await? {
                for &version in &pruned {
                    self.remove(model, version).await?;
                }
                return Ok(pruned);
            }
        }
    }
}
