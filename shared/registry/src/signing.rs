//! `manifest.sig`: an Ed25519 signature over the bytes of `manifest.json` (RFC 8032), which names every other file.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Serialize};

use crate::{Refusal, RegistryError, sha256_hex};

/// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0];

/// The content of `manifest.sig`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    algorithm: Algorithm,
    /// Which key: see [`TrustedKey::id`].
    key: String,
    /// 64 bytes as Base64.
    signature: String,
}

/// How a signature was made: one way only.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Algorithm {
    Ed25519,
}

/// A private key that versions are signed with.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.id()).finish()
    }
}

impl SigningKey {
    /// Makes a key pair: the private key (PKCS #8) and the public one (SubjectPublicKeyInfo), both as PEM.
    ///
    /// # Errors
    ///
    /// Where the system has no randomness.
    pub fn generate() -> Result<(String, String), RegistryError> {
        let failed = |_| RegistryError::Key {
            path: "a new key".to_owned(),
            reason: "the system gives no random bytes".to_owned(),
        };
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?;
        let pair =
            Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key that was just made is one");
        let public = [&SPKI_PREFIX[..], pair.public_key().as_ref()].concat();
        Ok((pem("PRIVATE KEY", pkcs8.as_ref()), pem("PUBLIC KEY", &public)))
    }

    /// Reads a PEM file with an Ed25519 key in PKCS #8, as `canopy-trainer keygen` and
    /// `openssl genpkey -algorithm ed25519` write it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or is no such key.
    pub fn from_file(path: &Path) -> Result<Self, RegistryError> {
        let refuse = refusal(path, "PRIVATE KEY");
        let pem = std::fs::read(path).map_err(|error| refuse(&error.to_string()))?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem);
        let der = der.map_err(|_| refuse(mistaken(&pem, "PUBLIC KEY")))?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
            .map(Self)
            .map_err(|_| refuse(""))
    }

    /// Which key it is: see [`TrustedKey::id`].
    pub fn id(&self) -> String {
        id(self.0.public_key().as_ref())
    }

    /// The content of `manifest.sig`.
    pub(crate) fn sign(&self, manifest: &[u8]) -> Vec<u8> {
        let signed = Signed {
            algorithm: Algorithm::Ed25519,
            key: self.id(),
            signature: BASE64_STANDARD.encode(self.0.sign(manifest)),
        };
        serde_json::to_vec_pretty(&signed).expect("a signature is JSON")
    }
}

/// A public key whose signatures are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    id: String,
    public: [u8; 32],
}

impl TrustedKey {
    /// Reads a PEM file with an Ed25519 public key, as `canopy-trainer keygen` and `openssl pkey -pubout` write it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or is no such key.
    pub fn from_file(path: &Path) -> Result<Self, RegistryError> {
        let refuse = refusal(path, "PUBLIC KEY");
        let pem = std::fs::read(path).map_err(|error| refuse(&error.to_string()))?;
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&pem);
        let der = der.map_err(|_| refuse(mistaken(&pem, "PRIVATE KEY")))?;
        let public = der.as_ref().strip_prefix(&SPKI_PREFIX).ok_or_else(|| refuse(""))?;
        let public: [u8; 32] = public.try_into().map_err(|_| refuse(""))?;
        Ok(Self { id: id(&public), public })
    }

    /// The first 16 hexadecimal digits of the SHA-256 of the key's 32 bytes.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Checks a signature against the keys that are trusted.
pub(crate) fn check(
    keys: &Arc<[TrustedKey]>,
    manifest: &[u8],
    signature: Option<&[u8]>,
) -> Result<(), Refusal> {
    let Some(signature) = signature else { return Err(Refusal::Unsigned) };
    let signed: Signed =
        serde_json::from_slice(signature).map_err(|error| Refusal::Signature(error.to_string()))?;
    let Some(key) = keys.iter().find(|key| key.id == signed.key) else {
        return Err(Refusal::UntrustedKey(signed.key));
    };
    let bytes = BASE64_STANDARD
        .decode(&signed.signature)
        .map_err(|error| Refusal::Signature(error.to_string()))?;
    UnparsedPublicKey::new(&ED25519, &key.public).verify(manifest, &bytes).map_err(|_| {
        Refusal::Signature(format!("it is not that of key {} over this manifest.json", key.id))
    })
}

/// What is wrong with a file that holds the other half of a key.
fn mistaken(pem: &[u8], other: &str) -> &'static str {
    let is_other = String::from_utf8_lossy(pem).contains(&format!("-----BEGIN {other}-----"));
    match (is_other, other) {
        (true, "PRIVATE KEY") => {
            "it holds a private key; give the public one here, and keep the private one where versions are signed"
        }
        (true, _) => "it holds a public key; versions are signed with the private one",
        _ => "",
    }
}

fn refusal<'p>(path: &'p Path, label: &'p str) -> impl Fn(&str) -> RegistryError + 'p {
    move |reason| RegistryError::Key {
        path: path.display().to_string(),
        reason: match reason {
            "" => format!(
                "it is no PEM file with an Ed25519 {label}; canopy-trainer keygen makes one"
            ),
            reason => reason.to_owned(),
        },
    }
}

fn id(public: &[u8]) -> String {
    let mut id = sha256_hex(public);
    id.truncate(16);
    id
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64 is ASCII"))
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
