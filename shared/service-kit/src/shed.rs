//! Limits on requests whoever sends them: how many at once, and for how long.
//!
//! Limits for each key are in [`crate::rate_limit`].

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use metrics::{Gauge, describe_gauge, gauge};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::{
    metrics::Exporter,
    middleware::{Around, MiddlewareLayer, ResponseFuture},
    problem::Problem,
};

/// Answers 503 `overloaded` at once when enough requests are in flight; nothing ever queues.
#[derive(Debug, Clone)]
pub struct Shed {
    slots: Arc<Semaphore>,
    in_flight: Gauge,
}

impl Shed {
    /// Lets `max_in_flight` requests in at once, and shows them as `http_requests_in_flight`.
    #[must_use]
    pub fn new(max_in_flight: usize, exporter: &Exporter) -> Self {
        let in_flight = exporter.register(|| {
            describe_gauge!("http_requests_in_flight", "Requests that are being answered.");
            gauge!("http_requests_in_flight")
        });
        in_flight.set(0.0);
        let slots = Arc::new(Semaphore::new(max_in_flight.min(Semaphore::MAX_PERMITS)));
        Self { slots, in_flight }
    }

    /// Makes the layer.
    #[must_use]
    pub fn layer(&self) -> MiddlewareLayer<Self> {
        MiddlewareLayer(self.clone())
    }
}

impl Around for Shed {
    fn around<S>(&self, request: Request, inner: &mut S) -> ResponseFuture
    where
        S: Service<Request, Response = Response, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Box::pin(std::future::ready(Ok(Problem::overloaded().into_response())));
        };
        let slot = Slot::take(slot, self.in_flight.clone());
        let call = inner.call(request);
        Box::pin(async move {
            let response = call.await;
            drop(slot);
            response
        })
    }
}

/// One request's place, given back when its future ends, however it ends.
struct Slot {
    in_flight: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn take(permit: OwnedSemaphorePermit, in_flight: Gauge) -> Self {
        in_flight.increment(1.0);
        Self { in_flight, _permit: permit }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.in_flight.decrement(1.0);
    }
}

/// Answers 504 `request_timeout` when reading the body and handling it take longer than a limit.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit(Duration);

impl TimeLimit {
    /// Limits the time of one request.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self(limit)
    }

    /// Makes the layer.
    #[must_use]
    pub fn layer(&self) -> MiddlewareLayer<Self> {
        MiddlewareLayer(*self)
    }
}

impl Around for TimeLimit {
    fn around<S>(&self, request: Request, inner: &mut S) -> ResponseFuture
    where
        S: Service<Request, Response = Response, Error = Infallible>,
        S::Future: Send + 'static,
    {
        let limit = self.0;
        let call = inner.call(request);
        Box::pin(async move {
            let answer = tokio::time::timeout(limit, call).await;
            answer.unwrap_or_else(|_| Ok(Problem::timeout(limit).into_response()))
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use serde_json::Value;
    use tokio::sync::Notify;

    use super::*;
    use crate::{
        serve::ServeLimits,
        testing::{TestServer, eventually},
    };

    #[tokio::test]
    async fn refuses_at_once_while_all_slots_are_taken_and_serves_again_after() {
        let exporter = Exporter::new();
        let release = Arc::new(Notify::new());
        let held = Arc::clone(&release);
        let routes = Router::new()
            .route("/echo", get(async move || held.notified().await))
            .layer(Shed::new(1, &exporter).layer());
        let server = TestServer::spawn_with(routes, &exporter, ServeLimits::default()).await;

        let request = server.client.get(format!("{}/echo", server.url));
        let first = tokio::spawn(request.send());
        let in_flight = |n: u32| exporter.render().contains(&format!("in_flight {n}\n"));
        eventually(async || in_flight(1)).await;

        let refused = server.get("/echo").await;
        assert_eq!(refused.status(), 503);
        assert_eq!(refused.headers()["retry-after"], "1");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "overloaded");

        release.notify_one();
        assert_eq!(first.await.unwrap().unwrap().status(), 200);
        assert!(in_flight(0));
        release.notify_one();
        assert_eq!(server.get("/echo").await.status(), 200);
    }

    #[tokio::test]
    async fn a_request_past_its_time_gets_a_504() {
        let routes = Router::new()
            .route("/echo", get(std::future::pending::<()>))
            .layer(TimeLimit::new(Duration::from_millis(10)).layer());
        let server = TestServer::spawn(routes).await;
        let response = server.get("/echo").await;
        assert_eq!(response.status(), 504);
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["code"], &body["limit_ms"]), (&"request_timeout".into(), &10.into()));
    }
}
