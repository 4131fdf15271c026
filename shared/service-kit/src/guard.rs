//! The middleware before protected routes: first who asks, then whether their rate allows it.
//!
//! Neither reads the body, so that a refused request costs next to nothing.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::Request,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use tower::Service;

use crate::{
    auth::{Authenticator, Caller},
    facts::RequestFacts,
    middleware::{Around, MiddlewareLayer, ResponseFuture},
    problem::Problem,
    rate_limit::{Decision, Limiter},
};

/// Answers 401 without a good key and 429 over its rate; whose key it is goes into the request's facts.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Authenticator>);

impl Guard {
    /// Guards routes with these keys.
    #[must_use]
    pub fn new(authenticator: Arc<Authenticator>) -> Self {
        Self(authenticator)
    }

    /// Makes the layer.
    #[must_use]
    pub fn layer(&self) -> MiddlewareLayer<Self> {
        MiddlewareLayer(self.clone())
    }
}

impl Around for Guard {
    fn around<S>(&self, request: Request, inner: &mut S) -> ResponseFuture
    where
        S: Service<Request, Response = Response, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let caller = match self.0.authenticate(request.headers()) {
            Ok(caller) => caller,
            Err(error) => return refuse(Problem::from(error).into_response()),
        };
        let decision = caller.limiter().map(Limiter::check);
        let facts = RequestFacts::in_extensions(request.extensions(), request.headers());
        facts.set_caller(caller);
        if let Some(wait) = decision.and_then(|decision| decision.retry_after) {
            let mut response = Problem::too_many_requests(wait).into_response();
            write_headers(&facts, decision, response.headers_mut());
            return refuse(response);
        }
        let call = inner.call(request);
        Box::pin(async move {
            let mut response = call.await?;
            write_headers(&facts, decision, response.headers_mut());
            Ok(response)
        })
    }
}

fn refuse(response: Response) -> ResponseFuture {
    Box::pin(std::future::ready(Ok(response)))
}

fn write_headers(facts: &RequestFacts, decision: Option<Decision>, headers: &mut HeaderMap) {
    let limiter = facts.caller().and_then(Caller::limiter);
    if let (Some(limiter), Some(decision)) = (limiter, decision) {
        limiter.write_headers(decision, headers);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::atomic::{AtomicUsize, Ordering},
        task::{Context, Poll},
    };

    use axum::{
        Router,
        body::{Body, Bytes, HttpBody},
        routing::post,
    };
    use clap::Parser;
    use hyper::body::Frame;
    use reqwest::{RequestBuilder, StatusCode};
    use serde_json::Value;

    use super::*;
    use crate::{
        auth::AuthArgs,
        metrics::Exporter,
        testing::{Captured, TestServer},
    };

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        auth: AuthArgs,
    }

    async fn server(flags: &[&str]) -> TestServer {
        let mut args = Command::parse_from([&["test"], flags].concat()).auth;
        args.plain_keys = "a:alpha-secret,b:beta-secret".into();
        let auth = Authenticator::from_args(&args, &Exporter::new()).unwrap();
        let name = async |facts: RequestFacts| facts.client().unwrap_or_default().to_owned();
        let routes = Router::new().route("/echo", post(name));
        TestServer::spawn(routes.route_layer(Guard::new(auth).layer())).await
    }

    fn echo(server: &TestServer) -> RequestBuilder {
        server.client.post(format!("{}/echo", server.url))
    }

    #[tokio::test]
    async fn lets_good_keys_in_and_tells_others_how_to_send_one() {
        let server = server(&[]).await;
        let response = echo(&server).bearer_auth("beta-secret").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "b");

        let response = echo(&server).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"canopy\"");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], "unauthorized");
        assert!(body["detail"].as_str().unwrap().contains("X-API-Key"));

        let response = echo(&server).header("x-api-key", "wrong").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(server.get("/health").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn each_key_has_its_own_rate() {
        let server = server(&["--rate-limit", "1", "--rate-burst", "2"]).await;
        let ask = async |key: &str| echo(&server).header("x-api-key", key).send().await.unwrap();
        let first = ask("alpha-secret").await;
        assert_eq!(first.headers()["ratelimit-limit"], "2");
        assert_eq!(first.headers()["ratelimit-remaining"], "1");
        // On a slow machine a request may come back into the bucket between two of these.
        let mut refused = ask("alpha-secret").await;
        for _ in 0..1_000 {
            if refused.status() != StatusCode::OK {
                break;
            }
            refused = ask("alpha-secret").await;
        }
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()["ratelimit-remaining"], "0");
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "rate_limited");
        assert_eq!(ask("beta-secret").await.status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn no_limit_means_no_headers() {
        let server = server(&["--rate-limit", "0"]).await;
        let response = echo(&server).header("x-api-key", "alpha-secret").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().keys().all(|name| !name.as_str().starts_with("ratelimit")));
    }

    #[tokio::test]
    async fn the_log_has_the_key_s_name_and_never_the_key() {
        let (captured, _guard) = Captured::start();
        let server = server(&[]).await;
        echo(&server).header("x-api-key", "alpha-secret").send().await.unwrap();
        echo(&server).bearer_auth("wrong-secret").send().await.unwrap();
        let lines = captured.lines("access");
        assert_eq!(lines[0]["client.key"], "a");
        assert!(lines[1].get("client.key").is_none());
        assert_eq!(lines[1]["error.code"], "unauthorized");
        assert!(!captured.text().contains("-secret"), "{}", captured.text());
    }

    #[tokio::test]
    async fn the_body_of_a_refused_request_is_not_read() {
        let polled = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polled);
        let body = Body::new(CountPolls(counted));
        let request = Request::post("/echo").body(body).unwrap();
        let mut args = Command::parse_from(["test"]).auth;
        args.plain_keys = "a:alpha-secret".into();
        let auth = Authenticator::from_args(&args, &Exporter::new()).unwrap();
        let routes = Router::new().route("/echo", post(async |body: String| body));
        let mut routes = routes.route_layer(Guard::new(auth).layer());
        let response = Service::call(&mut routes, request).await.unwrap();
        assert_eq!(response.status().as_u16(), 401);
        assert_eq!(polled.load(Ordering::SeqCst), 0);
    }

    /// A body that counts how often it is asked for data.
    struct CountPolls(Arc<AtomicUsize>);

    impl HttpBody for CountPolls {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(None)
        }
    }
}
