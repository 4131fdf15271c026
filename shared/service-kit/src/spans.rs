//! The trace a request belongs to, and its span over OTLP where a collector is named.
//!
//! A caller's `traceparent` ([W3C Trace Context](https://www.w3.org/TR/trace-context/)) is taken on, written into the
//! access line and answered, with a collector and without one. [`crate::edge`] starts and ends the spans.

use std::{
    env,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter},
};

use crate::facts::RequestFacts;

/// The header that names a trace and a span in it, in both directions.
pub const TRACEPARENT_HEADER: HeaderName = HeaderName::from_static("traceparent");

const PROTOCOL_VARIABLES: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const PROTOCOL: &str = "http/protobuf";
/// How long the last spans may take at the end.
const LAST_WAIT: Duration = Duration::from_secs(2);

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Says why spans cannot be sent as the environment asks.
#[derive(Debug, thiserror::Error)]
pub enum SpansError {
    /// A protocol that is not spoken.
    #[error(
        "{variable} is `{given}`; spans go as `{PROTOCOL}`, which collectors take on port 4318: \
         set it to that or leave it out"
    )]
    Protocol {
        /// The variable.
        variable: &'static str,
        /// Its value.
        given: String,
    },
    /// The exporter could not be made.
    #[error("spans cannot be sent as the variables OTEL_… ask: {0}")]
    Exporter(String),
}

/// Sends the waiting spans when it is dropped: keep it until the end of `main`.
#[derive(Debug)]
#[must_use]
pub struct SpansGuard(Option<SdkTracerProvider>);

impl Drop for SpansGuard {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // What could not be sent was logged by the exporter.
            let _ = provider.shutdown_with_timeout(LAST_WAIT);
        }
    }
}

/// Starts to send a span for each request to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, if it does.
///
/// The other variables of OpenTelemetry count as well: `OTEL_EXPORTER_OTLP_HEADERS` and `…_TIMEOUT`,
/// `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`, `OTEL_SDK_DISABLED`.
/// A thread of its own sends batches; a request never waits for it, and spans that come too fast are dropped.
/// To be called before there is an async runtime.
///
/// # Errors
///
/// A protocol other than `http/protobuf` is asked for, or the endpoint is no URL.
pub fn init(service: &'static str) -> Result<SpansGuard, SpansError> {
    let provider = provider(service, |name| env::var(name).ok())?;
    if let Some(provider) = &provider {
        TRACER.get_or_init(|| provider.tracer("canopy"));
    }
    Ok(SpansGuard(provider))
}

/// The tracer of this process, where a collector is named.
pub(crate) fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

fn provider(
    service: &'static str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<SdkTracerProvider>, SpansError> {
    let given = |name: &'static str| variable(name).filter(|value| !value.trim().is_empty());
    let is = |name, value: &str| given(name).is_some_and(|v| v.trim().eq_ignore_ascii_case(value));
    let is_off = is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none");
    // The one for spans is taken as it is; to the one for all signals the path is added.
    let endpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| {
        let endpoint = given("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/traces", endpoint.trim().trim_end_matches('/')))
    });
    let Some(endpoint) = endpoint.filter(|_| !is_off) else { return Ok(None) };
    let asked = PROTOCOL_VARIABLES.into_iter().find_map(|name| Some((name, given(name)?)));
    if let Some((variable, given)) = asked.filter(|(_, given)| given.trim() != PROTOCOL) {
        return Err(SpansError::Protocol { variable, given });
    }
    // An endpoint with https needs it; where there is one already, that one serves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| SpansError::Exporter(error.to_string()))?;
    // What the environment says comes after it and wins.
    let own = [
        KeyValue::new("service.name", service),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let resource = Resource::builder_empty().with_attributes(own).with_detectors(&[
        Box::new(TelemetryResourceDetector),
        Box::new(EnvResourceDetector::new()),
    ]);
    let resource = match given("OTEL_SERVICE_NAME") {
        Some(name) => resource.with_service_name(name),
        None => resource,
    };
    Ok(Some(
        SdkTracerProvider::builder()
            .with_batch_exporter(Told { exporter, is_failing: AtomicBool::new(false) })
            .with_resource(resource.build())
            .build(),
    ))
}

/// An exporter that logs when the collector goes away and when it comes back, and not each batch.
#[derive(Debug)]
struct Told<E> {
    exporter: E,
    is_failing: AtomicBool,
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let n_spans = batch.len();
        let result = self.exporter.export(batch).await;
        match (&result, self.is_failing.swap(result.is_err(), Ordering::Relaxed)) {
            (Err(error), false) => tracing::warn!(
                %error,
                n_spans,
                "spans were not taken by the collector; they are lost until it takes them again"
            ),
            (Ok(()), true) => tracing::info!("the collector takes spans again"),
            _ => {}
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The trace that a request is a part of.
#[derive(Debug)]
pub(crate) struct RequestTrace {
    /// The request's own span, or else the caller's.
    context: SpanContext,
    span: Option<opentelemetry_sdk::trace::Span>,
}

impl RequestTrace {
    /// Takes on the caller's trace, and starts a span where there is somebody to send it to.
    ///
    /// None where there is neither.
    pub(crate) fn start(
        tracer: Option<&SdkTracer>,
        request: &Request,
        route: &str,
    ) -> Option<Box<Self>> {
        let is_named = request.headers().contains_key(TRACEPARENT_HEADER);
        if tracer.is_none() && !is_named {
            return None;
        }
        let parent = if is_named {
            let headers = Headers(request.headers());
            TraceContextPropagator::new().extract_with_context(&Context::new(), &headers)
        } else {
            Context::new()
        };
        let span = tracer.map(|tracer| start_span(tracer, request, route, &parent));
        let context = match &span {
            Some(span) => span.span_context().clone(),
            None => parent.span().span_context().clone(),
        };
        context.is_valid().then(|| Box::new(Self { context, span }))
    }

    /// The trace's id, 32 hexadecimal digits.
    pub(crate) fn id(&self) -> String {
        self.context.trace_id().to_string()
    }

    /// What is answered as `traceparent`.
    pub(crate) fn to_header_value(&self) -> Option<HeaderValue> {
        let (trace, span) = (self.context.trace_id(), self.context.span_id());
        let flags = self.context.trace_flags();
        HeaderValue::try_from(format!("00-{trace}-{span}-{flags:02x}")).ok()
    }

    /// Ends the span with what the request came to.
    pub(crate) fn end(
        &mut self,
        status: StatusCode,
        facts: &RequestFacts,
        error_code: Option<&str>,
    ) {
        let Some(span) = &mut self.span else { return };
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        span.set_attribute(KeyValue::new("canopy.request_id", facts.id().to_string()));
        if let Some(n_rows) = facts.n_rows() {
            span.set_attribute(KeyValue::new("canopy.n_rows", i64::try_from(n_rows).unwrap_or(-1)));
        }
        if let Some(code) = error_code {
            span.set_attribute(KeyValue::new("error.type", code.to_owned()));
        }
        // By the conventions a server's span fails by what the server got wrong, not by what its client did.
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// By OpenTelemetry's semantic conventions for HTTP servers 1.23 and later. The query stays out: people put keys there.
fn start_span(
    tracer: &SdkTracer,
    request: &Request,
    route: &str,
    parent: &Context,
) -> opentelemetry_sdk::trace::Span {
    let method = request.method().as_str();
    SpanBuilder::from_name(format!("{method} {route}"))
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", method.to_owned()),
            KeyValue::new("http.route", route.to_owned()),
            KeyValue::new("url.path", request.uri().path().to_owned()),
            KeyValue::new("url.scheme", "http"),
        ])
        .start_with_context(tracer, parent)
}

/// Headers as OpenTelemetry reads them.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests;
