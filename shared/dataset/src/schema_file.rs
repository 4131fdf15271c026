//! The schema file: what a person declares of some columns instead of having it inferred.

use std::collections::HashSet;
use std::path::Path;

use schema::{Dtype, is_missing};
use serde::Deserialize;

use crate::DatasetError;

/// The declarations of a schema file, checked.
///
/// ```json
/// {"features": [
///     {"name": "carat", "dtype": "number", "minimum": 0, "maximum": 6},
///     {"name": "cut", "dtype": "category", "categories": ["Fair", "Good", "Ideal"]},
///     {"name": "grade", "dtype": "integer", "nullable": true}
/// ]}
/// ```
///
/// What it lists is not inferred, and a cell that does not fit is an error; the columns it does not
/// list are inferred as ever. A key that is left out (`nullable`, `categories`, either end of the
/// range) is taken from the data. Declared ranges and categories stay as they are after a split.
///
/// # Examples
///
/// ```
/// use dataset::Schema;
///
/// let schema = Schema::from_json(r#"{"features": [{"name": "zip", "dtype": "category"}]}"#)?;
/// assert_eq!(schema.features()[0].name, "zip");
/// # Ok::<(), dataset::DatasetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    features: Vec<DeclaredFeature>,
}

/// One column of a schema file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredFeature {
    /// The column's name in the header.
    pub name: String,
    /// How its values are read.
    pub dtype: Dtype,
    /// Whether values may be missing; inferred where absent.
    pub nullable: Option<bool>,
    /// All categories there are; inferred where absent. For a category only.
    pub categories: Option<Vec<String>>,
    /// The least value; inferred where absent. For a number or an integer only.
    pub minimum: Option<f64>,
    /// The greatest value; inferred where absent. For a number or an integer only.
    pub maximum: Option<f64>,
}

impl Schema {
    /// Reads a schema file.
    ///
    /// # Errors
    ///
    /// As [`Schema::from_json`], and [`DatasetError::SchemaUnreadable`] if the file cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        let path = path.as_ref();
        let json =
            std::fs::read_to_string(path).map_err(|error| DatasetError::SchemaUnreadable {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
        Self::from_json(&json)
    }

    /// Reads and checks the text of a schema file.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Schema`] if it is not JSON of this form (an unknown key is an error), if a column
    /// is listed twice, or if its categories or range contradict themselves or its dtype.
    pub fn from_json(json: &str) -> Result<Self, DatasetError> {
        let mut schema: Self =
            serde_json::from_str(json).map_err(|error| invalid(error.to_string()))?;
        let mut names = HashSet::new();
        for feature in &mut schema.features {
            check(feature).map_err(|reason| invalid(format!("`{}` {reason}", feature.name)))?;
            if !names.insert(feature.name.clone()) {
                return Err(invalid(format!("`{}` is listed twice", feature.name)));
            }
        }
        Ok(schema)
    }

    /// The columns it lists, in its order; categories are ascending.
    pub fn features(&self) -> &[DeclaredFeature] {
        &self.features
    }
}

fn invalid(reason: String) -> DatasetError {
    DatasetError::Schema { reason }
}

fn check(feature: &mut DeclaredFeature) -> Result<(), String> {
    let numeric = matches!(feature.dtype, Dtype::Number | Dtype::Integer);
    if !numeric && (feature.minimum.is_some() || feature.maximum.is_some()) {
        return Err(format!(
            "is a {} and has a range; only a number or an integer can",
            feature.dtype
        ));
    }
    if let (Some(minimum), Some(maximum)) = (feature.minimum, feature.maximum)
        && minimum > maximum
    {
        return Err(format!("has a minimum of {minimum} above its maximum of {maximum}"));
    }
    let Some(categories) = &mut feature.categories else {
        return Ok(());
    };
    if feature.dtype != Dtype::Category {
        return Err(format!(
            "is of dtype {} and lists categories; only a category can",
            feature.dtype
        ));
    }
    if categories.is_empty() {
        return Err("lists no categories; leave the key out to have them inferred".to_owned());
    }
    // Cells are trimmed and these stand for missing values: no cell could ever match.
    if let Some(never) = categories
        .iter()
        .find(|category| is_missing(category) || category.trim() != category.as_str())
    {
        return Err(format!(
            "lists the category \"{never}\", which no cell can hold: spaces around a cell are ignored, \
             and an empty cell, NA and null are missing values"
        ));
    }
    categories.sort();
    match categories.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("lists the category \"{}\" twice", pair[0])),
        None => Ok(()),
    }
}
