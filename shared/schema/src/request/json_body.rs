//! JSON rows, read by serde's visitors straight into the buffer: no tree of values in between.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::error::shortened;
use super::{Filling, Form, ReadOptions, Request, RequestError, UnknownFeatures, number_cell};
use crate::{Cell, Dtype, Signature, closest};

const TOP_LEVEL: &str = "an object with `features` (one row) or `instances` (a list of rows)";
const ROW: &str = "an object of features, or an array of values in signature order";
/// Some editors and PowerShell put one in front; RFC 8259 lets a reader ignore it.
const BOM: &[u8] = "\u{feff}".as_bytes();
const FIELDS: [&str; 2] = ["features", "instances"];

pub(super) fn read(
    signature: &Signature,
    body: &[u8],
    options: ReadOptions,
) -> Result<Request, RequestError> {
    let mut reader = Reader { filling: Filling::new(signature, options), error: None, at: None };
    let body = body.strip_prefix(BOM).unwrap_or(body);
    let mut json = serde_json::Deserializer::from_slice(body);
    let form = TopLevel(&mut reader).deserialize(&mut json).and_then(|form| {
        json.end()?;
        Ok(form)
    });
    match form {
        Ok(form) => reader.filling.finish(form),
        Err(error) => Err(reader.explain(&error)),
    }
}

struct Reader<'a> {
    filling: Filling<'a>,
    /// What really went wrong, when serde's error only carries the news that something did.
    error: Option<RequestError>,
    /// The feature whose value is being read.
    at: Option<usize>,
}

impl Reader<'_> {
    fn explain(self, error: &serde_json::Error) -> RequestError {
        if let Some(error) = self.error {
            return error;
        }
        let reason = error.to_string();
        match self.at {
            // serde_json refuses the number before a visitor sees it.
            Some(feature_idx) if reason.starts_with("number out of range") => {
                let feature = self.filling.feature(feature_idx);
                let found = "a number too large for 64 bits".to_owned();
                RequestError::not_finite(feature, self.filling.row, found)
            }
            _ => RequestError::InvalidJson {
                // The place is told apart from the reason.
                reason: reason.split(" at line ").next().unwrap_or_default().to_owned(),
                line: error.line(),
                column: error.column(),
            },
        }
    }

    /// Keeps the error and gives serde something to carry.
    fn fail<E: de::Error>(&mut self, error: RequestError) -> E {
        self.error = Some(error);
        E::custom("does not fit the signature")
    }

    fn wrong_shape<E: de::Error>(&mut self, expected: &'static str, found: &str) -> E {
        self.fail(RequestError::WrongShape { expected, found: found.to_owned() })
    }
}

/// Answers every JSON type but those a visitor takes with the same refusal.
macro_rules! refuse_scalars {
    ($expected:expr) => {
        fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(self.0.wrong_shape($expected, "a boolean"))
        }
        fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(self.0.wrong_shape($expected, "a number"))
        }
        fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(self.0.wrong_shape($expected, "a number"))
        }
        fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(self.0.wrong_shape($expected, "a number"))
        }
        fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(self.0.wrong_shape($expected, "a string"))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Err(self.0.wrong_shape($expected, "null"))
        }
    };
}

/// Gives a seed whose visitor is itself.
macro_rules! any_json {
    ($seed:ident, $value:ty) => {
        impl<'de> DeserializeSeed<'de> for $seed<'_, '_> {
            type Value = $value;

            fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<$value, D::Error> {
                json.deserialize_any(self)
            }
        }
    };
}

struct TopLevel<'r, 'a>(&'r mut Reader<'a>);
any_json!(TopLevel, Form);

impl<'de> Visitor<'de> for TopLevel<'_, '_> {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TOP_LEVEL)
    }

    refuse_scalars!(TOP_LEVEL);

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Form, A::Error> {
        Err(self.0.wrong_shape(TOP_LEVEL, "an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Form, A::Error> {
        let reader = self.0;
        let mut form = None;
        while let Some(Name(field)) = map.next_key()? {
            if form.is_some() && FIELDS.contains(&field.as_ref()) {
                let what = "one too many: a request has either `features` or `instances`, once";
                return Err(reader.fail(unexpected(&field, what)));
            }
            form = match field.as_ref() {
                "features" => {
                    map.next_value_seed(OneRow(reader))?;
                    Some(Form::Single)
                }
                "instances" => {
                    map.next_value_seed(Instances(reader))?;
                    Some(Form::Many)
                }
                _ => return Err(reader.fail(unexpected(&field, "not part of a request"))),
            };
        }
        form.ok_or_else(|| reader.wrong_shape(TOP_LEVEL, "an empty object"))
    }
}

fn unexpected(field: &str, what: &'static str) -> RequestError {
    let suggestion = closest(field, FIELDS).filter(|meant| *meant != field);
    RequestError::UnexpectedField {
        field: shortened(field),
        what,
        suggestion: suggestion.map(str::to_owned),
    }
}

struct Instances<'r, 'a>(&'r mut Reader<'a>);
any_json!(Instances, ());

impl<'de> Visitor<'de> for Instances<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    refuse_scalars!("a list of rows");

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.0.wrong_shape("a list of rows", "an object"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(OneRow(self.0))?.is_some() {}
        Ok(())
    }
}

struct OneRow<'r, 'a>(&'r mut Reader<'a>);
any_json!(OneRow, ());

impl<'de> Visitor<'de> for OneRow<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ROW)
    }

    refuse_scalars!(ROW);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        reader.filling.start_row();
        let mut hint = 0;
        while let Some(Name(name)) = map.next_key()? {
            match reader.filling.signature.index_of(&name, hint) {
                Some(feature_idx) => {
                    reader.filling.mark(feature_idx).map_err(|error| reader.fail(error))?;
                    map.next_value_seed(Value(reader, feature_idx))?;
                    hint = feature_idx + 1;
                }
                None if reader.filling.options.unknown_features == UnknownFeatures::Ignore => {
                    map.next_value::<IgnoredAny>()?;
                }
                None => {
                    let error = reader.filling.unknown(&name, Some(reader.filling.row));
                    return Err(reader.fail(error));
                }
            }
        }
        reader.filling.end_row().map_err(|error| reader.fail(error))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let reader = self.0;
        let expected = reader.filling.signature.n_features();
        let row = reader.filling.row;
        reader.filling.by_position = true;
        reader.filling.start_row();
        for feature_idx in 0..expected {
            if values.next_element_seed(Value(reader, feature_idx))?.is_none() {
                let found = feature_idx;
                return Err(reader.fail(RequestError::WrongLength { row, found, expected }));
            }
        }
        let mut surplus = 0;
        while values.next_element::<IgnoredAny>()?.is_some() {
            surplus += 1;
        }
        if surplus > 0 {
            let found = expected + surplus;
            return Err(reader.fail(RequestError::WrongLength { row, found, expected }));
        }
        reader.filling.row += 1;
        Ok(())
    }
}

/// The value of one feature.
struct Value<'r, 'a>(&'r mut Reader<'a>, usize);

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.0.at = Some(self.1);
        json.deserialize_any(Value(self.0, self.1))?;
        self.0.at = None;
        Ok(())
    }
}

impl Value<'_, '_> {
    fn set<E: de::Error>(self, cell: Cell, found: impl Fn() -> String) -> Result<(), E> {
        let Self(reader, feature_idx) = self;
        reader.filling.set(feature_idx, cell, found).map_err(|error| reader.fail(error))
    }

    /// `found` is the number as it was sent: an integer may not be exact as a float.
    fn number<E: de::Error>(self, value: f64, found: impl ToString) -> Result<(), E> {
        let cell = number_cell(self.0.filling.feature(self.1), value);
        self.set(cell, || found.to_string())
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a feature")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.number(value, value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.number(value as f64, value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.number(value as f64, value)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        let cell = match self.0.filling.feature(self.1).dtype {
            Dtype::Boolean => Cell::Value(f64::from(u8::from(value))),
            _ => Cell::Unreadable,
        };
        self.set(cell, || format!("the boolean {value}"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        let feature = self.0.filling.feature(self.1);
        match feature.dtype {
            Dtype::Category => {
                let code = feature.category_code(value);
                let cell = code.map_or(Cell::Unseen, |code| Cell::Value(code as f64));
                self.set(cell, || value.to_owned())
            }
            _ => self.set(Cell::Unreadable, || format!("the string \"{}\"", shortened(value))),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.set(Cell::Missing, || "null".to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.set(Cell::Unreadable, || "an array".to_owned())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.set(Cell::Unreadable, || "an object".to_owned())
    }
}

/// A key, borrowed from the body where it holds no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> de::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        json.deserialize_str(NameVisitor)
    }
}
