//! How a version's rows are written into an event: category names instead of codes, and nothing that is private.

use registry::Manifest;
use ring::hmac;
use schema::{Dtype, Feature};
use serde_json::{Value, json};

use super::private::{PrivateFeatures, Treatment};

/// Digits of a hashed value: 64 bits.
const HASH_DIGITS: usize = 16;

/// What goes with the events of a version, made once when it is loaded.
#[derive(Debug)]
pub(super) struct VersionColumns {
    /// A batch up to its first event.
    pub(super) head: String,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    dtype: Dtype,
    categories: Vec<String>,
    private: Option<Treatment>,
}

impl VersionColumns {
    pub(super) fn new(
        manifest: &Manifest,
        private: &PrivateFeatures,
        replica: &str,
        started_at: &str,
    ) -> Self {
        let features = manifest.signature.features();
        let names: Vec<_> = features.iter().map(|feature| &feature.name).collect();
        let head = json!({
            "replica": replica,
            "started_at": started_at,
            "model": manifest.model,
            "version": manifest.version,
            "features": names,
        });
        let mut head = head.to_string();
        head.pop(); // the brace: the events come before it
        head.push_str(r#","events":["#);
        let column = |feature: &Feature| Column {
            dtype: feature.dtype,
            categories: feature.categories.clone(),
            private: private.treatment(&feature.name),
        };
        Self { head, columns: features.iter().map(column).collect() }
    }

    /// The values of a row as an event has them; without a key nothing is hashed, but left out.
    pub(super) fn values(&self, row: &[f64], key: Option<&hmac::Key>) -> Vec<Value> {
        let columns = self.columns.iter().zip(row);
        columns.map(|(column, value)| column.written(*value, key)).collect()
    }
}

impl Column {
    fn written(&self, value: f64, key: Option<&hmac::Key>) -> Value {
        match (self.private, key) {
            (None, _) => self.in_clear(value),
            (Some(Treatment::Hash), Some(key)) => match self.in_clear(value) {
                Value::Null => Value::Null,
                value => json!({ "hash": hash(&value, key) }),
            },
            (Some(_), _) => json!({ "private": true }),
        }
    }

    /// What the caller meant. A category that training never saw is missing to the model, and here as well.
    fn in_clear(&self, value: f64) -> Value {
        match self.dtype {
            _ if value.is_nan() => Value::Null,
            Dtype::Number => json!(value),
            Dtype::Integer => json!(value as i64), // whole, and at most 2⁵³
            Dtype::Boolean => json!(value == 1.0),
            Dtype::Category => json!(self.categories.get(value as usize)),
        }
    }
}

/// Of the value's text: a category's name as it is, all else as JSON has it.
fn hash(value: &Value, key: &hmac::Key) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let tag = hmac::sign(key, text.as_bytes());
    let digits = tag.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.take(HASH_DIGITS / 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(dtype: Dtype, private: Option<Treatment>) -> Column {
        Column { dtype, categories: vec!["Fair".into(), "Ideal".into()], private }
    }

    #[test]
    fn values_are_those_that_the_caller_meant() {
        let written = |dtype, value| column(dtype, None).written(value, None);
        assert_eq!(written(Dtype::Number, 0.9), json!(0.9));
        assert_eq!(written(Dtype::Integer, -3.0).to_string(), "-3");
        assert_eq!(written(Dtype::Boolean, 1.0), json!(true));
        assert_eq!(written(Dtype::Boolean, 0.0), json!(false));
        assert_eq!(written(Dtype::Category, 1.0), json!("Ideal"));
        for dtype in [Dtype::Number, Dtype::Integer, Dtype::Boolean, Dtype::Category] {
            assert_eq!(written(dtype, f64::NAN), Value::Null);
        }
    }

    #[test]
    fn a_hash_is_what_openssl_says() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"metrics");
        let written =
            |dtype, value| column(dtype, Some(Treatment::Hash)).written(value, Some(&key));
        // printf %s Ideal | openssl dgst -sha256 -hmac metrics | cut -c 1-16
        assert_eq!(written(Dtype::Category, 1.0), json!({"hash": "eb35d519ddd16c85"}));
        assert_eq!(written(Dtype::Number, 0.9), json!({"hash": "452f7976afc2a4fd"}));
        assert_eq!(written(Dtype::Integer, 3.0), json!({"hash": "940de757ceda897b"}));
        assert_eq!(written(Dtype::Category, f64::NAN), Value::Null);
    }

    #[test]
    fn what_is_left_out_does_not_even_say_whether_it_is_missing() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"metrics");
        let private = json!({"private": true});
        let omitted = column(Dtype::Number, Some(Treatment::Omit));
        assert_eq!(omitted.written(0.9, Some(&key)), private);
        assert_eq!(omitted.written(f64::NAN, Some(&key)), private);
        let unhashed = column(Dtype::Number, Some(Treatment::Hash));
        assert_eq!(unhashed.written(0.9, None), private);
    }
}
