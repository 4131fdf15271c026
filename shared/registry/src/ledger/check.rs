//! Whether aliases and versions are those that the ledger names. The chain itself is checked where it is read.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Ledger, LedgerFault};
use crate::{ModelName, Registry, RegistryError};

/// A mover writes its alias right behind its entry: so often, and this long apart, a check waits for it to come.
const LOOKS: usize = 10;
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Registry {
    /// Checks the chain, and that aliases and promoted versions are those the ledger names; none where all is right.
    ///
    /// # Errors
    ///
    /// Where reading fails.
    pub async fn check_ledger(
        &self,
        model: &ModelName,
    ) -> Result<(Ledger, Option<LedgerFault>), RegistryError> {
        let mut looks = 0;
        loop {
            let ledger = self.ledger(model).await?;
            let fault = self.first_fault(model, &ledger).await?;
            let Some(found) = &fault else { return Ok((ledger, None)) };
            // An alias that was moved in between names an entry that is not in there.
            if self.ledger(model).await?.head != ledger.head {
                continue;
            }
            looks += 1;
            if looks == LOOKS || !self.may_be_moving(model, found).await? {
                return Ok((ledger, fault));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether it may be that somebody has written an entry and not yet the alias: what a hand wrote stays.
    async fn may_be_moving(
        &self,
        model: &ModelName,
        fault: &LedgerFault,
    ) -> Result<bool, RegistryError> {
        let LedgerFault::Alias { alias, .. } = fault else { return Ok(false) };
        match self.standing(model, alias).await {
            Ok(standing) => Ok(standing.is_none_or(|standing| standing.entry.is_some())),
            Err(RegistryError::UnreadableAlias { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn first_fault(
        &self,
        model: &ModelName,
        ledger: &Ledger,
    ) -> Result<Option<LedgerFault>, RegistryError> {
        if ledger.fault.is_some() {
            return Ok(ledger.fault.clone());
        }
        let aliases = self.alias_names(model).await?.into_iter();
        let moved = ledger.last_moves().into_keys().map(str::to_owned);
        let aliases: BTreeSet<String> = aliases.chain(moved).collect();
        for alias in aliases {
            if let Some(fault) = self.check_alias(model, ledger, alias).await? {
                return Ok(Some(fault));
            }
        }
        Ok(None)
    }

    async fn check_alias(
        &self,
        model: &ModelName,
        ledger: &Ledger,
        alias: String,
    ) -> Result<Option<LedgerFault>, RegistryError> {
        let standing = match self.standing(model, &alias).await {
            Ok(standing) => standing.unwrap_or_default(),
            Err(RegistryError::UnreadableAlias { reason, .. }) => {
                let last = ledger.last_move(&alias);
                let expected = last.map_or("nothing".to_owned(), |last| match last.to {
                    Some(version) => format!("version {version} by entry {}", last.entry),
                    None => format!("no version by entry {}", last.entry),
                });
                let found = format!("nothing that can be read ({reason})");
                return Ok(Some(LedgerFault::Alias { alias, found, expected }));
            }
            Err(error) => return Err(error),
        };
        let head = ledger.head.as_ref().map_or(0, |(head, _)| *head);
        if standing.entry.is_some_and(|entry| entry > head) {
            return Ok(Some(LedgerFault::Missing(head + 1)));
        }
        let named = |version: Option<u64>, entry: Option<u64>| {
            let entry = entry.map_or("no entry".to_owned(), |entry| format!("entry {entry}"));
            match version {
                Some(version) => format!("version {version} by {entry}"),
                None => format!("no version by {entry}"),
            }
        };
        let last = ledger.last_move(&alias);
        let expected = last.map(|last| (last.to, Some(last.entry)));
        let found = (standing.version, standing.entry);
        if standing.version.is_none() && expected.is_none() {
            return Ok(None); // nobody ever put it there
        }
        if expected != Some(found) {
            let expected = expected.map_or("nothing".to_owned(), |(to, entry)| named(to, entry));
            let found = named(found.0, found.1);
            return Ok(Some(LedgerFault::Alias { alias, found, expected }));
        }
        let Some(last) = last else { return Ok(None) };
        if standing.entry_sha256 != ledger.digests.get(&last.entry).cloned() {
            let reason = format!("the alias `{alias}` was written after another one");
            return Ok(Some(LedgerFault::Changed { entry: last.entry, reason }));
        }
        let Some(version) = last.to else { return Ok(None) };
        let is_same =
            last.to_sha256.is_none() || self.identity(model, version).await? == last.to_sha256;
        let entry = last.entry;
        Ok((!is_same).then_some(LedgerFault::OtherVersion { version, entry, alias }))
    }
}
