//! The edge over real connections.

use axum::{
    Router,
    routing::{get, post},
};
use serde_json::Value;

use super::*;
use crate::{
    metrics::Exporter,
    serve::ServeLimits,
    testing::{Captured, TestServer, eventually},
};

fn routes() -> Router {
    Router::new()
        .route("/echo", post(async |id: RequestId| id.to_string()))
        .route("/rows/{row}", get(async |facts: RequestFacts| facts.set_n_rows(3)))
        .route("/panic", get(async || -> StatusCode { panic!("a broken invariant") }))
        .route("/fail", get(async || Problem::internal("disk sda is full")))
        .route("/bare", get(async || (StatusCode::NOT_FOUND, "its own words")))
        .route(
            "/docs",
            get(async || [("cache-control", "max-age=60"), ("x-frame-options", "ALLOWALL")]),
        )
}

async fn json(response: reqwest::Response) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_fit_request_id_is_kept_and_any_other_replaced() {
    let server = TestServer::spawn(routes()).await;
    let ask = async |id: &str| {
        let url = format!("{}/echo", server.url);
        let request = server.client.post(url).header("x-request-id", id);
        let response = request.send().await.unwrap();
        let header = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(response.text().await.unwrap(), header);
        header
    };
    assert_eq!(ask("order-66").await, "order-66");
    assert_ne!(ask("two words").await, "two words");
    assert_ne!(ask(&"x".repeat(129)).await, "x".repeat(129));
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = TestServer::spawn(routes()).await;
    let response = server.get("/nowhere").await;
    assert_eq!(response.status(), 404);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body = json(response).await;
    assert_eq!(body["type"], "urn:canopy:problem:not_found");
    assert_eq!(body["request_id"], id);

    let response = server.get("/echo").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(json(response).await["code"], "method_not_allowed");

    let response = server.get("/bare").await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.text().await.unwrap(), "its own words");
}

#[tokio::test]
async fn a_problem_replaces_a_compressed_body_and_what_was_said_about_it() {
    // As a compressing middleware inside the edge leaves a problem.
    let compressed = async || {
        let mut response = Problem::not_found().into_response();
        *response.body_mut() = Body::from("not JSON but gzip");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("17"));
        response
    };
    let server = TestServer::spawn(Router::new().route("/echo", get(compressed))).await;
    let response = server.get("/echo").await;
    assert_eq!(response.status(), 404);
    assert!(!response.headers().contains_key("content-encoding"));
    assert!(!response.headers().contains_key("transfer-encoding"));
    assert_eq!(json(response).await["code"], "not_found");
}

#[tokio::test]
async fn answers_carry_the_security_headers() {
    let server = TestServer::spawn(routes()).await;
    let response = server.get("/rows/1").await;
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.headers()["x-frame-options"], "DENY");
    assert_eq!(response.headers()["referrer-policy"], "no-referrer");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let policy = &response.headers()["content-security-policy"];
    assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
    let response = server.get("/docs").await;
    assert_eq!(response.headers()["cache-control"], "max-age=60");
    assert_eq!(response.headers()["x-frame-options"], "DENY");

    // What is posted is answered with data, which no browser shows as a page.
    let response = server.client.post(format!("{}/echo", server.url)).send().await.unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key("x-frame-options"));
    assert!(!response.headers().contains_key("content-security-policy"));
    assert!(!response.headers().contains_key("referrer-policy"));
}

#[tokio::test]
async fn a_panic_ends_one_request_and_is_logged_once() {
    let (captured, _guard) = Captured::start();
    let server = TestServer::spawn(routes()).await;
    let response = server.get("/panic").await;
    assert_eq!(response.status(), 500);
    let body = json(response).await;
    assert_eq!(body["code"], "internal");
    assert!(!body.to_string().contains("invariant"));
    assert_eq!(server.get("/rows/1").await.status(), 200);
    let lines = captured.lines("service_kit::edge");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["panic.message"], "a broken invariant");
    assert_eq!(lines[0]["request_id"], body["request_id"]);
}

#[tokio::test]
async fn a_cause_goes_to_the_log_and_not_to_the_client() {
    let (captured, _guard) = Captured::start();
    let server = TestServer::spawn(routes()).await;
    let text = server.get("/fail").await.text().await.unwrap();
    assert!(!text.contains("sda"), "{text}");
    let lines = captured.lines("service_kit::edge");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["cause"], "disk sda is full");
}

#[tokio::test]
async fn each_request_leaves_one_access_line() {
    let (captured, _guard) = Captured::start();
    let server = TestServer::spawn(routes()).await;
    server.get("/rows/7?token=hidden").await;
    server.get("/nowhere").await;
    server.get("/health").await;
    let lines = captured.lines("access");
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["message"], "request");
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["http.method"], "GET");
    assert_eq!(lines[0]["http.route"], "/rows/{row}");
    assert_eq!(lines[0]["http.path"], "/rows/7");
    assert_eq!(lines[0]["http.status"], 200);
    assert_eq!(lines[0]["n_rows"], 3);
    assert!(lines[0]["duration_ms"].is_number());
    assert!(lines[0].get("error.code").is_none());
    assert_eq!(lines[1]["http.route"], "other");
    assert_eq!(lines[1]["error.code"], "not_found");
    assert_eq!(lines[2]["level"], "DEBUG");
    assert!(!captured.text().contains("hidden"));
}

#[tokio::test]
async fn metrics_name_the_route_s_template_and_the_status() {
    let server = TestServer::spawn(routes()).await;
    server.get("/rows/7").await;
    server.get("/nowhere").await;
    let text = server.get("/metrics").await.text().await.unwrap();
    let line = r#"http_requests_total{route="/rows/{row}",method="GET",status="200"} 1"#;
    assert!(text.contains(line), "{text}");
    let line = r#"http_requests_total{route="other",method="GET",status="404"} 1"#;
    assert!(text.contains(line), "{text}");
    assert!(text.contains(r#"canopy_rejections_total{code="not_found"} 1"#), "{text}");
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_too() {
    let (captured, _guard) = Captured::start();
    let held = Router::new().route("/echo", get(std::future::pending::<()>));
    let exporter = Exporter::new();
    let server = TestServer::spawn_with(held, &exporter, ServeLimits::default()).await;
    let url = format!("{}/echo", server.url);
    let request = server.client.get(url).timeout(Duration::from_millis(50)).send();
    assert!(request.await.unwrap_err().is_timeout());
    eventually(async || captured.lines("access").len() == 1).await;
    assert_eq!(captured.lines("access")[0]["http.status"], 499);
    assert!(exporter.render().contains(r#"route="/echo",method="GET",status="499"} 1"#));
}
