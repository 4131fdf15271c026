//! The ordered features of a model and its output: the only source of feature order.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Dtype, Feature, Output, closest};

/// Why a signature is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SignatureError {
    /// There is nothing to predict from.
    #[error("the signature has no features")]
    NoFeatures,
    /// A model answers with one number.
    #[error("the signature has {0} outputs where there must be one")]
    Outputs(usize),
    /// A name is empty.
    #[error("feature {0} has an empty name")]
    EmptyName(usize),
    /// Two features, or a feature and the target, share a name.
    #[error("the name `{0}` is used twice")]
    DuplicateName(String),
    /// A range is not finite or is upside down.
    #[error("the range of `{0}` is not an interval of finite numbers")]
    Range(String),
    /// Categories are absent, unsorted, repeated, or given for a dtype that has none.
    #[error(
        "the categories of `{0}` must be there for a category only, ascending and without repeats"
    )]
    Categories(String),
}

/// Ordered features and the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Signature {
    features: Vec<Feature>,
    outputs: Vec<Output>,
    #[serde(skip_serializing)]
    index: HashMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    features: Vec<Feature>,
    outputs: Vec<Output>,
}

impl TryFrom<Unchecked> for Signature {
    type Error = SignatureError;

    fn try_from(unchecked: Unchecked) -> Result<Self, SignatureError> {
        let n_outputs = unchecked.outputs.len();
        let [output] = <[Output; 1]>::try_from(unchecked.outputs)
            .map_err(|_| SignatureError::Outputs(n_outputs))?;
        Self::new(unchecked.features, output)
    }
}

impl Signature {
    /// Checks and takes features and output.
    ///
    /// # Errors
    ///
    /// Without a feature; with an empty or repeated name; with a range that is not finite; with categories out of order.
    pub fn new(features: Vec<Feature>, output: Output) -> Result<Self, SignatureError> {
        if features.is_empty() {
            return Err(SignatureError::NoFeatures);
        }
        let mut index = HashMap::with_capacity(features.len());
        for (feature_idx, feature) in features.iter().enumerate() {
            check(feature_idx, feature)?;
            if feature.name == output.name
                || index.insert(feature.name.clone(), feature_idx).is_some()
            {
                return Err(SignatureError::DuplicateName(feature.name.clone()));
            }
        }
        if !is_interval(output.range.minimum, output.range.maximum) {
            return Err(SignatureError::Range(output.name));
        }
        Ok(Self { features, outputs: vec![output], index })
    }

    /// The features in order.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The number of features.
    pub fn n_features(&self) -> usize {
        self.features.len()
    }

    /// What the model answers with.
    pub fn target(&self) -> &Output {
        &self.outputs[0]
    }

    /// The index of a feature; `hint` is where it probably is.
    pub fn index_of(&self, name: &str, hint: usize) -> Option<usize> {
        match self.features.get(hint) {
            Some(feature) if feature.name == name => Some(hint),
            _ => self.index.get(name).copied(),
        }
    }

    /// The feature a misspelt name probably meant.
    pub fn suggest(&self, name: &str) -> Option<&str> {
        closest(name, self.features.iter().map(|feature| feature.name.as_str()))
    }
}

fn check(feature_idx: usize, feature: &Feature) -> Result<(), SignatureError> {
    if feature.name.is_empty() {
        return Err(SignatureError::EmptyName(feature_idx));
    }
    if feature.range.is_some_and(|range| !is_interval(range.minimum, range.maximum)) {
        return Err(SignatureError::Range(feature.name.clone()));
    }
    let ascending = feature.categories.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || feature.categories.is_empty() == (feature.dtype == Dtype::Category) {
        return Err(SignatureError::Categories(feature.name.clone()));
    }
    Ok(())
}

fn is_interval(minimum: f64, maximum: f64) -> bool {
    minimum.is_finite() && maximum.is_finite() && minimum <= maximum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Range;

    fn category(name: &str, categories: &[&str]) -> Feature {
        Feature {
            name: name.into(),
            dtype: Dtype::Category,
            nullable: false,
            range: None,
            categories: categories.iter().map(ToString::to_string).collect(),
        }
    }

    fn output() -> Output {
        Output {
            name: "y".into(),
            dtype: Dtype::Number,
            range: Range { minimum: 0.0, maximum: 1.0 },
        }
    }

    #[test]
    fn refuses_what_would_be_ambiguous() {
        let cases = [
            (vec![], SignatureError::NoFeatures),
            (vec![category("", &["x"])], SignatureError::EmptyName(0)),
            (vec![category("y", &["x"])], SignatureError::DuplicateName("y".into())),
            (
                vec![category("a", &["x"]), category("a", &["x"])],
                SignatureError::DuplicateName("a".into()),
            ),
            (vec![category("a", &[])], SignatureError::Categories("a".into())),
            (vec![category("a", &["z", "x"])], SignatureError::Categories("a".into())),
        ];
        for (features, expected) in cases {
            assert_eq!(Signature::new(features, output()).unwrap_err(), expected);
        }
    }

    #[test]
    fn reads_back_what_it_writes() {
        let signature =
            Signature::new(vec![category("a", &["x", "z"])], output()).expect("a valid signature");
        let json = serde_json::to_string(&signature).expect("a signature is JSON");
        assert_eq!(serde_json::from_str::<Signature>(&json).expect("its own JSON"), signature);
    }
}
