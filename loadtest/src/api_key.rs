//! The key that requests carry: read here, sent by [`crate::target`], printed by nobody.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use hyper::header::HeaderValue;

/// The variable that holds the key itself; there is no such flag, for flags are seen by everybody on the machine.
pub(crate) const VARIABLE: &str = "CANOPY_LOADTEST_API_KEY";

/// A key that keeps out of logs.
#[derive(Clone)]
pub(crate) struct ApiKey(String);

impl ApiKey {
    /// Takes the key from a file or from the variable's value; none where there is neither.
    ///
    /// # Errors
    ///
    /// Where both are given, the file cannot be read, or what it holds cannot be a key.
    pub(crate) fn read(
        file: Option<&Path>,
        variable: Option<String>,
    ) -> anyhow::Result<Option<Self>> {
        let variable = variable.filter(|key| !key.trim().is_empty());
        let (key, source) = match (file, variable) {
            (Some(_), Some(_)) => bail!("give --api-key-file or {VARIABLE}, not both"),
            (Some(path), None) => {
                let key = fs::read_to_string(path)
                    .with_context(|| format!("reading the API key from {}", path.display()))?;
                (key, path.display().to_string())
            }
            (None, Some(key)) => (key, VARIABLE.to_owned()),
            (None, None) => return Ok(None),
        };
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("{source} must hold one API key: visible ASCII characters on one line");
        }
        Ok(Some(Self(key.to_owned())))
    }

    /// The header's value, which knows that it is a secret.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&self.0).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Text of a server, which could repeat what it was sent, without the key.
    pub(crate) fn removed_from(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file
    }

    #[test]
    fn reads_a_file_or_the_variable_but_not_both() {
        let secret = file("secret\n");
        let read = |file, variable: Option<&str>| ApiKey::read(file, variable.map(str::to_owned));
        for key in [read(Some(secret.path()), None), read(None, Some("secret"))] {
            let header = key.expect("a key").expect("given").header().expect("a header");
            assert_eq!((header.to_str().ok(), header.is_sensitive()), (Some("secret"), true));
        }
        assert!(read(None, None).expect("no key").is_none());
        assert!(read(None, Some("")).expect("an empty variable is none").is_none());
        let error = read(Some(secret.path()), Some("secret")).expect_err("both").to_string();
        assert!(error.contains("not both") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn refuses_what_cannot_be_a_key_without_repeating_it() {
        for text in ["", " \n", "secret\nother", "sécret"] {
            let error = ApiKey::read(Some(file(text).path()), None).expect_err(text).to_string();
            assert!(error.contains("one API key") && !error.contains("cret"), "{error}");
        }
    }

    #[test]
    fn is_not_printed() {
        let key = ApiKey("secret".to_owned());
        assert_eq!(format!("{key:?} {:?}", key.header()), "[key] Some(Sensitive)");
        assert_eq!(key.removed_from("no secret here"), "no [key] here");
    }
}
