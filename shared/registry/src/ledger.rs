//! The ledger: who moved which alias when and why, each entry hashed onto the one before.

mod check;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::try_join_all;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::alias::{CHAMPION, Trial};
use crate::{ModelName, Registry, RegistryError, Standing, seal, sha256_hex};

/// What the first entry is hashed onto.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Entries read at a time.
const READ_AT_ONCE: usize = 16;

/// What an entry tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A version was put under an alias.
    Promoted,
    /// An earlier version was put back.
    RolledBack,
    /// A challenger's mode or share was set.
    TrialSet,
    /// The challenger was taken away by a person.
    TrialStopped,
    /// The challenger was taken away by a server.
    Vetoed,
    /// The gates refused a version; nothing moved.
    Refused,
    /// Versions were removed.
    Pruned,
}

impl Action {
    /// The action as the ledger has it, such as `rolled_back`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::TrialSet => "trial_set",
            Self::TrialStopped => "trial_stopped",
            Self::Vetoed => "vetoed",
            Self::Refused => "refused",
            Self::Pruned => "pruned",
        }
    }
}

/// How a gate judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It lets the version through.
    Passed,
    /// It does not.
    Failed,
    /// It had nothing to judge by.
    Skipped,
}

/// A gate's judgement, as it was when the alias was to move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRecord {
    /// The gate, such as `score`.
    pub gate: String,
    /// How it judged.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub detail: String,
    /// What it measured.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub figures: serde_json::Map<String, serde_json::Value>,
}

/// One move, or one that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number, from 1.
    pub entry: u64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// Who: a user and a host, or a pod.
    pub by: String,
    /// What.
    pub action: Action,
    /// The alias that moved, or would have.
    pub alias: String,
    /// The version it named before.
    pub from: Option<u64>,
    /// The version it names since; for [`Action::Refused`], the one that was refused.
    pub to: Option<u64>,
    /// SHA-256 of the manifest of `to`: which version it is, whatever its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_sha256: Option<String>,
    /// How a challenger is tried.
    #[serde(default)]
    pub trial: Trial,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it moved although a gate said no.
    pub forced: bool,
    /// What the gates said.
    pub gates: Vec<GateRecord>,
    /// The versions that [`Action::Pruned`] removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pruned: Vec<u64>,
    /// 16 hexadecimal digits that tell two equal moves apart.
    pub id: String,
    /// SHA-256 of the entry before, of 64 zeros for the first.
    pub previous: String,
}

impl Entry {
    /// Whether it moved its alias.
    pub fn is_move(&self) -> bool {
        !matches!(self.action, Action::Refused | Action::Pruned)
    }

    pub(crate) fn to_sealed_json(&self) -> Bytes {
        seal::sealed(self).into()
    }
}

/// What is wrong with a ledger: the first entry that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// An entry between others is not there.
    #[error("entry {0} is missing")]
    Missing(u64),
    /// An entry was changed, or is not one.
    #[error("entry {entry} was changed: {reason}")]
    Changed {
        /// Its number.
        entry: u64,
        /// How that is known.
        reason: String,
    },
    /// The alias is not where the ledger says.
    #[error("the alias `{alias}` names {found} where the ledger says {expected}")]
    Alias {
        /// The alias.
        alias: String,
        /// What its file says.
        found: String,
        /// What the ledger says.
        expected: String,
    },
    /// A version is another one than the one that was promoted.
    #[error(
        "version {version} is not the one that entry {entry} put under `{alias}`: its manifest has another sha256"
    )]
    OtherVersion {
        /// The version's number.
        version: u64,
        /// The entry that names it.
        entry: u64,
        /// The alias.
        alias: String,
    },
}

/// The entries in order, and the first thing that is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Those that can be read.
    pub entries: Vec<Entry>,
    /// The first thing that is wrong.
    pub fault: Option<LedgerFault>,
    /// SHA-256 of each entry's bytes, readable or not.
    digests: BTreeMap<u64, String>,
    /// The highest number, and the digest of that entry.
    head: Option<(u64, String)>,
}

impl Ledger {
    /// The last entry that moved an alias.
    pub fn last_move(&self, alias: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.is_move() && entry.alias == alias)
    }

    /// The last entry that moved each alias.
    pub(crate) fn last_moves(&self) -> BTreeMap<&str, &Entry> {
        let moves = self.entries.iter().filter(|entry| entry.is_move());
        moves.map(|entry| (entry.alias.as_str(), entry)).collect()
    }

    /// The version that was champion before the one that is: what a rollback goes back to.
    ///
    /// A rollback undoes a promotion, so that a second one goes back further. What was pruned is passed over.
    pub fn previous_champion(&self) -> Option<u64> {
        let mut champions = self.champions();
        let current = champions.pop();
        let earlier = champions.into_iter().rev();
        earlier.filter(|&champion| Some(champion) != current).find(|&c| !self.is_pruned(c))
    }

    /// The version that was champion before `present`: what a rollback goes back to.
    ///
    /// Where the alias was written by hand, that is the last one that the ledger names.
    pub fn champion_before(&self, present: Option<u64>) -> Option<u64> {
        match self.champions().last().copied() {
            last if last == present => self.previous_champion(),
            Some(last) if !self.is_pruned(last) => Some(last),
            _ => self.previous_champion(),
        }
    }

    /// The champions in turn, without those that a rollback took back.
    fn champions(&self) -> Vec<u64> {
        let mut champions: Vec<u64> = Vec::new();
        let moves = self.entries.iter().filter(|entry| entry.is_move() && entry.alias == CHAMPION);
        for entry in moves {
            // What was before is not what the entry before says where somebody wrote the alias by hand.
            if champions.last() != entry.from.as_ref() {
                champions.extend(entry.from);
            }
            let Some(to) = entry.to else { continue };
            match champions.iter().rposition(|&champion| champion == to) {
                Some(place) if entry.action == Action::RolledBack => champions.truncate(place + 1),
                _ if champions.last() == Some(&to) => {}
                _ => champions.push(to),
            }
        }
        champions
    }

    /// The highest version that an entry names; 0 where none does.
    pub(crate) fn highest_version(&self) -> u64 {
        let named = |entry: &Entry| {
            let pruned = entry.pruned.iter().copied();
            // The last number of all has none behind it.
            pruned.chain(entry.to).filter(|&version| version < u64::MAX).max()
        };
        self.entries.iter().filter_map(named).max().unwrap_or(0)
    }

    pub(crate) fn is_pruned(&self, version: u64) -> bool {
        self.entries.iter().any(|entry| entry.pruned.contains(&version))
    }

    /// SHA-256 of an entry that is there.
    pub(crate) fn sha256_of(&self, entry: u64) -> String {
        self.digests.get(&entry).cloned().unwrap_or_default()
    }

    /// Goes on behind the entry that an alias names, where the ledger lacks it: the gap stays to be seen.
    ///
    /// The alias must have been read before the ledger.
    #[must_use]
    pub(crate) fn behind(mut self, seen: Option<&Standing>) -> Self {
        if let Some(Standing { entry: Some(entry), entry_sha256: Some(sha256), .. }) = seen
            && self.head.as_ref().is_none_or(|(head, _)| entry > head)
            && *entry < u64::MAX
        {
            self.head = Some((*entry, sha256.clone()));
        }
        self
    }

    pub(crate) fn next(&self) -> (u64, String) {
        match &self.head {
            Some((number, sha256)) => (number + 1, sha256.clone()),
            None => (1, NOTHING.to_owned()),
        }
    }

    fn of(files: &BTreeMap<u64, Bytes>) -> Self {
        let mut ledger = Self::default();
        let mut previous = NOTHING.to_owned();
        let mut files = (1..).zip(files).peekable();
        while let Some((expected, (&number, bytes))) = files.next() {
            if number != expected && ledger.fault.is_none() {
                ledger.fault = Some(LedgerFault::Missing(expected));
            }
            match read(number, bytes) {
                Ok(entry) => {
                    if entry.previous != previous {
                        // Where the one behind does not know it either, it is this one that was changed.
                        let next = files
                            .peek()
                            .and_then(|(_, (number, bytes))| read(**number, bytes).ok());
                        let is_unknown =
                            next.is_some_and(|next| next.previous != sha256_hex(bytes));
                        let (entry, reason) = if number == 1 || is_unknown {
                            (number, "it names another one before it".to_owned())
                        } else {
                            (number - 1, format!("entry {number} was written after another one"))
                        };
                        ledger.fault.get_or_insert(LedgerFault::Changed { entry, reason });
                    }
                    ledger.entries.push(entry);
                }
                Err(fault) => {
                    ledger.fault.get_or_insert(fault);
                }
            }
            previous = sha256_hex(bytes);
            ledger.digests.insert(number, previous.clone());
            ledger.head = Some((number, previous.clone()));
        }
        ledger
    }
}

fn read(number: u64, bytes: &[u8]) -> Result<Entry, LedgerFault> {
    let changed = |reason: String| LedgerFault::Changed { entry: number, reason };
    let json = seal::unsealed(bytes).map_err(|reason| changed(reason.to_owned()))?;
    let entry: Entry = serde_json::from_slice(&json).map_err(|error| changed(error.to_string()))?;
    if entry.entry != number {
        return Err(changed(format!("it is entry {}", entry.entry)));
    }
    Ok(entry)
}

impl Registry {
    /// Reads the ledger and checks that each entry is hashed onto the one before.
    ///
    /// # Errors
    ///
    /// Where reading fails. What is wrong with the entries is in [`Ledger::fault`].
    pub async fn ledger(&self, model: &ModelName) -> Result<Ledger, RegistryError> {
        let names = self.file_names(&ledger_path(model)).await?;
        let numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
        let mut files = BTreeMap::new();
        for numbers in numbers.chunks(READ_AT_ONCE) {
            let read = numbers.iter().map(|&number| self.entry_bytes(model, number));
            files.extend(numbers.iter().copied().zip(try_join_all(read).await?));
        }
        Ok(Ledger::of(&files))
    }

    async fn entry_bytes(&self, model: &ModelName, number: u64) -> Result<Bytes, RegistryError> {
        let path = entry_path(model, number);
        let bytes = match self.store.get(&path).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        bytes.map_err(|source| self.failed("reading", &path, source))
    }
}

/// An entry's file: zeros in front keep the order of names that of numbers.
fn file_name(number: u64) -> String {
    format!("{number:08}.json")
}

fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".json")?.parse().ok()?;
    // The last number of all has none behind it.
    (file_name(number) == name && number < u64::MAX).then_some(number)
}

fn ledger_path(model: &ModelName) -> Path {
    Path::from_iter([model.as_str(), "ledger"])
}

pub(crate) fn entry_path(model: &ModelName, number: u64) -> Path {
    ledger_path(model).join(file_name(number).as_str())
}
