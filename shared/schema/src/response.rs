//! What a prediction answers with.

use serde::Serialize;

use crate::{Form, Signature, Warnings};

/// What an answer takes apart from its predictions, and what each of them takes: mostly enough.
const HEAD_BYTES: usize = 256;
const PREDICTION_BYTES: usize = 20;

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

impl Response<'_> {
    /// Writes the answer; what is not finite becomes `null`.
    ///
    /// By hand around its values: the names and punctuation of most answers are longer than what they hold.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(HEAD_BYTES + self.predictions.len() * PREDICTION_BYTES);
        match (self.form, self.predictions) {
            (Form::Single, [prediction]) => {
                json.extend_from_slice(b"{\"prediction\":");
                push(&mut json, prediction);
            }
            _ => {
                json.extend_from_slice(b"{\"predictions\":");
                push(&mut json, self.predictions);
            }
        }
        json.extend_from_slice(b",\"model\":");
        push_text(&mut json, self.model);
        json.extend_from_slice(b",\"version\":");
        push(&mut json, &self.version);
        json.extend_from_slice(b",\"request_id\":");
        push_text(&mut json, self.request_id);
        if !self.warnings.is_empty() {
            let listed = self.warnings.listed().iter().enumerate();
            let listed: Vec<_> = listed
                .map(|(idx, warning)| warning.describe(self.signature, idx < Warnings::WITH_HINTS))
                .collect();
            json.extend_from_slice(b",\"warnings\":");
            push(&mut json, &listed);
            json.extend_from_slice(b",\"n_warnings\":");
            push(&mut json, &self.warnings.n_total());
        }
        json.push(b'}');
        json
    }
}

fn push<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    // Memory takes whatever is written, and numbers, texts and lists of them can be.
    serde_json::to_writer(json, value).expect("a value of an answer is JSON");
}

/// Writes a text, at once where nothing in it needs an escape, as in nearly all names and ids.
fn push_text(json: &mut Vec<u8>, text: &str) {
    let is_special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |any, byte| any | is_special(byte)) {
        return push(json, text);
    }
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn signature() -> Signature {
        let number = |name| {
            format!(r#"{{"name":"{name}","dtype":"number","range":{{"minimum":0,"maximum":1}}}}"#)
        };
        let (feature, output) = (number("n"), number("y"));
        let text = format!(r#"{{"features":[{feature}],"outputs":[{output}]}}"#);
        serde_json::from_str(&text).expect("a signature")
    }

    fn response<'a>(signature: &'a Signature, warnings: &'a Warnings) -> Response<'a> {
        let (model, request_id) = ("diamonds", "r-1");
        let (form, predictions) = (Form::Single, &[4123.5]);
        Response { form, predictions, model, version: 3, request_id, warnings, signature }
    }

    #[test]
    fn members_come_in_one_order() {
        let (signature, warnings) = (signature(), Warnings::default());
        let one = response(&signature, &warnings);
        let text = r#"{"prediction":4123.5,"model":"diamonds","version":3,"request_id":"r-1"}"#;
        assert_eq!(one.to_json(), text.as_bytes());
        let many = Response { form: Form::Many, ..one };
        let text = r#"{"predictions":[4123.5],"model":"diamonds","version":3,"request_id":"r-1"}"#;
        assert_eq!(many.to_json(), text.as_bytes());
    }

    proptest! {
        #[test]
        fn numbers_and_texts_come_back_as_they_were(
            predictions in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 0..4),
            is_single in any::<bool>(),
            (model, request_id) in any::<(String, String)>(),
            version in any::<u64>(),
        ) {
            let (signature, warnings) = (signature(), Warnings::default());
            let response = Response {
                form: if is_single { Form::Single } else { Form::Many },
                predictions: &predictions,
                model: &model,
                version,
                request_id: &request_id,
                ..response(&signature, &warnings)
            };
            let (name, value) = match (is_single, predictions.as_slice()) {
                (true, [prediction]) => ("prediction", json!(prediction)),
                _ => ("predictions", json!(predictions)),
            };
            let expected = json!({
                name: value, "model": model, "version": version, "request_id": request_id,
            });
            let json = response.to_json();
            prop_assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), expected);
        }
    }
}
