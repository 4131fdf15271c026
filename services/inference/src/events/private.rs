//! Features whose values must not leave the server as they are.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::bail;
use registry::Manifest;

/// What an event says instead of a private value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// The first 64 bits of its HMAC-SHA256, keyed by the metrics key.
    Hash,
    /// That it is private.
    Omit,
}

/// A feature that is private, as `--private-features` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateFeature {
    name: String,
    treatment: Treatment,
}

impl FromStr for PrivateFeature {
    type Err = String;

    /// `NAME`, `NAME=omit` or `NAME=hash`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, treatment) = match text.rsplit_once('=') {
            None => (text, Treatment::Omit),
            Some((name, "omit")) => (name, Treatment::Omit),
            Some((name, "hash")) => (name, Treatment::Hash),
            Some(_) => return Err("write it as NAME, NAME=omit or NAME=hash".to_owned()),
        };
        match name.trim() {
            "" => Err("a name is empty; write it as NAME, NAME=omit or NAME=hash".to_owned()),
            name => Ok(Self { name: name.to_owned(), treatment }),
        }
    }
}

impl fmt::Display for PrivateFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// All that are private, and which of them have been met.
///
/// A name that no version has is probably misspelt, and the feature that was meant would leave in clear: no event is
/// sent until each name was met once. A later version may do without the feature; but where it was renamed, it leaves in
/// clear, so that is said once the version answers.
#[derive(Debug)]
pub(super) struct PrivateFeatures {
    features: Vec<PrivateFeature>,
    unmet: Mutex<BTreeSet<String>>,
    are_known: AtomicBool,
    /// The versions of which it was said that they do without a name.
    warned: Mutex<BTreeSet<(String, u64)>>,
}

impl PrivateFeatures {
    /// # Errors
    ///
    /// Where a name is there twice.
    pub(super) fn new(features: &[PrivateFeature]) -> anyhow::Result<Self> {
        let mut unmet = BTreeSet::new();
        for PrivateFeature { name, .. } in features {
            if !unmet.insert(name.clone()) {
                bail!("--private-features names `{name}` twice; name it once");
            }
        }
        let are_known = AtomicBool::new(unmet.is_empty());
        let unmet = Mutex::new(unmet);
        Ok(Self { features: features.to_vec(), unmet, are_known, warned: Mutex::default() })
    }

    /// What is done with a feature's values; none where they are not private.
    pub(super) fn treatment(&self, name: &str) -> Option<Treatment> {
        self.features.iter().find(|feature| feature.name == name).map(|feature| feature.treatment)
    }

    /// Whether each name was met.
    pub(super) fn are_known(&self) -> bool {
        self.are_known.load(Ordering::Relaxed)
    }

    /// Meets the features of a version that is to serve; says so where a name is still unknown.
    pub(super) fn meet(&self, manifest: &Manifest) {
        let mut unmet = self.unmet.lock().unwrap_or_else(PoisonError::into_inner);
        if unmet.is_empty() {
            return;
        }
        unmet.retain(|name| manifest.signature.index_of(name, 0).is_none());
        self.are_known.store(unmet.is_empty(), Ordering::Relaxed);
        for name in &*unmet {
            let hint = manifest.signature.suggest(name);
            tracing::error!(
                model.name = %manifest.model,
                model.version = manifest.version,
                "no prediction event is sent: --private-features names `{name}`, which no version so far has{}",
                hint.map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default()
            );
        }
    }

    /// Says once of a version that answers which names it does without, where others have them.
    pub(super) fn warn_of_absent(&self, manifest: &Manifest) {
        let names = self.absent(manifest);
        let version = (manifest.model.to_string(), manifest.version);
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if names.is_empty() || !warned.insert(version) {
            return;
        }
        tracing::warn!(
            model.name = %manifest.model,
            model.version = manifest.version,
            names = names.join(", "),
            "the version has no features of these names of --private-features; where one was renamed, its values leave \
             in clear: add the new name, and restart the server"
        );
    }

    /// The names that were met, and that this version does not have; those that never were have been said already.
    fn absent(&self, manifest: &Manifest) -> Vec<&str> {
        let unmet = self.unmet.lock().unwrap_or_else(PoisonError::into_inner);
        let names = self.features.iter().map(|feature| feature.name.as_str());
        let is_absent = |name: &&str| manifest.signature.index_of(name, 0).is_none();
        names.filter(|name| !unmet.contains(*name)).filter(is_absent).collect()
    }

    /// Says that without a key nothing can be hashed, where something was to be.
    pub(super) fn warn_without(&self, has_key: bool) {
        let is_hashed = |feature: &PrivateFeature| feature.treatment == Treatment::Hash;
        if !has_key && self.features.iter().any(is_hashed) {
            tracing::warn!(
                "without --metrics-key-file no private value is hashed; all are left out"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_what_is_done_with_them() {
        let read = |text: &str| text.parse::<PrivateFeature>().map(|f| (f.name, f.treatment));
        assert_eq!(read("age"), Ok(("age".to_owned(), Treatment::Omit)));
        assert_eq!(read("age=omit"), Ok(("age".to_owned(), Treatment::Omit)));
        assert_eq!(read(" age =hash"), Ok(("age".to_owned(), Treatment::Hash)));
        assert_eq!(read("a=b=hash"), Ok(("a=b".to_owned(), Treatment::Hash)));
        for wrong in ["", "=hash", "age=clear", "a=b"] {
            assert!(read(wrong).expect_err(wrong).contains("NAME=hash"));
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let features: Vec<_> = ["a=hash", "b", "a"].map(|f| f.parse().expect("valid")).into();
        let error = PrivateFeatures::new(&features).expect_err("twice").to_string();
        assert!(error.contains("`a` twice"), "{error}");
    }

    #[test]
    fn nothing_is_sent_until_each_name_was_met_once() {
        let manifest = |model: &str| crate::testing::manifest(testkit::draft(model, 1.0));
        let read = |names: &[&str]| {
            let features: Vec<_> = names.iter().map(|f| f.parse().expect("valid")).collect();
            PrivateFeatures::new(&features).expect("each once")
        };
        assert!(read(&[]).are_known());
        let private = read(&["carat", "cut=hash"]);
        assert!(!private.are_known());
        private.meet(&manifest("diamonds"));
        assert!(private.are_known());
        let private = read(&["carat", "caret"]);
        private.meet(&manifest("diamonds"));
        assert!(!private.are_known());
        assert!(private.absent(&manifest("diamonds")).is_empty(), "the log says so already");
    }
}
