//! The outermost middleware: what every request gets, whatever its route.
//!
//! It gives the request an id, survives a panic, completes problem bodies, sets the security
//! headers, counts, and writes the one access line. Who may ask is decided in [`crate::guard`].

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use opentelemetry_sdk::trace::SdkTracer;
use tower::Service;

use crate::{
    facts::{REQUEST_ID_HEADER, RequestFacts, RequestId},
    http_series::{HttpSeries, OTHER_ROUTE},
    middleware::{Around, MiddlewareLayer, PerConnection, ResponseFuture, Shared},
    panic::{self, Caught},
    problem::Problem,
    rejection::Rejections,
    spans::{self, RequestTrace, TRACEPARENT_HEADER},
};

/// Routes that are asked every few seconds by machines: logged at `debug`, and no spans.
const PROBES: [&str; 3] = ["/health", "/ready", "/metrics"];

fn is_probe(route: &str) -> bool {
    PROBES.contains(&route)
}

/// What no handler has a say in: a browser takes nothing for what it does not say it is.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// What a handler may say otherwise, as one of files that never change does.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Nor in this, where a browser may show the answer as a page. What answers a POST is data, and leaves out this and
/// the ones below.
const DENY_FRAMES: HeaderValue = HeaderValue::from_static("DENY");

/// Headers of pages that a handler may set otherwise, as a page of documentation does.
const PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// The status of a request whose client left before the answer, as nginx counts it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The middleware around all routes: `router.layer(edge.layer())`, added last.
#[derive(Debug, Clone)]
pub struct Edge {
    series: PerConnection<Series>,
    /// The route where no router says which one matched; it is the path, to the letter.
    route: Option<&'static str>,
}

#[derive(Debug)]
struct Series {
    http: HttpSeries,
    rejections: Rejections,
    /// Where spans go, if anywhere.
    tracer: Option<SdkTracer>,
}

impl Edge {
    /// Makes the edge from the series it records.
    #[must_use]
    pub fn new(http: HttpSeries, rejections: Rejections) -> Self {
        Self::with_tracer(http, rejections, spans::tracer().cloned())
    }

    pub(crate) fn with_tracer(
        http: HttpSeries,
        rejections: Rejections,
        tracer: Option<SdkTracer>,
    ) -> Self {
        let series = Arc::new(Series { http, rejections, tracer });
        Self { series: PerConnection::new(series), route: None }
    }

    /// Makes the edge of one route, a path to the letter, that no router is in front of.
    #[must_use]
    pub fn at(&self, route: &'static str) -> Self {
        Self { route: Some(route), ..self.clone() }
    }

    /// Makes the layer; added last to a router, it is the outermost.
    #[must_use]
    pub fn layer(&self) -> MiddlewareLayer<Self> {
        MiddlewareLayer(self.clone())
    }
}

impl Around for Edge {
    fn around<S>(&self, mut request: Request, inner: &mut S) -> ResponseFuture
    where
        S: Service<Request, Response = Response, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let exchange = Exchange::start(self, &request);
        request.extensions_mut().insert(exchange.facts.clone());
        let call = panic::catch(|| inner.call(request));
        Box::pin(async move {
            let outcome = match call {
                Ok(call) => run(call).await,
                Err(caught) => Err(caught),
            };
            let response = outcome.unwrap_or_else(|caught| exchange.answer_panic(&caught));
            Ok(exchange.finish(response))
        })
    }
}

/// Polls a handler to its end or its panic.
async fn run<F>(call: F) -> Result<Response, Caught>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    let mut call = pin!(call);
    poll_fn(|cx| match panic::catch(|| call.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(response))) => Poll::Ready(Ok(response)),
        Err(caught) => Poll::Ready(Err(caught)),
    })
    .await
}

/// One request from its head to its answer's head; dropped before that, the client has left.
struct Exchange {
    series: Arc<Shared<Series>>,
    /// The edge's own.
    route: Option<&'static str>,
    facts: RequestFacts,
    method: Method,
    /// None where the path is the route.
    uri: Option<Uri>,
    matched: Option<MatchedPath>,
    trace: Option<Box<RequestTrace>>,
    started: Instant,
    is_recorded: bool,
}

impl Exchange {
    fn start(edge: &Edge, request: &Request) -> Self {
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let route = edge.route.or(matched.as_ref().map(MatchedPath::as_str));
        let series = edge.series.share();
        let tracer = series.tracer.as_ref().filter(|_| !route.is_some_and(is_probe));
        let trace = RequestTrace::start(tracer, request, route.unwrap_or(OTHER_ROUTE));
        Self {
            series,
            route: edge.route,
            facts: RequestFacts::new(RequestId::from_headers(request.headers())),
            method: request.method().clone(),
            uri: edge.route.is_none().then(|| request.uri().clone()),
            trace,
            matched,
            started: Instant::now(),
            is_recorded: false,
        }
    }

    fn answer_panic(&self, caught: &Caught) -> Response {
        tracing::error!(
            panic.message = caught.message,
            panic.location = caught.location,
            request_id = self.facts.id().as_str(),
            "a handler panicked"
        );
        Problem::panicked().into_response()
    }

    fn finish(mut self, response: Response) -> Response {
        let (mut response, problem) = complete(response, self.facts.id());
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        if self.method != Method::POST {
            headers.insert(header::X_FRAME_OPTIONS, DENY_FRAMES);
            for (name, value) in PAGE_HEADERS {
                headers.entry(name).or_insert(value);
            }
        }
        headers.insert(REQUEST_ID_HEADER, self.facts.id().to_header_value());
        if let Some(trace) = self.trace.as_ref().and_then(|trace| trace.to_header_value()) {
            headers.insert(TRACEPARENT_HEADER, trace);
        }
        if let Some(problem) = &problem {
            self.series.rejections.count(problem.code());
            self.log_cause(problem);
        }
        self.record(response.status(), problem.as_ref().map(Problem::code));
        response
    }

    /// Writes what the client must not see, once, where it can be found by the request's id.
    fn log_cause(&self, problem: &Problem) {
        if let Some(cause) = problem.cause() {
            let request_id = self.facts.id().as_str();
            tracing::error!(error.code = problem.code(), cause, request_id, "a request failed");
        }
    }

    fn record(&mut self, status: StatusCode, error_code: Option<&str>) {
        self.is_recorded = true;
        let duration = self.started.elapsed();
        let route = self.route.or(self.matched.as_ref().map(MatchedPath::as_str));
        self.series.http.record(route, &self.method, status, duration);
        self.log(route.unwrap_or(OTHER_ROUTE), status, error_code, duration);
        if let Some(trace) = &mut self.trace {
            trace.end(status, &self.facts, error_code);
        }
    }

    /// Writes the access line. The query string stays out: people put keys there.
    fn log(&self, route: &str, status: StatusCode, error_code: Option<&str>, duration: Duration) {
        let trace_id = self.trace.as_ref().map(|trace| trace.id());
        macro_rules! access {
            ($level:ident) => {
                tracing::event!(
                    target: "access",
                    tracing::Level::$level,
                    http.method = self.method.as_str(),
                    http.route = route,
                    http.path = self.uri.as_ref().map_or(route, Uri::path),
                    http.status = status.as_u16(),
                    duration_ms = duration.as_micros() as f64 / 1_000.0,
                    request_id = self.facts.id().as_str(),
                    trace_id = trace_id.as_deref(),
                    client.key = self.facts.client(),
                    n_rows = self.facts.n_rows(),
                    error.code = error_code,
                    "request"
                )
            };
        }
        if is_probe(route) { access!(DEBUG) } else { access!(INFO) }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.is_recorded {
            let status = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or_default();
            self.record(status, Some("client_closed_request"));
        }
    }
}

/// Takes the problem out of a response and writes its body again, with the request's id.
fn complete(mut response: Response, id: &RequestId) -> (Response, Option<Problem>) {
    let given = response.extensions_mut().remove::<Problem>();
    let (mut response, problem) = match given {
        Some(problem) => (response, problem),
        None => match bare_refusal(&response) {
            Some(problem) => (problem.clone().into_response(), problem),
            None => return (response, None),
        },
    };
    // These describe the body that is replaced, which a middleware may have compressed.
    for stale in [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::TRANSFER_ENCODING] {
        response.headers_mut().remove(stale);
    }
    *response.body_mut() = Body::from(problem.render(Some(id.as_str())));
    (response, Some(problem))
}

/// The router itself answers 404 and 405 without a body; a handler's own body is left alone.
fn bare_refusal(response: &Response) -> Option<Problem> {
    let make = match response.status() {
        StatusCode::NOT_FOUND => Problem::not_found,
        StatusCode::METHOD_NOT_ALLOWED => Problem::method_not_allowed,
        _ => return None,
    };
    (response.body().size_hint().exact() == Some(0)).then(make)
}

#[cfg(test)]
mod tests;
