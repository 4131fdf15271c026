//! Spans on their way out. The collector is a stand-in: it reads what comes with OpenTelemetry's own definitions.

use axum::{Router, body::Bytes, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1,
};
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc};

use super::*;
use crate::{
    edge::Edge, facts::REQUEST_ID_HEADER, http_series::HttpSeries, metrics::Exporter,
    problem::Problem, rejection::Rejections, testing::Captured,
};

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn variables<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

/// A server with the edge, asked without a connection.
fn routes(tracer: Option<SdkTracer>) -> Router {
    let exporter = Exporter::new();
    let http = HttpSeries::new(&exporter, &["/predict", "/health"]);
    let edge = Edge::with_tracer(http, Rejections::new(&exporter, ["test_code"]), tracer);
    Router::new()
        .route("/predict", post(async |facts: RequestFacts| facts.set_n_rows(3)))
        .route("/health", post(async || "well"))
        .route("/fail", post(async || Problem::internal("disk sda is full")))
        .layer(edge.layer())
}

async fn ask(routes: &Router, path: &str, traceparent: Option<&str>) -> HeaderMap {
    let mut request = Request::post(path).header(REQUEST_ID_HEADER, "order-66");
    if let Some(traceparent) = traceparent {
        request = request.header(TRACEPARENT_HEADER, traceparent);
    }
    let request = request.body(axum::body::Body::empty()).unwrap();
    tower::ServiceExt::oneshot(routes.clone(), request).await.unwrap().headers().clone()
}

fn answered(headers: &HeaderMap) -> Option<&str> {
    headers.get(TRACEPARENT_HEADER).map(|value| value.to_str().unwrap())
}

/// A collector on a port of its own, and what it is sent.
async fn collector() -> (String, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let take = async move |body: Bytes| {
        sender.send(ExportTraceServiceRequest::decode(body).unwrap()).unwrap();
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async { axum::serve(listener, app).await });
    (url, receiver)
}

fn text(span: &v1::Span, key: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?;
    Some(match value.value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("{key} is {other:?}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_span_of_its_caller_s_trace() {
    let (url, mut received) = collector().await;
    let provider = tokio::task::spawn_blocking(move || {
        provider("canopy-test", variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]))
    });
    let provider = provider.await.unwrap().unwrap().expect("a collector is named");
    let routes = routes(Some(provider.tracer("canopy")));

    let headers = ask(&routes, "/predict", Some(CALLER)).await;
    let own = answered(&headers).expect("the trace is answered").to_owned();
    assert!(own.starts_with(&format!("00-{TRACE}-")) && own.ends_with("-01"), "{own}");
    assert_ne!(own, CALLER, "the span is the server's own");
    let begun = ask(&routes, "/fail", None).await;
    assert!(answered(&begun).is_some_and(|own| !own.contains(TRACE)), "{begun:?}");
    ask(&routes, "/health", None).await;
    tokio::task::spawn_blocking(move || provider.shutdown()).await.unwrap().unwrap();

    let request = received.recv().await.expect("a batch");
    let resource = &request.resource_spans[0].resource.as_ref().unwrap().attributes;
    let service = resource.iter().find(|attribute| attribute.key == "service.name").unwrap();
    assert!(format!("{service:?}").contains("canopy-test"), "{service:?}");
    let spans = &request.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans.len(), 2, "probes have none: {spans:?}");
    let (predict, fail) = (&spans[0], &spans[1]);
    assert_eq!(predict.name, "POST /predict");
    assert_eq!(predict.kind(), v1::span::SpanKind::Server);
    assert_eq!(hex(&predict.trace_id), TRACE);
    assert_eq!(hex(&predict.parent_span_id), "b7ad6b7169203331");
    assert!(own.contains(&hex(&predict.span_id)), "{own}");
    assert!(predict.end_time_unix_nano >= predict.start_time_unix_nano);
    assert_eq!(text(predict, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(text(predict, "http.route").as_deref(), Some("/predict"));
    assert_eq!(text(predict, "canopy.n_rows").as_deref(), Some("3"));
    assert_eq!(text(predict, "canopy.request_id").as_deref(), Some("order-66"));
    assert_eq!(text(fail, "http.response.status_code").as_deref(), Some("500"));
    assert_eq!(text(fail, "error.type").as_deref(), Some("internal"));
    assert_eq!(fail.status.as_ref().unwrap().code(), v1::status::StatusCode::Error);
}

#[tokio::test]
async fn without_a_collector_the_caller_s_trace_is_logged_and_answered() {
    let (log, _guard) = Captured::start();
    let routes = routes(None);
    let headers = ask(&routes, "/predict", Some(CALLER)).await;
    assert_eq!(answered(&headers), Some(CALLER));
    assert_eq!(log.lines("access").last().unwrap()["trace_id"], TRACE);
    for unfit in
        [None, Some("00-0-0-01"), Some("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    {
        assert_eq!(answered(&ask(&routes, "/predict", unfit).await), None, "{unfit:?}");
        assert!(log.lines("access").last().unwrap().get("trace_id").is_none(), "{unfit:?}");
    }
}

#[test]
fn spans_are_sent_only_where_a_collector_is_named() {
    for pairs in [
        &[][..],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:1"), ("OTEL_SDK_DISABLED", "TRUE")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:1"), ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        assert!(provider("canopy-test", variables(pairs)).unwrap().is_none(), "{pairs:?}");
    }
}

#[test]
fn what_cannot_be_spoken_is_refused_at_the_start() {
    let pairs = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    let error = provider("canopy-test", variables(&pairs)).unwrap_err().to_string();
    assert!(error.starts_with("OTEL_EXPORTER_OTLP_PROTOCOL is `grpc`"), "{error}");
    assert!(error.contains("4318"), "{error}");
    let pairs = [("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")];
    assert!(provider("canopy-test", variables(&pairs)).is_err());
}
