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
        let mut kept: BTreeSet<u64> = versions.iter().rev().take(keep.max(1)).copied().collect();
        kept.extend(aliases.iter().filter_map(|(_, standing)| standing.version));
        kept.extend(ledger.previous_champion());
        // Where an alias is behind its ledger, both count.
        kept.extend(aliases.iter().filter_map(|(alias, _)| ledger.last_move(alias)?.to));
        kept.extend(ledger.last_move(CHAMPION).and_then(|last| last.to));
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
        let _lock = self.lock(model).await?;
        loop {
            // The ledger before the aliases: a move in between takes the number of this entry.
            let ledger = self.ledger(model).await?;
            let pruned = self.prunable(model, keep).await?;
            if pruned.is_empty() {
                return Ok(pruned);
            }
            if self.append(model, &pruning(CHAMPION, pruned.clone(), &ledger, stamp)).await? {
                for &version in &pruned {
                    self.remove(model, version).await?;
                }
                return Ok(pruned);
            }
        }
    }
}
