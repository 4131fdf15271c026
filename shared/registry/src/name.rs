//! A model's name, checked so that it can be a folder, a label and part of a URL.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::RegistryError;

/// 1 to 63 of `a-z 0-9 . _ -`, first and last a letter or digit: no path can leave the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ModelName(String);

impl ModelName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ModelName {
    type Error = RegistryError;

    fn try_from(name: String) -> Result<Self, RegistryError> {
        if is_name(&name) { Ok(Self(name)) } else { Err(RegistryError::InvalidName(name)) }
    }
}

impl FromStr for ModelName {
    type Err = RegistryError;

    fn from_str(name: &str) -> Result<Self, RegistryError> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether it can be a model's name, or an alias's.
pub(crate) fn is_name(name: &str) -> bool {
    let is_alphanumeric = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = name.as_bytes();
    matches!(bytes.len(), 1..=63)
        && bytes.iter().all(|c| is_alphanumeric(c) || b"._-".contains(c))
        && bytes.first().is_some_and(is_alphanumeric)
        && bytes.last().is_some_and(is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::file_path;

    #[test]
    fn takes_names_that_can_be_a_folder() {
        for name in ["diamonds", "a", "price-2.1_eu", "a..b", &"x".repeat(63)] {
            assert!(name.parse::<ModelName>().is_ok(), "{name}");
        }
        let refused = [
            "", ".", "..", "../x", "a/../b", "a/b", "/a", "a\\b", "%2e%2e", "-a", "a.", ".a", "A",
            "é", "a b", "a\n", "a\0", "．．", "a:b", "~",
        ];
        for name in refused {
            assert!(name.parse::<ModelName>().is_err(), "{name:?}");
        }
        assert!("x".repeat(64).parse::<ModelName>().is_err());
    }

    proptest! {
        #[test]
        fn every_name_that_is_taken_stays_inside(name in prop_oneof![any::<String>(), "[a-z0-9._/%-]{1,8}"]) {
            if let Ok(name) = name.parse::<ModelName>() {
                let path = file_path(&name, 1, "manifest.json");
                prop_assert_eq!(path.as_ref(), format!("{name}/versions/1/manifest.json"));
                prop_assert_eq!(path.parts().count(), 4);
                let folder = std::path::Path::new("/registry").join(name.as_str());
                prop_assert_eq!(folder.components().count(), 3);
                let component = folder.components().next_back();
                prop_assert!(matches!(component, Some(std::path::Component::Normal(_))));
            }
        }
    }
}
