//! Why the registry cannot be used, and why a version is refused.

use model::ModelError;

/// Why an operation on the registry failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A name that cannot be a folder.
    #[error(
        "`{0}` cannot be a model's name: use 1 to 63 of a-z, 0-9, `.`, `_` and `-`, a letter or digit first and last"
    )]
    InvalidName(String),
    /// A name that cannot be a file.
    #[error(
        "`{0}` cannot be an alias: use 1 to 63 of a-z, 0-9, `.`, `_` and `-`, a letter or digit first and last, such \
         as champion"
    )]
    InvalidAlias(String),
    /// A location that is no folder and no known URL.
    #[error("`{location}` cannot be a registry: {reason}")]
    Location {
        /// As it was given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing has been published under this name.
    #[error("model `{0}` has no versions in {1}")]
    UnknownModel(String, String),
    /// No such version.
    #[error("model `{model}` has no version {version}; it has {}", Numbers(known))]
    UnknownVersion {
        /// The model.
        model: String,
        /// The version asked for.
        version: u64,
        /// The versions there are.
        known: Vec<u64>,
    },
    /// No version is served under this alias.
    #[error("model `{model}` has no alias `{alias}`")]
    UnknownAlias {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
    },
    /// An alias file that says nothing.
    #[error("the alias file {path} is unreadable: {reason}")]
    UnreadableAlias {
        /// Its path in the registry.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The alias was moved by somebody else since it was looked at.
    #[error(
        "the alias `{alias}` of `{model}` was moved meanwhile by {by}: it names {}; look again, and run the command again",
        Named(version)
    )]
    Superseded {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
        /// The version it names now.
        version: Option<u64>,
        /// Who moved it.
        by: String,
    },
    /// A key file that is none.
    #[error("the key {path} cannot be used: {reason}")]
    Key {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The lock of a folder could not be had.
    #[error("the lock {path} could not be had: {reason}")]
    Lock {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Reading, writing or listing failed.
    #[error("{doing} failed{}", Advice(advice))]
    Store {
        /// What was being done.
        doing: String,
        /// What to do about it, where that is known.
        advice: Option<String>,
        /// The store's reason.
        #[source]
        source: object_store::Error,
    },
    /// The system gave no thread, which may pass.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The caller gave up; what had been written was removed.
    #[error("publishing was stopped; nothing was published")]
    Cancelled,
    /// The version is there, but the alias that the first version gets is not.
    #[error(
        "version {version} of `{model}` is published, but it could not be made the champion; promote it"
    )]
    NotChampion {
        /// The model.
        model: String,
        /// The version.
        version: u64,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// A version that fails its checks.
    #[error("version {version} of `{model}` is refused")]
    Refused {
        /// The model.
        model: String,
        /// The version.
        version: u64,
        /// Why.
        #[source]
        refusal: Refusal,
    },
}

/// Why a version may not be served.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A file that must be there is not.
    #[error("{0} is missing")]
    MissingFile(String),
    /// The manifest's seal does not match, so it was changed or cut short.
    #[error("manifest.json is damaged: {0}")]
    Seal(&'static str),
    /// Signatures are asked for and there is none.
    #[error("it is not signed: manifest.sig is missing, and only signed versions are trusted")]
    Unsigned,
    /// Signed with a key that is not trusted.
    #[error("it is signed with key {0}, which is not among the trusted keys")]
    UntrustedKey(String),
    /// A signature that is not that of the manifest.
    #[error("manifest.sig is wrong: {0}")]
    Signature(String),
    /// Larger than what may be loaded.
    #[error("its files take {found} bytes where {limit} are allowed")]
    TooLarge {
        /// What the manifest says.
        found: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The manifest says something this release does not understand.
    #[error("manifest.json does not say what it must: {0}")]
    Manifest(String),
    /// A manifest of another format.
    #[error(
        "manifest.json has format {found} where this release reads {expected}; train again, or use the release that wrote it"
    )]
    Format {
        /// The format found.
        found: u64,
        /// The format this release reads.
        expected: u32,
    },
    /// A manifest of another model or version than the folder it lies in.
    #[error("manifest.json is that of `{model}` version {version}: the folder was moved or copied")]
    Elsewhere {
        /// The model it names.
        model: String,
        /// The version it names.
        version: u64,
    },
    /// A file of another length than the manifest says.
    #[error("{file} is {found} bytes long where the manifest says {expected}")]
    Length {
        /// The file.
        file: String,
        /// Its length.
        found: u64,
        /// The length it had when it was published.
        expected: u64,
    },
    /// A file of another content than the manifest says.
    #[error("{file} is damaged: its sha256 is {found} where the manifest says {expected}")]
    Digest {
        /// The file.
        file: String,
        /// Its digest.
        found: String,
        /// The digest it had when it was published.
        expected: String,
    },
    /// Weights that are no model for this signature.
    #[error("weights.safetensors holds no model")]
    Model(#[from] ModelError),
    /// Golden rows that cannot be replayed.
    #[error("golden.json cannot be replayed: {0}")]
    Golden(String),
    /// The model answers otherwise than the training library did.
    #[error(
        "the parity check fails: golden row {row} gives {found} where the training library gave {expected}"
    )]
    Parity {
        /// The row, from 0.
        row: usize,
        /// What the loaded model predicts.
        found: f64,
        /// What the training library predicted.
        expected: f64,
    },
}

struct Advice<'a>(&'a Option<String>);

impl std::fmt::Display for Advice<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

struct Named<'a>(&'a Option<u64>);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(version) => write!(f, "version {version}"),
            None => f.write_str("no version"),
        }
    }
}

struct Numbers<'a>(&'a [u64]);

impl std::fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            numbers => {
                let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
                f.write_str(&numbers.join(", "))
            }
        }
    }
}
