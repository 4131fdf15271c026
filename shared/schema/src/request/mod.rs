//! What a caller sends: one or many rows as JSON or CSV, read straight into a row-major buffer.
//!
//! Every row is checked against the signature. What does not fit is a [`RequestError`] that names row,
//! feature and expectation; what fits but is unusual is a [`Warning`].

mod csv_body;
mod csv_records;
mod csv_stream;
mod error;
mod json_body;
mod plain_json;
mod warning;

pub use csv_body::CsvHeader;
pub use csv_stream::{CsvChunk, CsvLimits, CsvStream};
pub use error::RequestError;
pub use warning::{Warning, WarningCode, Warnings};

use crate::{Cell, Feature, Rows, Signature};

/// What happens to a feature that the signature does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownFeatures {
    /// The request is refused: the name may be misspelt.
    #[default]
    Reject,
    /// It is left out.
    Ignore,
}

/// Which features may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nulls {
    /// Those that the signature calls nullable.
    #[default]
    BySignature,
    /// All of them: the golden rows of a version probe imputation whatever callers may send.
    Allowed,
}

/// How strictly a request is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// What happens to unknown features.
    pub unknown_features: UnknownFeatures,
    /// Which features may be null.
    pub nulls: Nulls,
}

/// Whether the caller sent one row, and so wants one prediction, or a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"features": {…}}`.
    Single,
    /// `{"instances": […]}`, or CSV.
    Many,
}

/// A request whose every row fits the signature.
#[derive(Debug)]
pub struct Request {
    /// The rows, in the caller's order, features in signature order.
    pub rows: Rows,
    /// One row or many.
    pub form: Form,
    /// What the caller should know of its rows.
    pub warnings: Warnings,
    /// Whether a row gives values by their place, which mean what the signature's order says.
    pub by_position: bool,
}

impl Signature {
    /// Reads `{"features": {…}}` or `{"instances": [{…} or […], …]}`.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for the first thing that is not JSON or does not fit this signature.
    ///
    /// # Examples
    ///
    /// ```
    /// # let signature: schema::Signature = serde_json::from_str(r#"{
    /// #   "features": [{"name": "carat", "dtype": "number"}],
    /// #   "outputs": [{"name": "price", "dtype": "number", "range": {"minimum": 1, "maximum": 2}}]
    /// # }"#).unwrap();
    /// let read = |body: &str| signature.read_json(body.as_bytes(), schema::ReadOptions::default());
    ///
    /// assert_eq!(read(r#"{"features": {"carat": 0.9}}"#).unwrap().rows.row(0), [0.9]);
    /// assert_eq!(
    ///     read(r#"{"features": {"carrat": 0.9}}"#).unwrap_err().to_string(),
    ///     "feature `carrat` in row 0 is not in the model's signature; did you mean `carat`?",
    /// );
    /// ```
    pub fn read_json(&self, body: &[u8], options: ReadOptions) -> Result<Request, RequestError> {
        match plain_json::read(self, body, options) {
            Some(request) => Ok(request),
            None => json_body::read(self, body, options),
        }
    }

    /// Reads CSV with a header whose columns may stand in any order.
    ///
    /// # Errors
    ///
    /// [`RequestError`] for the first thing that is not CSV or does not fit this signature.
    pub fn read_csv(&self, body: &[u8], options: ReadOptions) -> Result<Request, RequestError> {
        csv_body::read(self, body, options)
    }
}

/// Rows as they are filled, with what is needed to check each value.
struct Filling<'a> {
    signature: &'a Signature,
    options: ReadOptions,
    values: Vec<f64>,
    warnings: Warnings,
    /// For each feature, 1 + the last row that set it: finds what is repeated and what is missing.
    set_in: Vec<usize>,
    row: usize,
    /// What the first row is called in messages: these may be rows from the middle of a stream.
    first_row: usize,
    by_position: bool,
}

impl<'a> Filling<'a> {
    fn new(signature: &'a Signature, options: ReadOptions) -> Self {
        Self {
            signature,
            options,
            values: Vec::new(),
            warnings: Warnings::default(),
            set_in: vec![0; signature.n_features()],
            row: 0,
            first_row: 0,
            by_position: false,
        }
    }

    fn feature(&self, feature_idx: usize) -> &'a Feature {
        &self.signature.features()[feature_idx]
    }

    /// The current row as messages call it.
    fn named_row(&self) -> usize {
        self.first_row + self.row
    }

    fn start_row(&mut self) {
        let n_features = self.signature.n_features();
        self.values.resize((self.row + 1) * n_features, f64::NAN);
    }

    /// Every feature was named once, or the first absent one is the error.
    fn end_row(&mut self) -> Result<(), RequestError> {
        match self.set_in.iter().position(|&set_in| set_in != self.row + 1) {
            Some(feature_idx) => {
                Err(RequestError::missing(self.feature(feature_idx), self.named_row()))
            }
            None => {
                self.row += 1;
                Ok(())
            }
        }
    }

    fn mark(&mut self, feature_idx: usize) -> Result<(), RequestError> {
        if self.set_in[feature_idx] == self.row + 1 {
            return Err(RequestError::DuplicateFeature {
                row: Some(self.named_row()),
                feature: self.feature(feature_idx).name.clone(),
            });
        }
        self.set_in[feature_idx] = self.row + 1;
        Ok(())
    }

    /// Sets one value of the current row; `found` is the caller's text, for messages.
    fn set(
        &mut self,
        feature_idx: usize,
        cell: Cell,
        found: impl Fn() -> String,
    ) -> Result<(), RequestError> {
        let feature = self.feature(feature_idx);
        let value = match cell {
            Cell::Value(value) => {
                if feature.range.is_some_and(|range| !range.contains(value)) {
                    self.warn(feature_idx, WarningCode::OutOfRange, &found);
                }
                value
            }
            Cell::Missing => {
                if !feature.nullable && self.options.nulls == Nulls::BySignature {
                    return Err(RequestError::null(feature, self.named_row()));
                }
                f64::NAN
            }
            Cell::Unseen => {
                self.warn(feature_idx, WarningCode::UnseenCategory, &found);
                f64::NAN
            }
            Cell::NotFinite => {
                return Err(RequestError::not_finite(feature, self.named_row(), found()));
            }
            Cell::Unreadable => {
                return Err(RequestError::wrong_type(feature, self.named_row(), found()));
            }
        };
        self.values[self.row * self.signature.n_features() + feature_idx] = value;
        Ok(())
    }

    fn warn(&mut self, feature_idx: usize, code: WarningCode, found: &impl Fn() -> String) {
        self.warnings.record(Warning::at(self.named_row(), feature_idx, code), found);
    }

    fn unknown(&self, name: &str, row: Option<usize>) -> RequestError {
        RequestError::UnknownFeature {
            row,
            feature: error::shortened(name),
            suggestion: self.signature.suggest(name).map(str::to_owned),
        }
    }

    fn finish(self, form: Form) -> Result<Request, RequestError> {
        if self.row == 0 {
            return Err(RequestError::NoRows);
        }
        Ok(self.into_request(form))
    }

    fn into_request(self, form: Form) -> Request {
        let rows = Rows::new(self.signature.n_features(), self.values);
        Request { rows, form, warnings: self.warnings, by_position: self.by_position }
    }
}

/// The cell that a JSON number is, for a feature of this dtype.
fn number_cell(feature: &Feature, value: f64) -> Cell {
    if feature.dtype.takes_number(value) { Cell::Value(value) } else { Cell::Unreadable }
}

#[cfg(test)]
mod tests;
