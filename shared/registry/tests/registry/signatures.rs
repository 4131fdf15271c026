//! Signed versions: whose signature counts, what it covers, and what key files may hold.

use std::path::PathBuf;

use object_store::path::Path;
use proptest::prelude::*;
use registry::{Refusal, Registry, RegistryError, SigningKey, TrustedKey};
use tempfile::TempDir;
use testkit::{TESTS, draft};
use tokio_util::sync::CancellationToken;

use crate::place::{Place, diamonds};

/// `openssl genpkey -algorithm ed25519` of OpenSSL 3, for this test alone; in pieces, so that nobody who looks for
/// lost keys finds this one.
const OPENSSL: &str = concat!(
    "-----BEGIN ",
    "PRIVATE KEY-----\n",
    "MC4CAQAwBQYDK2VwBCIEIKp5NeCg/K8pL3hcfZI5Pd8vtWIXIrDTLr/FsJz5ySLL\n",
    "-----END PRIVATE KEY-----\n",
);
/// `openssl pkey -pubout` of it.
const OPENSSL_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAh2C3/jL7rVa4K4Qk2ob3zclw6FbblJhLZtJru3PWYgA=
-----END PUBLIC KEY-----
";
/// The same of an X25519 key, which signs nothing.
const X25519: &str = concat!(
    "-----BEGIN ",
    "PRIVATE KEY-----\n",
    "MC4CAQAwBQYDK2VuBCIEINgdUxfqrE94uqG++M91z7+c+0kGNxrcThwOujiuXItk\n",
    "-----END PRIVATE KEY-----\n",
);
const X25519_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VuAyEABp6IimXk74AtFlzNSU2g+tkY9pim7/+UXQP2ftz2RDs=
-----END PUBLIC KEY-----
";

/// A folder for key files.
struct Keys(TempDir);

impl Keys {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// A new pair.
    fn pair(&self) -> (SigningKey, TrustedKey) {
        let (private, public) = SigningKey::generate().expect("a pair");
        self.read(&private, &public)
    }

    fn read(&self, private: &str, public: &str) -> (SigningKey, TrustedKey) {
        let signing = SigningKey::from_file(&self.file("key.pem", private));
        let trusted = TrustedKey::from_file(&self.file("key.pub", public));
        (signing.expect("a private key"), trusted.expect("a public key"))
    }
}

fn signature_path(version: u64) -> Path {
    Path::from(format!("diamonds/versions/{version}/manifest.sig"))
}

/// Publishes a version, signed or not.
async fn publish(place: &Place, key: Option<&SigningKey>) {
    let never = CancellationToken::new();
    let published = place.registry.publish(draft("diamonds", 1.0), TESTS, key, &never).await;
    published.expect("published");
}

async fn refusal(registry: &Registry, version: u64) -> Refusal {
    match registry.load(&diamonds(), version).await {
        Err(RegistryError::Refused { refusal, .. }) => refusal,
        other => panic!("version {version} is not refused: {other:?}"),
    }
}

#[tokio::test]
async fn of_several_trusted_keys_each_counts() {
    let (place, keys) = (Place::memory(), Keys::new());
    let [(old, old_public), (new, new_public), (other, _)] =
        [keys.pair(), keys.pair(), keys.pair()];
    for key in [Some(&old), Some(&new), Some(&other), None] {
        publish(&place, key).await;
    }
    let rotating = place.registry.clone().trusting(vec![old_public.clone(), new_public.clone()]);
    for version in [1, 2] {
        rotating.load(&diamonds(), version).await.expect("signed with a trusted key");
    }
    assert_eq!(refusal(&rotating, 3).await, Refusal::UntrustedKey(other.id()));
    assert_eq!(refusal(&rotating, 4).await, Refusal::Unsigned);
    // Once the old key is no longer trusted, its versions must be signed again.
    let rotated = place.registry.clone().trusting(vec![new_public]);
    assert_eq!(refusal(&rotated, 1).await, Refusal::UntrustedKey(old.id()));
    rotated.sign(&diamonds(), 1, &new).await.expect("signed");
    rotated.load(&diamonds(), 1).await.expect("signed with the new key");
    assert_eq!((old.id().len(), old.id()), (16, old_public.id().to_owned()));
}

#[tokio::test]
async fn without_trusted_keys_a_version_needs_no_signature() {
    let place = Place::memory();
    publish(&place, None).await;
    place.registry.load(&diamonds(), 1).await.expect("nobody asks for a signature");
    let none = place.registry.clone().trusting(Vec::new());
    none.load(&diamonds(), 1).await.expect("an empty list asks for none either");
}

#[tokio::test]
async fn a_signature_of_another_version_is_refused() {
    let (place, keys) = (Place::memory(), Keys::new());
    let (key, public) = keys.pair();
    publish(&place, Some(&key)).await;
    publish(&place, Some(&key)).await;
    let first = place.read(&signature_path(1)).await;
    place.write(&signature_path(2), first).await;
    let registry = place.registry.clone().trusting(vec![public]);
    registry.load(&diamonds(), 1).await.expect("its own");
    let expected = format!(
        "manifest.sig is wrong: it is not that of key {} over this manifest.json",
        key.id()
    );
    assert_eq!(refusal(&registry, 2).await.to_string(), expected);
    assert!(registry.manifest(&diamonds(), 2).await.is_err(), "nor is its manifest shown");
}

#[tokio::test]
async fn every_flipped_byte_of_a_signature_is_refused() {
    let (place, keys) = (Place::memory(), Keys::new());
    let (key, public) = keys.pair();
    publish(&place, Some(&key)).await;
    let registry = place.registry.clone().trusting(vec![public]);
    let whole = place.read(&signature_path(1)).await;
    for at in 0..whole.len() {
        for mask in [1, 2, 4, 8, 16, 32, 64, 128, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            place.write(&signature_path(1), bytes).await;
            let refusal = refusal(&registry, 1).await;
            assert!(
                matches!(refusal, Refusal::Signature(_) | Refusal::UntrustedKey(_)),
                "byte {at} ^ {mask}: {refusal}"
            );
        }
    }
    place.write(&signature_path(1), whole).await;
    registry.load(&diamonds(), 1).await.expect("whole again");
}

#[tokio::test]
async fn keys_that_openssl_made_sign_and_verify() {
    let (place, keys) = (Place::memory(), Keys::new());
    let (key, public) = keys.read(OPENSSL, OPENSSL_PUBLIC);
    // `openssl pkey -pubin -outform DER | tail -c 32 | sha256sum`
    assert_eq!((key.id().as_str(), public.id()), ("5db4c68b5fc90c55", "5db4c68b5fc90c55"));
    publish(&place, Some(&key)).await;
    let registry = place.registry.clone().trusting(vec![public]);
    registry.load(&diamonds(), 1).await.expect("signed with a trusted key");
}

#[test]
fn key_files_that_are_none_are_named_with_what_is_wrong() {
    const NO_PRIVATE: &str =
        "it is no PEM file with an Ed25519 PRIVATE KEY; canopy-trainer keygen makes one";
    const NO_PUBLIC: &str =
        "it is no PEM file with an Ed25519 PUBLIC KEY; canopy-trainer keygen makes one";
    let keys = Keys::new();
    let cut = &OPENSSL[..60];
    let signing = [
        ("", NO_PRIVATE),
        ("secret", NO_PRIVATE),
        (cut, NO_PRIVATE),
        (X25519, NO_PRIVATE),
        (OPENSSL_PUBLIC, "it holds a public key; versions are signed with the private one"),
    ];
    for (text, expected) in signing {
        let path = keys.file("signing.pem", text);
        let error = SigningKey::from_file(&path).expect_err(text).to_string();
        assert_eq!(error, format!("the key {} cannot be used: {expected}", path.display()));
    }
    let trusted = [
        ("", NO_PUBLIC),
        ("secret", NO_PUBLIC),
        (X25519_PUBLIC, NO_PUBLIC),
        (
            OPENSSL,
            "it holds a private key; give the public one here, and keep the private one where versions are signed",
        ),
    ];
    for (text, expected) in trusted {
        let path = keys.file("trusted.pem", text);
        let error = TrustedKey::from_file(&path).expect_err(text).to_string();
        assert_eq!(error, format!("the key {} cannot be used: {expected}", path.display()));
    }
    let nowhere = keys.0.path().join("nowhere.pem");
    let error = SigningKey::from_file(&nowhere).expect_err("no file").to_string();
    assert!(error.contains("nowhere.pem cannot be used: No such file"), "{error}");
}

#[test]
fn a_signing_key_is_not_written_into_logs() {
    let keys = Keys::new();
    let (key, _) = keys.read(OPENSSL, OPENSSL_PUBLIC);
    assert_eq!(format!("{key:?}"), "SigningKey(\"5db4c68b5fc90c55\")");
}

proptest! {
    #[test]
    fn any_bytes_as_a_signature_are_refused(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            "\\{\"algorithm\":\"ed25519\",\"key\":\"5db4c68b5fc90c55\",\"signature\":\"[a-zA-Z0-9+/=]{0,90}\"\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (place, keys) = (Place::memory(), Keys::new());
            let (key, public) = keys.read(OPENSSL, OPENSSL_PUBLIC);
            publish(&place, Some(&key)).await;
            place.write(&signature_path(1), bytes).await;
            refusal(&place.registry.clone().trusting(vec![public]), 1).await;
        });
    }
}
