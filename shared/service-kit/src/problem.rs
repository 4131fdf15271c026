//! One shape for every error answer: RFC 9457 `application/problem+json`.
//!
//! The problems every server can have are made here; those of a domain are made in a service's `error.rs`.
//! The request id is filled in by [`crate::edge`], which is the only place that knows it.

use std::{borrow::Cow, fmt, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// The codes this crate answers with, in the order of their statuses.
pub const CODES: &[&str] = &[
    "body_read_failed",
    "unauthorized",
    "not_found",
    "method_not_allowed",
    "payload_too_large",
    "unsupported_media_type",
    "rate_limited",
    "internal",
    "overloaded",
    "request_timeout",
];

/// The content type of every problem.
pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Holds what a client is told about a request that failed.
///
/// As a response it carries itself in the response's extensions: the edge middleware takes it out
/// there, adds the request id to the body, counts the code and puts it into the access line.
///
/// # Examples
///
/// ```
/// use axum::http::StatusCode;
/// use service_kit::problem::Problem;
///
/// let problem = Problem::new(
///     StatusCode::UNPROCESSABLE_ENTITY,
///     "missing_feature",
///     "A feature is missing",
///     "feature `carat` is missing in row 3",
/// )
/// .with("row", 3)
/// .with("feature", "carat");
/// assert_eq!(problem.code(), "missing_feature");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    extensions: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

impl Problem {
    /// Makes a problem: `title` is the same for every problem of this code, `detail` is about this one.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            code,
            title,
            detail: detail.into(),
            extensions: Vec::new(),
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// Adds a JSON member of its own, such as `row` or `suggestion`; the last value of a name counts.
    ///
    /// The standard members cannot be replaced: such a name is left out.
    pub fn with(mut self, member: &'static str, value: impl Into<Value>) -> Self {
        if !["type", "title", "status", "detail", "code", "request_id"].contains(&member) {
            self.0.extensions.retain(|(name, _)| *name != member);
            self.0.extensions.push((member, value.into()));
        }
        self
    }

    /// Sets `Retry-After`, rounded up to whole seconds, at least 1.
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// Sets a response header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Keeps the cause for the log: the edge middleware writes it once, no client sees it.
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(format!("{cause:#}"));
        self
    }

    /// Gives the response's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Gives the stable code, which is also the `code` label of `canopy_rejections_total`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Gives the sentence about this occurrence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Gives the cause that only the log may show.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// Writes the JSON body.
    #[must_use]
    pub fn render(&self, request_id: Option<&str>) -> Vec<u8> {
        // Strings and JSON values always serialise; an empty body would still carry the status.
        serde_json::to_vec(&Rendered { parts: &self.0, request_id }).unwrap_or_default()
    }
}

/// The problems that every server can have.
impl Problem {
    /// 404: no route has this path.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", "no route has this path")
    }

    /// 405: the route exists, with other methods, which the `Allow` header lists.
    pub fn method_not_allowed() -> Self {
        let detail =
            "the route does not answer this method; the `Allow` header lists those it does";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "method_not_allowed", "Method not allowed", detail)
    }

    /// 413: the body is longer than `limit_bytes`.
    pub fn payload_too_large(limit_bytes: usize) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let detail = format!("the body is longer than {limit_bytes} bytes");
        Self::new(status, "payload_too_large", "Payload too large", detail)
            .with("limit_bytes", limit_bytes)
    }

    /// 415: the body has a type that the route does not read; `expected` lists those it does.
    pub fn unsupported_media_type(given: Option<&str>, expected: &[&str]) -> Self {
        let given = given.map_or_else(|| "none".to_owned(), |given| format!("`{given}`"));
        let detail = format!("expected a content type of {}, found {given}", expected.join(", "));
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "unsupported_media_type", "Unsupported media type", detail)
            .with("expected", expected.to_vec())
    }

    /// 400: the body ended or broke before it was complete.
    pub fn body_read_failed() -> Self {
        let detail = "the connection broke before the body was complete";
        Self::new(StatusCode::BAD_REQUEST, "body_read_failed", "Body not readable", detail)
    }

    /// 401: no key, or not one of ours.
    pub fn unauthorized(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized", detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"canopy\""))
    }

    /// 429: the key's rate is used up for `wait`.
    pub fn too_many_requests(wait: Duration) -> Self {
        let detail = "this key's rate is used up; `Retry-After` says when to try again";
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self::new(status, "rate_limited", "Too many requests", detail).retry_after(wait)
    }

    /// 503: as many requests as may be are in flight.
    pub fn overloaded() -> Self {
        let detail = "as many requests as this server takes are in flight";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded", detail)
            .retry_after(Duration::from_secs(1))
    }

    /// 503: the bodies of the requests in flight take all the memory they may.
    pub(crate) fn bodies_overloaded() -> Self {
        let detail = "the request bodies in flight take all the memory this server has for them";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded", detail)
            .retry_after(Duration::from_secs(1))
    }

    /// 504: the request took longer than `limit`.
    pub fn timeout(limit: Duration) -> Self {
        let status = StatusCode::GATEWAY_TIMEOUT;
        let detail = format!("no answer within {} ms", limit.as_millis());
        Self::new(status, "request_timeout", "Request timeout", detail)
            .with("limit_ms", u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
    }

    /// 500: says nothing to the client; `cause` goes to the log, once.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::panicked().caused_by(cause)
    }

    /// 500 whose cause is already in the log.
    pub(crate) fn panicked() -> Self {
        let detail = "the request could not be answered; the server's log has the cause";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.0.status.as_u16(), self.0.code, self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let mut response = Response::new(Body::from(self.render(None)));
        *response.status_mut() = self.0.status;
        response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
        for (name, value) in &self.0.headers {
            response.headers_mut().insert(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The JSON members in the order a person reads them.
struct Rendered<'a> {
    parts: &'a Parts,
    request_id: Option<&'a str>,
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Parts { status, code, title, detail, extensions, .. } = self.parts;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("urn:canopy:problem:{code}"))?;
        map.serialize_entry("title", title)?;
        map.serialize_entry("status", &status.as_u16())?;
        map.serialize_entry("detail", detail)?;
        map.serialize_entry("code", code)?;
        if let Some(request_id) = self.request_id {
            map.serialize_entry("request_id", request_id)?;
        }
        for (member, value) in extensions {
            map.serialize_entry(member, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_reading_order_and_extensions_last() {
        let problem = Problem::not_found().with("row", 3).with("row", 4).with("status", 200);
        assert_eq!(
            String::from_utf8(problem.render(Some("r-1"))).unwrap(),
            concat!(
                r#"{"type":"urn:canopy:problem:not_found","title":"Not found","status":404,"#,
                r#""detail":"no route has this path","code":"not_found","request_id":"r-1","row":4}"#
            )
        );
    }

    #[tokio::test]
    async fn is_a_whole_response_without_the_edge_middleware() {
        let response = Problem::too_many_requests(Duration::from_millis(1_200)).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.extensions().get::<Problem>().unwrap().code(), "rate_limited");
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], 429);
        assert!(body.get("request_id").is_none());
    }

    #[test]
    fn a_wait_is_at_least_one_whole_second() {
        let problem = Problem::overloaded().retry_after(Duration::ZERO);
        assert_eq!(problem.into_response().headers()["retry-after"], "1");
    }

    #[test]
    fn an_internal_problem_keeps_its_cause_from_the_client() {
        let problem = Problem::internal("disk sda is full");
        assert_eq!(problem.cause(), Some("disk sda is full"));
        assert!(!String::from_utf8_lossy(&problem.render(None)).contains("sda"));
    }

    #[test]
    fn every_general_problem_has_a_listed_code() {
        let general = [
            Problem::body_read_failed(),
            Problem::unauthorized(""),
            Problem::not_found(),
            Problem::method_not_allowed(),
            Problem::payload_too_large(1),
            Problem::unsupported_media_type(None, &["text/csv"]),
            Problem::too_many_requests(Duration::ZERO),
            Problem::internal(""),
            Problem::overloaded(),
            Problem::timeout(Duration::ZERO),
        ];
        assert!(general.iter().map(Problem::code).eq(CODES.iter().copied()));
    }
}
