//! The plumbing the middlewares share: each is one [`Around::around`], one future on the heap.
//!
//! `axum::middleware::from_fn` does the same with three allocations and a clone more per request.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use tower::{Layer, Service};

/// What a middleware answers with.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// One step around a request; [`MiddlewareLayer`] makes a tower layer of it.
pub trait Around: Clone + Send + Sync + 'static {
    /// Answers the request itself, or by calling `inner` once.
    fn around<S>(&self, request: Request, inner: &mut S) -> ResponseFuture
    where
        S: Service<Request, Response = Response, Error = Infallible>,
        S::Future: Send + 'static;
}

/// Puts an [`Around`] in front of a router's routes.
#[derive(Debug, Clone)]
pub struct MiddlewareLayer<A>(pub(crate) A);

impl<A: Around, S> Layer<S> for MiddlewareLayer<A> {
    type Service = Middleware<A, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Middleware { around: self.0.clone(), inner }
    }
}

/// A service behind an [`Around`].
#[derive(Debug, Clone)]
pub struct Middleware<A, S> {
    around: A,
    inner: S,
}

impl<A, S> Service<Request> for Middleware<A, S>
where
    A: Around,
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        self.around.around(request, &mut self.inner)
    }
}
