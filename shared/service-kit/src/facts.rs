//! What is learnt about a request on its way: its id, whose key it came with, how many rows it has.
//!
//! [`crate::edge`] makes the facts and writes them into the access line; anyone in between adds to them.

use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, request::Parts},
};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::auth::Caller;

/// The header that carries a request's id, in both directions.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

const MAX_REQUEST_ID_LEN: usize = 128;

/// Names one request: the client's `X-Request-Id`, or a UUIDv4. Cloning it copies no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Makes a new id.
    #[must_use]
    pub fn random() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        // A UUID's text is visible ASCII, which every header value may hold.
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-")))
    }

    /// Takes the client's id if it is 1 to 128 visible ASCII characters, else makes a new one.
    ///
    /// Nothing else may pass, since the id goes into the log and back to the client.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let is_fit = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=MAX_REQUEST_ID_LEN).contains(&bytes.len())
                && bytes.iter().all(u8::is_ascii_graphic)
        };
        let given = headers.get(REQUEST_ID_HEADER).filter(is_fit);
        given.map_or_else(Self::random, |value| Self(value.clone()))
    }

    /// Gives the id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only visible ASCII gets in, so this is always the text.
        self.0.to_str().unwrap_or_default()
    }

    /// Gives the id as a header's value.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Collects what the access line says about one request; a request extension and an extractor.
///
/// Clones share the facts, so they are in the log even when the handler panics or times out.
#[derive(Debug, Clone)]
pub struct RequestFacts(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    id: RequestId,
    caller: OnceLock<Arc<Caller>>,
    n_rows: AtomicU64,
}

/// No request has so many rows, so it can stand for "not known".
const UNKNOWN: u64 = u64::MAX;

impl RequestFacts {
    /// Starts the facts of a request.
    #[must_use]
    pub fn new(id: RequestId) -> Self {
        Self(Arc::new(Facts { id, caller: OnceLock::new(), n_rows: AtomicU64::new(UNKNOWN) }))
    }

    /// Gives the facts that the edge started.
    ///
    /// Without the edge, as in a handler's unit test, the facts are just not logged.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        Self::in_extensions(&parts.extensions, &parts.headers)
    }

    pub(crate) fn in_extensions(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let facts = extensions.get::<Self>().cloned();
        facts.unwrap_or_else(|| Self::new(RequestId::from_headers(headers)))
    }

    /// Gives the request's id.
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.0.id
    }

    /// Notes who sent the request. The first one counts.
    pub fn set_caller(&self, caller: Arc<Caller>) {
        self.0.caller.get_or_init(|| caller);
    }

    /// Gives who sent the request, if that is known.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.0.caller.get().map(|caller| &**caller)
    }

    /// Gives the name, never the value, of the key the request came with.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.caller().map(Caller::name)
    }

    /// Notes how many rows the request asks about.
    pub fn set_n_rows(&self, n_rows: usize) {
        self.0.n_rows.store(n_rows as u64, Ordering::Relaxed);
    }

    /// Gives how many rows the request asks about, if the handler got that far.
    #[must_use]
    pub fn n_rows(&self) -> Option<u64> {
        Some(self.0.n_rows.load(Ordering::Relaxed)).filter(|n_rows| *n_rows != UNKNOWN)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestFacts {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        RequestFacts::from_request_parts(parts, state).await.map(|facts| facts.id().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> RequestId {
        let value = HeaderValue::from_str(given).unwrap();
        RequestId::from_headers(&HeaderMap::from_iter([(REQUEST_ID_HEADER, value)]))
    }

    #[test]
    fn takes_an_id_of_visible_ascii() {
        assert_eq!(id_for("order-66/a").as_str(), "order-66/a");
        assert_eq!(id_for(&"x".repeat(128)).as_str(), "x".repeat(128));
    }

    #[test]
    fn replaces_an_id_that_is_empty_too_long_or_has_spaces() {
        for given in ["", "two words", "tab\there", &"x".repeat(129)] {
            let id = id_for(given);
            assert!(Uuid::parse_str(id.as_str()).is_ok(), "{given:?} became {id}");
        }
        assert_ne!(RequestId::random(), RequestId::random());
    }

    #[test]
    fn clones_share_the_facts() {
        let facts = RequestFacts::new(RequestId::random());
        assert_eq!((facts.client(), facts.n_rows()), (None, None));
        let handler_s = facts.clone();
        handler_s.set_n_rows(3);
        handler_s.set_caller(Arc::new(Caller::new("team-a", None)));
        assert_eq!((facts.client(), facts.n_rows()), (Some("team-a"), Some(3)));
    }
}
