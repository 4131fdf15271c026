//! Moving an alias: a compare-and-swap whose winner is whoever creates the ledger's next entry.
//!
//! The entry comes first and the alias follows it. Whoever dies in between has moved the alias all the same: the
//! next writer finishes what the ledger says.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use object_store::{PutMode, UpdateVersion};

use crate::alias::{Read, alias_path};
use crate::ledger::{Action, Entry, GateRecord, Ledger, entry_path};
use crate::{ModelName, Registry, RegistryError, Standing, Trial, sha256_hex};

/// Who acts, and when.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// Seconds since the Unix epoch.
    pub now: u64,
    /// A user and a host, or a pod.
    pub by: &'a str,
}

impl Stamp<'_> {
    fn at(&self) -> String {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(self.now);
        humantime::format_rfc3339_seconds(now).to_string()
    }
}

/// A move of an alias, or a refusal of one, with its reasons.
#[derive(Debug, Clone)]
pub struct Move {
    /// What it is.
    pub action: Action,
    /// The alias.
    pub alias: String,
    /// The version it is to name; none takes it away.
    pub to: Option<u64>,
    /// How a challenger is to be tried.
    pub trial: Trial,
    /// Why, in words.
    pub reason: Option<String>,
    /// Whether a gate said no.
    pub forced: bool,
    /// What the gates said.
    pub gates: Vec<GateRecord>,
    /// Where the alias must stand for the move to be made, as [`Registry::settle`] gave it.
    pub expected: Option<Standing>,
}

impl Move {
    /// A move without gates or conditions.
    pub fn new(action: Action, alias: &str, to: Option<u64>) -> Self {
        Self {
            action,
            alias: alias.to_owned(),
            to,
            trial: Trial::default(),
            reason: None,
            forced: false,
            gates: Vec::new(),
            expected: None,
        }
    }
}

impl Registry {
    /// Finishes a move that died between ledger and alias, and tells where the alias stands.
    ///
    /// # Errors
    ///
    /// Where reading or writing fails.
    pub async fn settle(&self, model: &ModelName, alias: &str) -> Result<Standing, RegistryError> {
        let _lock = self.lock(model).await?;
        let ledger = self.ledger(model).await?;
        self.settled(model, alias, &ledger).await
    }

    /// Moves an alias, or notes in the ledger that it stays.
    ///
    /// Of several that move the same alias from the same standing, exactly one wins.
    ///
    /// # Errors
    ///
    /// [`RegistryError::UnknownVersion`] where there is no such version; [`RegistryError::Superseded`] where the alias
    /// no longer stands where it was expected; [`RegistryError::Store`] where reading or writing fails.
    pub async fn move_alias(
        &self,
        model: &ModelName,
        wanted: &Move,
        stamp: Stamp<'_>,
    ) -> Result<Entry, RegistryError> {
        alias_path(model, &wanted.alias)?;
        let _lock = self.lock(model).await?;
        loop {
            // The alias before the ledger: the entry that it names was there before it.
            let seen = self.read_alias(model, &wanted.alias).await?;
            let seen = seen.and_then(|read| read.standing.ok());
            let ledger = self.ledger(model).await?.behind(seen.as_ref());
            if let Some(fault) = &ledger.fault {
                tracing::warn!(%model, %fault, "the ledger is broken; what follows is hashed onto it as it is");
            }
            let standing = self.settled(model, &wanted.alias, &ledger).await?;
            let is_noted = |expected: &Standing| {
                // One written by hand, in which the last entry was noted just now.
                expected.entry.is_none()
                    && seen.as_ref() == Some(expected)
                    && (expected.version, expected.trial) == (standing.version, standing.trial)
            };
            let is_elsewhere = |expected: &Standing| *expected != standing && !is_noted(expected);
            if wanted.expected.as_ref().is_some_and(is_elsewhere) {
                return Err(superseded(model, wanted, &ledger, &standing));
            }
            let to_sha256 = match wanted.to {
                Some(to) => Some(self.identity_to_name(model, to, &ledger).await?),
                None => None,
            };
            let entry = entry_of(wanted, &standing, to_sha256, &ledger, stamp);
            if self.append(model, &entry).await? {
                if entry.is_move() {
                    let sha256 = sha256_hex(&entry.to_sealed_json());
                    self.project(model, &entry, sha256).await?;
                }
                return Ok(entry);
            }
            // Somebody else was faster: look again where everything stands.
        }
    }

    /// The digest of a version that an alias may name.
    async fn identity_to_name(
        &self,
        model: &ModelName,
        version: u64,
        ledger: &Ledger,
    ) -> Result<String, RegistryError> {
        let identity = self.identity(model, version).await?;
        // One that is about to be removed is as good as gone.
        if let Some(identity) = identity
            && !ledger.is_pruned(version)
        {
            return Ok(identity);
        }
        let mut known = self.versions(model).await?;
        known.retain(|&version| !ledger.is_pruned(version));
        Err(RegistryError::UnknownVersion { model: model.to_string(), version, known })
    }

    /// Creates the next entry; false where there is one of its number already.
    pub(crate) async fn append(
        &self,
        model: &ModelName,
        entry: &Entry,
    ) -> Result<bool, RegistryError> {
        let path = entry_path(model, entry.entry);
        let bytes = entry.to_sealed_json();
        match self.store.put_opts(&path, bytes.clone().into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            // It may be this very one, whose answer was lost and which was sent again.
            Err(object_store::Error::AlreadyExists { .. }) => self.holds(&path, &bytes).await,
            Err(source) => Err(self.failed("writing", &path, source)),
        }
    }

    /// Where an alias stands once the ledger's last move of it is finished.
    pub(crate) async fn settled(
        &self,
        model: &ModelName,
        alias: &str,
        ledger: &Ledger,
    ) -> Result<Standing, RegistryError> {
        loop {
            let read = self.read_alias(model, alias).await?;
            let last = ledger.last_move(alias);
            let (standing, version) = match read {
                Some(Read { standing: Ok(standing), version }) => (Some(standing), Some(version)),
                Some(Read { standing: Err(error), version }) => {
                    // To replace it is the repair.
                    tracing::warn!(%model, alias, %error, "the alias is taken for none");
                    (None, Some(version))
                }
                None => (None, None),
            };
            match (standing, last) {
                (Some(standing), _) if standing.entry.is_none() => {
                    self.adopt(model, alias, standing, version).await?;
                }
                (Some(standing), Some(last)) if standing.entry >= Some(last.entry) => {
                    return Ok(standing);
                }
                (_, Some(last)) => {
                    let entry = last.entry;
                    tracing::warn!(%model, alias, entry, "finishing a move that died half-way");
                    self.project(model, last, ledger.sha256_of(entry)).await?;
                }
                (standing, None) => return Ok(standing.unwrap_or_default()),
            }
        }
    }

    /// Notes in an alias that was written by hand which entry was the last one then.
    ///
    /// It stands until the next move, and from then on is behind that: without the note, nobody could tell whether
    /// the hand came before the move or after it.
    async fn adopt(
        &self,
        model: &ModelName,
        alias: &str,
        standing: Standing,
        version: Option<UpdateVersion>,
    ) -> Result<(), RegistryError> {
        // Read behind the alias: a move that the hand came after must not count as later than it.
        let ledger = self.ledger(model).await?;
        let entry = ledger.last_move(alias).map_or(0, |last| last.entry);
        let entry_sha256 = (entry > 0).then(|| ledger.sha256_of(entry));
        let standing = Standing { entry: Some(entry), entry_sha256, ..standing };
        self.put_alias(model, alias, &standing, version).await.map(drop)
    }

    /// Writes the alias as an entry says, unless a later one has been faster.
    async fn project(
        &self,
        model: &ModelName,
        entry: &Entry,
        entry_sha256: String,
    ) -> Result<(), RegistryError> {
        let standing = Standing {
            version: entry.to,
            entry: Some(entry.entry),
            entry_sha256: Some(entry_sha256),
            trial: entry.trial,
        };
        loop {
            let present = self.read_alias(model, &entry.alias).await?;
            if let Some(Read { standing: Ok(Standing { entry: Some(later), .. }), .. }) = &present
                && *later > entry.entry
                && self.exists(&entry_path(model, *later)).await?
            {
                return Ok(());
            }
            let version = present.map(|present| present.version);
            if self.put_alias(model, &entry.alias, &standing, version).await? {
                return Ok(());
            }
        }
    }

    /// Writes an alias over the one that was read; false where it is another one by now.
    async fn put_alias(
        &self,
        model: &ModelName,
        alias: &str,
        standing: &Standing,
        over: Option<UpdateVersion>,
    ) -> Result<bool, RegistryError> {
        let path = alias_path(model, alias)?;
        let json = serde_json::to_vec(standing).expect("an alias is JSON");
        let mode = match over {
            // A folder has no conditional put; its lock is held instead.
            _ if self.folder().is_some() => PutMode::Overwrite,
            Some(version) => PutMode::Update(version),
            None => PutMode::Create,
        };
        match self.store.put_opts(&path, json.into(), mode.into()).await {
            Ok(_) => Ok(true),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(false),
            Err(source) => Err(self.failed("writing", &path, source)),
        }
    }
}

fn entry_of(
    wanted: &Move,
    standing: &Standing,
    to_sha256: Option<String>,
    ledger: &Ledger,
    stamp: Stamp<'_>,
) -> Entry {
    let (number, previous) = ledger.next();
    Entry {
        entry: number,
        at: stamp.at(),
        by: stamp.by.to_owned(),
        action: wanted.action,
        alias: wanted.alias.clone(),
        from: standing.version,
        to: wanted.to,
        to_sha256,
        trial: wanted.trial,
        reason: wanted.reason.clone(),
        forced: wanted.forced,
        gates: wanted.gates.clone(),
        pruned: Vec::new(),
        id: format!("{:016x}", RandomState::new().build_hasher().finish()),
        previous,
    }
}

pub(crate) fn pruning(alias: &str, pruned: Vec<u64>, ledger: &Ledger, stamp: Stamp<'_>) -> Entry {
    let nothing = Move::new(Action::Pruned, alias, None);
    Entry { pruned, ..entry_of(&nothing, &Standing::default(), None, ledger, stamp) }
}

fn superseded(
    model: &ModelName,
    wanted: &Move,
    ledger: &Ledger,
    standing: &Standing,
) -> RegistryError {
    let by = ledger.last_move(&wanted.alias).map_or("somebody".to_owned(), |last| last.by.clone());
    RegistryError::Superseded {
        model: model.to_string(),
        alias: wanted.alias.clone(),
        version: standing.version,
        by,
    }
}
