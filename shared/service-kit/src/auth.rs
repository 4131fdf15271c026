//! Who asks: the key a request carries, and the caller it stands for.
//!
//! How keys are written down is in [`crate::key_ring`]; [`crate::guard`] puts this before routes.

use std::{
    env,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, HeaderName, header};
use clap::{Args, builder::BoolishValueParser};
use metrics::{Counter, counter, describe_counter};
use tokio_util::sync::CancellationToken;

use crate::{
    key_ring::{self, Key, KeyRing, KeyRingError, Sha256Digest, digest},
    metrics::Exporter,
    problem::Problem,
    rate_limit::{Limiter, Rate},
};

/// The header that carries a key; `Authorization: Bearer` may do so as well.
pub const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// How often the file of keys should be looked at.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(2);

const KEYS_VARIABLE: &str = "CANOPY_API_KEYS";

/// Settings of who may ask, and how often.
#[derive(Debug, Clone, Args)]
pub struct AuthArgs {
    /// File of API keys, one `NAME SHA256HEX [rate=500] [burst=1000]` a line; read again when it
    /// changes: emptied, it revokes its keys; unreadable or broken, it changes nothing
    #[arg(long, env = "CANOPY_API_KEYS_FILE", value_name = "FILE")]
    pub api_keys_file: Option<PathBuf>,

    /// Answer requests without a key; a wrong key is refused all the same, once keys are configured
    #[arg(long, env = "CANOPY_ALLOW_ANONYMOUS", value_parser = BoolishValueParser::new())]
    pub allow_anonymous: bool,

    /// Requests a second for each key, unless its line says otherwise; 0: no limit
    #[arg(long, env = "CANOPY_RATE_LIMIT", value_name = "REQUESTS", default_value_t = 100)]
    pub rate_limit: u32,

    /// Requests at once for each key, unless its line says otherwise
    #[arg(long, env = "CANOPY_RATE_BURST", value_name = "REQUESTS", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_burst: u32,

    /// Keys from the environment; not a flag, because others can read command lines.
    #[arg(skip = PlainKeys::from_env())]
    pub plain_keys: PlainKeys,
}

/// Keys as `CANOPY_API_KEYS` holds them, `NAME:KEY` or `KEY` separated by commas; never printed.
///
/// A key with a comma or a colon in it belongs into the file.
#[derive(Clone, Default)]
pub struct PlainKeys(Option<OsString>);

impl PlainKeys {
    /// Reads the variable `CANOPY_API_KEYS`.
    #[must_use]
    pub fn from_env() -> Self {
        Self(env::var_os(KEYS_VARIABLE))
    }
}

impl From<&str> for PlainKeys {
    fn from(keys: &str) -> Self {
        Self(Some(keys.into()))
    }
}

impl fmt::Debug for PlainKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "[redacted]" } else { "none" })
    }
}

/// Says why the configured keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthConfigError {
    /// Nobody could ask.
    #[error(
        "no API key is configured; do one of three: give `--api-keys-file FILE` \
         (CANOPY_API_KEYS_FILE) with a line `NAME SHA256HEX` for each key, set \
         CANOPY_API_KEYS=NAME:KEY for a demo, or give `--allow-anonymous` \
         (CANOPY_ALLOW_ANONYMOUS=true) to answer everyone"
    )]
    NoKeys,
    /// The file cannot be read.
    #[error("the API keys file `{}` cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// A line or an entry is wrong.
    #[error("the API keys cannot be used: {0}")]
    Ring(#[from] KeyRingError),
    /// The variable holds no text.
    #[error("CANOPY_API_KEYS is not UTF-8")]
    NotText,
}

/// Who a request comes from: a key's name and its rate, or `anonymous`.
#[derive(Debug)]
pub struct Caller {
    name: Box<str>,
    limiter: Option<Limiter>,
}

impl Caller {
    /// Makes a caller with a full bucket; without a rate it may ask as often as it likes.
    #[must_use]
    pub fn new(name: &str, rate: Option<Rate>) -> Self {
        Self { name: name.into(), limiter: rate.map(Limiter::new) }
    }

    /// Gives the key's name, or `anonymous`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the caller's limiter, unless its rate is not limited.
    #[must_use]
    pub fn limiter(&self) -> Option<&Limiter> {
        self.limiter.as_ref()
    }
}

/// Says why a request's key is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no key.
    #[error("an API key is needed: send `X-API-Key` or `Authorization: Bearer`")]
    Missing,
    /// There is a key, and it is not one of ours.
    #[error("the API key is not known")]
    Invalid,
    /// The headers hold something other than one key.
    #[error("expected one key, as `X-API-Key: KEY` or `Authorization: Bearer KEY`")]
    Malformed,
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        Self::unauthorized(error.to_string())
    }
}

/// Knows the accepted keys, and reads their file again when it changes.
#[derive(Debug)]
pub struct Authenticator {
    file: Option<PathBuf>,
    /// Keys from the environment, which no file can take away.
    plain: KeyRing,
    allow_anonymous: bool,
    rate: (u32, u32),
    anonymous: Arc<Caller>,
    callers: ArcSwap<Callers>,
    reloads: Reloads,
    /// What the file held when the keys were first read.
    first_content: Option<Content>,
}

#[derive(Default)]
struct Callers(Vec<(Key, Arc<Caller>)>);

#[derive(Debug)]
struct Reloads {
    ok: Counter,
    failed: Counter,
}

/// A file's content by its digest, or why there is none; unchanged content is not looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Read(Sha256Digest),
    Unreadable(io::ErrorKind),
}

impl Authenticator {
    /// Reads the configured keys.
    ///
    /// # Errors
    ///
    /// There is no key although not everyone may ask, or the keys cannot be read.
    pub fn from_args(args: &AuthArgs, exporter: &Exporter) -> Result<Arc<Self>, AuthConfigError> {
        let plain = match &args.plain_keys.0 {
            None => KeyRing::default(),
            Some(keys) => {
                let keys = keys.to_str().ok_or(AuthConfigError::NotText)?;
                KeyRing::parse_plain(keys, KEYS_VARIABLE)?
            }
        };
        let text = args.api_keys_file.as_deref().map(read).transpose()?;
        let authenticator = Self {
            file: args.api_keys_file.clone(),
            plain,
            allow_anonymous: args.allow_anonymous,
            rate: (args.rate_limit, args.rate_burst),
            anonymous: Arc::new(Caller::new(
                key_ring::ANONYMOUS,
                Rate::new(args.rate_limit, args.rate_burst),
            )),
            callers: ArcSwap::default(),
            reloads: Reloads::register(exporter),
            first_content: text.as_deref().map(|text| Content::Read(digest(text))),
        };
        authenticator.load(text.as_deref())?;
        if authenticator.n_keys() == 0 && !args.allow_anonymous {
            return Err(AuthConfigError::NoKeys);
        }
        Ok(Arc::new(authenticator))
    }

    /// Finds out who sent a request, from its headers alone.
    ///
    /// Every accepted key is compared, in constant time, so that timing tells nothing about them.
    /// With no key and no file configured everyone is `anonymous`, whatever their headers say; with
    /// a file that was emptied no key is accepted.
    ///
    /// # Errors
    ///
    /// There is no key and one is needed, or it is not one of ours.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Caller>, AuthError> {
        let callers = self.callers.load();
        if callers.0.is_empty() && self.file.is_none() {
            return Ok(Arc::clone(&self.anonymous));
        }
        let Some(key) = key_of(headers)? else {
            let anonymous = self.allow_anonymous.then(|| Arc::clone(&self.anonymous));
            return anonymous.ok_or(AuthError::Missing);
        };
        let digests = callers.0.iter().map(|(key, _)| &key.digest);
        let found = key_ring::find(&digest(key), digests).ok_or(AuthError::Invalid)?;
        Ok(Arc::clone(&callers.0[found].1))
    }

    /// Counts the accepted keys.
    #[must_use]
    pub fn n_keys(&self) -> usize {
        self.callers.load().0.len()
    }

    /// Looks at the file every `interval` until it is told to stop, and takes over its changes.
    ///
    /// The content is compared, because Kubernetes swaps a link and modification times then say
    /// nothing. A file that cannot be used is logged and counted once, and the keys stay; one that
    /// can be read and has no key in it revokes those it had.
    pub async fn watch(self: Arc<Self>, interval: Duration, stop: CancellationToken) {
        let Some(file) = self.file.clone() else {
            return stop.cancelled().await;
        };
        let mut last = self.first_content.clone();
        while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
            let text = tokio::fs::read(&file).await;
            let content = match &text {
                Ok(text) => Content::Read(digest(text)),
                Err(error) => Content::Unreadable(error.kind()),
            };
            if last.as_ref() != Some(&content) {
                let text =
                    text.map_err(|source| AuthConfigError::File { path: file.clone(), source });
                self.reload(text.and_then(|text| self.load(Some(&text))));
                last = Some(content);
            }
        }
    }

    fn reload(&self, outcome: Result<(), AuthConfigError>) {
        match outcome {
            Ok(()) => {
                self.reloads.ok.increment(1);
                match self.n_keys() {
                    0 => tracing::warn!("all API keys are revoked: their file has none any more"),
                    n_keys => tracing::info!(n_keys, "API keys read again"),
                }
            }
            Err(error) => {
                self.reloads.failed.increment(1);
                tracing::error!(%error, n_keys = self.n_keys(), "the API keys stay as they were");
            }
        }
    }

    /// Takes over a file's content; a key that did not change keeps its bucket as it is.
    fn load(&self, text: Option<&[u8]>) -> Result<(), AuthConfigError> {
        let source = self.file.as_deref().unwrap_or(Path::new("")).display().to_string();
        let text = String::from_utf8_lossy(text.unwrap_or_default());
        let ring = self.plain.clone().join(KeyRing::parse(&text, &source)?, &source)?;
        let now = self.callers.load();
        let callers = ring.keys().iter().map(|key| {
            let same = now.0.iter().find(|(known, _)| known == key);
            let caller = same.map_or_else(|| self.caller(key), |(_, caller)| Arc::clone(caller));
            (key.clone(), caller)
        });
        self.callers.store(Arc::new(Callers(callers.collect())));
        Ok(())
    }

    fn caller(&self, key: &Key) -> Arc<Caller> {
        let (per_second, burst) = self.rate;
        let rate = Rate::new(key.per_second.unwrap_or(per_second), key.burst.unwrap_or(burst));
        Arc::new(Caller::new(&key.name, rate))
    }
}

impl Reloads {
    fn register(exporter: &Exporter) -> Self {
        exporter.register(|| {
            const NAME: &str = "canopy_api_keys_reloads_total";
            describe_counter!(NAME, "Changes of the API keys file, by whether they could be used.");
            let reloads = Self {
                ok: counter!(NAME, "outcome" => "ok"),
                failed: counter!(NAME, "outcome" => "failed"),
            };
            reloads.ok.absolute(0);
            reloads.failed.absolute(0);
            reloads
        })
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, AuthConfigError> {
    fs::read(path).map_err(|source| AuthConfigError::File { path: path.to_owned(), source })
}

/// Finds the one key in a request's headers; `X-API-Key` comes first.
fn key_of(headers: &HeaderMap) -> Result<Option<&[u8]>, AuthError> {
    let only = |name: &HeaderName| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(|value| value.as_bytes().trim_ascii())),
            (_, Some(_)) => Err(AuthError::Malformed),
        }
    };
    let key = match only(&API_KEY_HEADER)? {
        Some(key) => Some(key),
        None => only(&header::AUTHORIZATION)?.map(bearer).transpose()?,
    };
    match key {
        Some([]) => Err(AuthError::Malformed),
        key => Ok(key),
    }
}

fn bearer(value: &[u8]) -> Result<&[u8], AuthError> {
    let (scheme, key) = value.split_at_checked(7).ok_or(AuthError::Malformed)?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer ");
    is_bearer.then(|| key.trim_ascii()).ok_or(AuthError::Malformed)
}

#[cfg(test)]
mod tests;
