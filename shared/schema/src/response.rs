//! What a prediction answers with.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{Form, Signature, Warnings};

/// The JSON body of a successful prediction.
///
/// One row answers with `prediction`, many with `predictions`, in the order of the rows.
#[derive(Debug)]
pub struct Response<'a> {
    /// Whether the caller sent one row or many.
    pub form: Form,
    /// One prediction a row, in the target's unit.
    pub predictions: &'a [f64],
    /// The model's name.
    pub model: &'a str,
    /// The version that answered, the same for every row.
    pub version: u64,
    /// The request's id.
    pub request_id: &'a str,
    /// What the caller should know of its rows.
    pub warnings: &'a Warnings,
    /// The names for the warnings.
    pub signature: &'a Signature,
}

impl Serialize for Response<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match (self.form, self.predictions) {
            (Form::Single, [prediction]) => map.serialize_entry("prediction", prediction)?,
            _ => map.serialize_entry("predictions", self.predictions)?,
        }
        map.serialize_entry("model", self.model)?;
        map.serialize_entry("version", &self.version)?;
        map.serialize_entry("request_id", self.request_id)?;
        if !self.warnings.is_empty() {
            let listed = self.warnings.listed().iter().enumerate();
            let listed: Vec<_> = listed
                .map(|(idx, warning)| warning.describe(self.signature, idx < Warnings::WITH_HINTS))
                .collect();
            map.serialize_entry("warnings", &listed)?;
            map.serialize_entry("n_warnings", &self.warnings.n_total())?;
        }
        map.end()
    }
}
