//! What bodies of different routes have in common: their type, lists whose errors name the place, request ids.

use std::fmt;
use std::marker::PhantomData;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use service_kit::problem::Problem;

use crate::error::ApiError;

const MAX_REQUEST_ID_LEN: usize = 128;

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }
}

/// Finds the body's type among those that are taken; a body without one is taken for JSON.
pub(super) fn expect(headers: &HeaderMap, taken: &[Format]) -> Result<Format, ApiError> {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(Format::Json) };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let found = taken.iter().find(|format| essence.eq_ignore_ascii_case(format.content_type()));
    let expected = taken.iter().map(|format| format.content_type()).collect::<Vec<_>>();
    let refusal = || Problem::unsupported_media_type(Some(given), &expected);
    found.copied().ok_or_else(|| ApiError::Problem(refusal()))
}

/// Reads a body; what is no JSON is told from what is JSON of another kind.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        // An error inside of a list is named with its place, and no longer tells of which kind it was.
        match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => ApiError::Invalid { place: "the body".to_owned(), reason: error.to_string() },
            Err(error) => ApiError::InvalidJson(error.to_string()),
        }
    })
}

/// Answers with JSON.
pub(super) fn answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// As the inference servers take ids from their callers.
pub(super) fn check_request_id(id: &str) -> Result<(), String> {
    let is_fit =
        (1..=MAX_REQUEST_ID_LEN).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic());
    if is_fit {
        return Ok(());
    }
    Err("request_id: expected 1 to 128 visible ASCII characters, as the answer of /predict has it"
        .to_owned())
}

/// A list, of whose elements the first wrong one is named by its index.
#[derive(Debug)]
pub(super) struct Listed<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut elements = Vec::new();
                loop {
                    let element = list.next_element();
                    let named =
                        |error| A::Error::custom(format_args!("[{}]: {error}", elements.len()));
                    match element.map_err(named)? {
                        Some(element) => elements.push(element),
                        None => return Ok(elements),
                    }
                }
            }
        }
        deserializer.deserialize_seq(List(PhantomData)).map(Self)
    }
}
