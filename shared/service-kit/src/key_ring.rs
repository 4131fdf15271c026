//! API keys at rest: names and digests, read from a file, never the keys themselves.
//!
//! Which request carries which key is decided in [`crate::auth`].

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The SHA-256 of a key or of a file's content.
pub(crate) type Sha256Digest = [u8; 32];

const MAX_NAME_LEN: usize = 64;

/// The keys a server accepts. Its `Debug` output shows names only.
#[derive(Clone, Default)]
pub struct KeyRing {
    keys: Vec<Key>,
}

/// One accepted key, without the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    pub(crate) name: String,
    pub(crate) digest: Sha256Digest,
    pub(crate) per_second: Option<u32>,
    pub(crate) burst: Option<u32>,
}

/// Says where a list of keys is wrong and what belongs there; it quotes neither key nor digest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}")]
pub struct KeyRingError {
    place: String,
    expected: String,
}

/// Ends every error about a digest.
const HOW_TO_MAKE_A_DIGEST: &str =
    "a SHA-256 digest of 64 hex digits, made with `printf %s \"$KEY\" | sha256sum`";

/// Ends the error about a plain key that may have been cut at the wrong colon.
const NO_COLONS: &str = "`NAME:KEY` or `KEY` with at most one `:`; keys with a colon belong into \
                         the file of `--api-keys-file`";

/// What callers without a key are called in logs and series; no key can have this name.
pub const ANONYMOUS: &str = "anonymous";

impl KeyRing {
    /// Reads a file's content: a key a line, `NAME SHA256HEX [rate=500] [burst=1000]`.
    ///
    /// Blank lines, lines that begin with `#` and a byte order mark are left out. `rate` is in requests a second,
    /// 0 for no limit; `burst` is how many may come at once.
    ///
    /// # Errors
    ///
    /// Names `source`, the line, and what was expected there.
    ///
    /// # Examples
    ///
    /// ```
    /// use service_kit::key_ring::KeyRing;
    ///
    /// let digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
    /// let ring = KeyRing::parse(&format!("# demo\nteam-a {digest} rate=500\n"), "keys.txt").unwrap();
    /// assert_eq!(ring.len(), 1);
    /// ```
    pub fn parse(text: &str, source: &str) -> Result<Self, KeyRingError> {
        let mut ring = Self::default();
        // Some editors begin a file with the mark; it would become a part of the first name.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (idx, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            parse_line(line)
                .and_then(|key| ring.add(key))
                .map_err(|expected| KeyRingError { place: place(source, idx + 1), expected })?;
        }
        Ok(ring)
    }

    /// Reads plain keys, as a demo sets them: `NAME:KEY` or `KEY`, separated by commas.
    ///
    /// A key without a name is called `key-1`, `key-2` and so on, by its position.
    /// A key with a colon in it cannot be told from a name and a key: it belongs into a file.
    ///
    /// # Errors
    ///
    /// Names `source`, the entry's position, and what was expected there.
    pub fn parse_plain(text: &str, source: &str) -> Result<Self, KeyRingError> {
        let mut ring = Self::default();
        let entries = text.split(',').map(str::trim).enumerate();
        for (idx, entry) in entries.filter(|(_, entry)| !entry.is_empty()) {
            let unnamed = format!("key-{}", idx + 1);
            let (name, key) = entry.split_once(':').unwrap_or((&unnamed, entry));
            parse_plain_key(name, key).and_then(|key| ring.add(key)).map_err(|expected| {
                KeyRingError { place: format!("{source}, entry {}", idx + 1), expected }
            })?;
        }
        Ok(ring)
    }

    /// Joins two rings.
    ///
    /// # Errors
    ///
    /// A name or a key is in both; `source` is where `other` came from.
    pub fn join(mut self, other: Self, source: &str) -> Result<Self, KeyRingError> {
        for key in other.keys {
            self.add(key)
                .map_err(|expected| KeyRingError { place: source.to_owned(), expected })?;
        }
        Ok(self)
    }

    /// Counts the keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Tells whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Gives the keys in the order they were read.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    fn add(&mut self, key: Key) -> Result<(), String> {
        if self.keys.iter().any(|other| other.name == key.name) {
            return Err(format!("a name of its own; `{}` is there already", key.name));
        }
        if let Some(same) = self.keys.iter().find(|other| other.digest == key.digest) {
            return Err(format!("a key of its own; `{}` has the same one", same.name));
        }
        self.keys.push(key);
        Ok(())
    }
}

/// Finds a digest among others in a time that depends only on how many there are.
pub(crate) fn find<'a>(
    wanted: &Sha256Digest,
    digests: impl Iterator<Item = &'a Sha256Digest>,
) -> Option<usize> {
    // 0 stands for none; positions count from 1.
    let mut found = 0_u64;
    for (position, digest) in (1_u64..).zip(digests) {
        found.conditional_assign(&position, digest.ct_eq(wanted));
    }
    usize::try_from(found).ok()?.checked_sub(1)
}

/// Gives the digest under which a key is known.
pub(crate) fn digest(bytes: &[u8]) -> Sha256Digest {
    Sha256::digest(bytes).into()
}

fn place(source: &str, line: usize) -> String {
    format!("{source}, line {line}")
}

fn parse_line(line: &str) -> Result<Key, String> {
    let mut words = line.split_whitespace();
    let name = parse_name(words.next().unwrap_or_default())?;
    let digest = words
        .next()
        .and_then(parse_hex)
        .ok_or_else(|| format!("after the name {HOW_TO_MAKE_A_DIGEST}"))?;
    let mut key = Key { name, digest, per_second: None, burst: None };
    for word in words {
        let (slot, value) = match word.split_once('=') {
            Some(("rate", value)) => (&mut key.per_second, value.parse().ok()),
            Some(("burst", value)) => (&mut key.burst, value.parse().ok().filter(|n| *n > 0)),
            _ => return Err("nothing after the digest but `rate=` and `burst=`".to_owned()),
        };
        if slot.is_some() {
            return Err("`rate=` and `burst=` once each".to_owned());
        }
        *slot = Some(value.ok_or("`rate=` a whole number, `burst=` one of at least 1")?);
    }
    Ok(key)
}

fn parse_plain_key(name: &str, key: &str) -> Result<Key, String> {
    if key.contains(':') {
        return Err(NO_COLONS.to_owned());
    }
    let name = parse_name(name)?;
    if key.is_empty() {
        return Err("a key after the name and `:`".to_owned());
    }
    Ok(Key { name, digest: digest(key.as_bytes()), per_second: None, burst: None })
}

fn parse_name(name: &str) -> Result<String, String> {
    if name == ANONYMOUS {
        return Err(format!("another name than `{ANONYMOUS}`, which callers without a key have"));
    }
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=MAX_NAME_LEN).contains(&name.len()) && name.chars().all(is_fit) {
        return Ok(name.to_owned());
    }
    // What is not a name may be a key in the wrong place, so it is not quoted.
    Err("a name of 1 to 64 letters, digits, `.`, `_` or `-`".to_owned())
}

fn parse_hex(text: &str) -> Option<Sha256Digest> {
    let mut digest = Sha256Digest::default();
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != digest.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        let nibble = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(nibble(0)? * 16 + nibble(1)?).ok()?;
    }
    Some(digest)
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("per_second", &self.per_second)
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The SHA-256 of `foo`.
    const FOO: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
    /// The SHA-256 of `bar`.
    const BAR: &str = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9";

    fn error(text: &str) -> String {
        let error = KeyRing::parse(text, "keys.txt").unwrap_err().to_string();
        assert!(!error.contains(&FOO[..8]), "{error}");
        error
    }

    #[test]
    fn reads_names_digests_and_limits() {
        let upper = BAR.to_uppercase();
        let text = format!("# keys\n\n  a {FOO} burst=2 rate=0\r\nb.c-d_e\t{upper}\n");
        let ring = KeyRing::parse(&text, "keys.txt").unwrap();
        let [a, b] = ring.keys() else { panic!("{ring:?}") };
        assert_eq!(a.digest, digest(b"foo"));
        assert_eq!((a.per_second, a.burst), (Some(0), Some(2)));
        assert_eq!((b.name.as_str(), b.digest), ("b.c-d_e", digest(b"bar")));
    }

    #[test]
    fn an_error_names_file_line_and_what_was_expected() {
        let text = error(&format!("\n# a comment\na {}\n", &FOO[1..]));
        let expected = "keys.txt, line 3: expected after the name a SHA-256 digest of 64 hex \
                        digits, made with `printf %s \"$KEY\" | sha256sum`";
        assert_eq!(text, expected);
        assert!(error("a\n").contains("line 1: expected after the name a SHA-256"));
        assert!(error(&format!("a b {FOO}")).contains("SHA-256"));
        assert!(error(&format!("a/b {FOO}")).contains("a name of 1 to 64"));
        assert!(error(&format!("{} {FOO}", "a".repeat(65))).contains("a name of 1 to 64"));
        assert!(error(&format!("a {FOO} rate=fast")).contains("a whole number"));
        assert!(error(&format!("a {FOO} burst=0")).contains("at least 1"));
        assert!(error(&format!("a {FOO} rate=1 rate=2")).contains("once each"));
        assert!(error(&format!("a {FOO} admin")).contains("nothing after the digest"));
        assert!(error(&format!("a {FOO}\na {BAR}")).contains("line 2: expected a name of its own"));
        assert!(error(&format!("a {FOO}\nb {FOO}")).contains("`a` has the same one"));
    }

    #[test]
    fn reads_plain_keys_with_and_without_names() {
        let ring = KeyRing::parse_plain("foo, team:bar,", "KEYS").unwrap();
        let names: Vec<_> = ring.keys().iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["key-1", "team"]);
        assert_eq!(ring.keys()[1].digest, digest(b"bar"));
        let error = KeyRing::parse_plain("ok, my secret:word", "KEYS").unwrap_err().to_string();
        assert!(error.starts_with("KEYS, entry 2: expected a name"), "{error}");
        assert!(!error.contains("secret"));
        assert!(KeyRing::parse_plain("name:", "KEYS").is_err());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        let ring = KeyRing::parse(&format!("\u{feff}a {FOO}"), "keys.txt").unwrap();
        assert_eq!(ring.keys()[0].name, "a");
        assert!(KeyRing::parse("\u{feff}\n# no key\n", "keys.txt").unwrap().is_empty());
    }

    #[test]
    fn anonymous_is_the_name_of_nobody() {
        assert!(error(&format!("anonymous {FOO}")).contains("another name than `anonymous`"));
        assert!(KeyRing::parse_plain("anonymous:foo", "KEYS").is_err());
    }

    #[test]
    fn a_plain_key_with_a_colon_is_sent_to_a_file() {
        for keys in ["team:secret:word", "two words:secret:word", ":secret:word", "team::"] {
            let error = KeyRing::parse_plain(keys, "KEYS").unwrap_err().to_string();
            assert!(error.contains("keys with a colon belong into the file"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn finds_each_digest_and_no_other() {
        let digests = [digest(b"foo"), digest(b"bar"), digest(b"baz")];
        for (idx, wanted) in digests.iter().enumerate() {
            assert_eq!(find(wanted, digests.iter()), Some(idx));
        }
        assert_eq!(find(&digest(b"qux"), digests.iter()), None);
        assert_eq!(find(&digest(b"qux"), [].iter()), None);
        for byte in 0..32 {
            let mut nearly = digests[1];
            nearly[byte] ^= 1;
            assert_eq!(find(&nearly, digests.iter()), None);
        }
    }

    #[test]
    fn debug_shows_no_digest() {
        let ring = KeyRing::parse(&format!("a {FOO}"), "keys.txt").unwrap();
        let text = format!("{ring:?}");
        assert!(
            text.contains("\"a\"") && !text.contains("digest") && !text.contains("2c"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_ring_or_an_error(text in any::<String>(), line in "[a-z #=\t]{0,9}[0-9a-f]{62,66}.{0,20}") {
            let _ = KeyRing::parse(&text, "keys.txt");
            let _ = KeyRing::parse(&line, "keys.txt");
            let _ = KeyRing::parse_plain(&text, "KEYS");
        }

        #[test]
        fn what_is_written_is_read(name in "[A-Za-z0-9._-]{1,64}", key: Vec<u8>, rate: Option<u32>) {
            let digest = digest(&key);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let rate_word = rate.map_or_else(String::new, |rate| format!("rate={rate}"));
            let ring = KeyRing::parse(&format!("{name} {hex} {rate_word}"), "keys.txt").unwrap();
            let expected = Key { name, digest, per_second: rate, burst: None };
            prop_assert_eq!(ring.keys(), &[expected]);
        }
    }
}
