//! One route that is asked far more often than all others, taken past the router.
//!
//! axum's router is made for many routes: it notes the path that matched as extensions, and copies boxed services,
//! some twenty allocations a request. The layers around the route are the same either way.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{Router, extract::Request, http::Method, response::Response};
use tower::Service;

use crate::middleware::ResponseFuture;

/// A router, and in front of it the service of one of its routes.
///
/// # Examples
///
/// ```
/// use axum::{Router, extract::Request, http::Method, response::IntoResponse, routing::post_service};
/// use service_kit::{ResponseFuture, shortcut::Shortcut};
///
/// let predict = tower::service_fn(|_: Request| -> ResponseFuture {
///     Box::pin(async { Ok("4123.5".into_response()) })
/// });
/// let router = Router::new().route("/predict", post_service(predict));
/// let routes = Shortcut { router, method: Method::POST, path: "/predict", service: Some(predict) };
/// ```
#[derive(Debug, Clone)]
pub struct Shortcut<S> {
    /// All routes, with their middlewares.
    pub router: Router,
    /// The method of the route that is taken past it.
    pub method: Method,
    /// The path of that route, to the letter.
    pub path: &'static str,
    /// What answers there, as the router would; none where every request goes through the router.
    pub service: Option<S>,
}

impl<S> Service<Request> for Shortcut<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future = ResponseFuture>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        self.service.as_mut().map_or(Poll::Ready(Ok(())), |service| service.poll_ready(cx))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match &mut self.service {
            Some(service)
                if request.uri().path() == self.path && *request.method() == self.method =>
            {
                service.call(request)
            }
            _ => Box::pin(self.router.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, response::IntoResponse, routing::post};

    use super::*;

    async fn answer(method: Method, uri: &str) -> String {
        let by_router = post(async || "by the router").get(async || "by the router");
        let service = tower::service_fn(|_: Request| -> ResponseFuture {
            Box::pin(async { Ok("straight".into_response()) })
        });
        let mut routes = Shortcut {
            router: Router::new().route("/{path}", by_router),
            method: Method::POST,
            path: "/predict",
            service: Some(service),
        };
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let response = routes.call(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
        String::from_utf8(body.into()).unwrap()
    }

    #[tokio::test]
    async fn only_the_one_route_goes_past_the_router() {
        assert_eq!(answer(Method::POST, "/predict").await, "straight");
        assert_eq!(answer(Method::POST, "http://host/predict?a=b").await, "straight");
        assert_eq!(answer(Method::GET, "/predict").await, "by the router");
        assert_eq!(answer(Method::POST, "/predictor").await, "by the router");
        assert_eq!(answer(Method::POST, "/Predict").await, "by the router");
    }
}
