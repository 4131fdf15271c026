//! The plumbing the middlewares share: each is one [`Around::around`], one future on the heap.
//!
//! `axum::middleware::from_fn` does the same with three allocations and a clone more per request.

use std::{
    convert::Infallible,
    ops::Deref,
    pin::Pin,
    sync::Arc,
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

/// What all connections use, counted by each for itself.
///
/// A server copies its services for each connection. Requests that share an [`Arc`] over all threads count themselves
/// in and out in one place of memory, which goes from core to core for it; here only a connection's own requests do.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use service_kit::PerConnection;
///
/// let first = PerConnection::new(Arc::new("the app"));
/// let second = first.clone();
/// let request_s = second.share();
/// assert_eq!(**request_s, "the app");
/// ```
#[derive(Debug)]
pub struct PerConnection<T>(Arc<Shared<T>>);

/// One connection's handle on what all use.
#[derive(Debug)]
pub struct Shared<T>(Arc<T>);

impl<T> PerConnection<T> {
    /// The first connection's.
    #[must_use]
    pub fn new(shared: Arc<T>) -> Self {
        Self(Arc::new(Shared(shared)))
    }

    /// Gives what a request may keep as long as it takes.
    #[must_use]
    pub fn share(&self) -> Arc<Shared<T>> {
        Arc::clone(&self.0)
    }
}

/// Makes another connection's.
impl<T> Clone for PerConnection<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
