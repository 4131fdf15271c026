//! Limits on requests whoever sends them: how many at once, and for how long.
//!
//! Limits for each key are in [`crate::rate_limit`].

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use metrics::{describe_gauge, gauge};
use tower::Service;

use crate::{
    metrics::Exporter,
    middleware::{Around, MiddlewareLayer, PerConnection, ResponseFuture, Shared},
    problem::Problem,
};

/// Answers 503 `overloaded` at once when enough requests are in flight; nothing ever queues.
///
/// A request is in flight until its answer is written, not only made: the answers that clients do
/// not read are memory as well. [`crate::serve::ServeLimits::write_timeout`] bounds how long that is.
#[derive(Debug, Clone)]
pub struct Shed(PerConnection<Slots>);

impl Shed {
    /// Lets `max_in_flight` requests in at once, and shows them as `http_requests_in_flight`.
    #[must_use]
    pub fn new(max_in_flight: usize, exporter: &Exporter) -> Self {
        let in_flight = exporter.register(|| {
            describe_gauge!(
                "http_requests_in_flight",
                "Requests that are being answered, to the last byte."
            );
            gauge!("http_requests_in_flight")
        });
        let slots = Arc::new(Slots { n_slots: max_in_flight, n_taken: AtomicUsize::new(0) });
        let sampled = Arc::clone(&slots);
        exporter.sample(in_flight, move || sampled.n_taken.load(Ordering::Relaxed) as f64);
        Self(PerConnection::new(slots))
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
        let Some(slot) = Slot::take(self.0.share()) else {
            return Box::pin(std::future::ready(Ok(Problem::overloaded().into_response())));
        };
        let call = inner.call(request);
        Box::pin(async move {
            let response = call.await?;
            // Nothing is left to write but the head, which hyper writes at once.
            if response.body().is_end_stream() {
                return Ok(response);
            }
            let slot = Some(Arc::new(slot));
            Ok(response.map(|inner| Body::new(Occupying { inner, slot })))
        })
    }
}

/// A response's body, which keeps the request's place until it is written or dropped.
///
/// hyper drops a body once it has taken the last piece of it, whether or not the client reads; so
/// each piece keeps the place as well, until hyper has written it.
struct Occupying {
    inner: Body,
    /// None once the body has ended.
    slot: Option<Arc<Slot>>,
}

impl HttpBody for Occupying {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            return Poll::Pending;
        };
        let slot = match &frame {
            Some(Ok(_)) => self.slot.clone(),
            None | Some(Err(_)) => self.slot.take(),
        };
        let frame = frame.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|bytes| Bytes::from_owner(Piece { bytes, _slot: slot }))
            })
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What is to be written, and the place it keeps.
struct Piece {
    bytes: Bytes,
    _slot: Option<Arc<Slot>>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The places for requests in flight.
#[derive(Debug)]
struct Slots {
    n_slots: usize,
    n_taken: AtomicUsize,
}

/// One request's place, given back when its answer is written or given up, however that comes.
struct Slot(Arc<Shared<Slots>>);

impl Slot {
    /// None when all are taken. The number guards no other memory, so that its order with other accesses does not matter.
    fn take(slots: Arc<Shared<Slots>>) -> Option<Self> {
        let add = |n_taken: usize| (n_taken < slots.n_slots).then(|| n_taken + 1);
        let taken = slots.n_taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        taken.is_ok().then(|| Self(slots))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.n_taken.fetch_sub(1, Ordering::Relaxed);
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
            let mut call = pin!(call);
            // Most requests are answered at once, and need no timer.
            if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
                return answer;
            }
            let answer = tokio::time::timeout(limit, call).await;
            answer.unwrap_or_else(|_| Ok(Problem::timeout(limit).into_response()))
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use serde_json::Value;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::Notify,
    };

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

    /// Asks for an answer larger than the sockets' buffers, and does not read it.
    async fn ask_and_read_nothing(server: &TestServer) -> TcpStream {
        let address = server.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // One byte of the answer shows that the handler is done.
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        stream
    }

    #[tokio::test]
    async fn an_answer_that_is_not_read_keeps_its_slot() {
        const LEN: usize = 32 * 1024 * 1024;
        let exporter = Exporter::new();
        let routes = Router::new()
            .route("/echo", get(async || vec![b'x'; LEN]))
            .layer(Shed::new(1, &exporter).layer());
        let server = TestServer::spawn_with(routes, &exporter, ServeLimits::default()).await;
        let in_flight = |n: u32| exporter.render().contains(&format!("in_flight {n}\n"));

        let mut slow = ask_and_read_nothing(&server).await;
        assert!(in_flight(1));
        assert_eq!(server.get("/echo").await.status(), 503);
        // Read to its end, it gives the slot back, and its length was known.
        let mut answer = Vec::new();
        while !answer.ends_with(b"xxxx") || answer.len() < LEN {
            assert!(slow.read_buf(&mut answer).await.unwrap() > 0);
        }
        let head = String::from_utf8_lossy(&answer[..500]).into_owned();
        assert!(head.contains(&format!("content-length: {LEN}\r\n")), "{head}");
        eventually(async || in_flight(0)).await;

        // A client that goes away gives it back as well.
        let gone = ask_and_read_nothing(&server).await;
        assert!(in_flight(1));
        drop(gone);
        eventually(async || in_flight(0)).await;
    }

    #[tokio::test]
    async fn a_client_that_never_reads_loses_its_slot_in_time() {
        let exporter = Exporter::new();
        let routes = Router::new()
            .route("/echo", get(async || vec![b'x'; 32 * 1024 * 1024]))
            .layer(Shed::new(1, &exporter).layer());
        let write_timeout = Duration::from_millis(50);
        let limits = ServeLimits { write_timeout, ..ServeLimits::default() };
        let server = TestServer::spawn_with(routes, &exporter, limits).await;
        let _slow = ask_and_read_nothing(&server).await;
        eventually(async || exporter.render().contains("in_flight 0\n")).await;
    }

    #[tokio::test]
    async fn a_panic_gives_the_slot_back() {
        let exporter = Exporter::new();
        let routes = Router::new()
            .route("/echo", get(async || -> &'static str { panic!("a broken invariant") }))
            .layer(Shed::new(1, &exporter).layer());
        let server = TestServer::spawn_with(routes, &exporter, ServeLimits::default()).await;
        assert_eq!(server.get("/echo").await.status(), 500);
        assert_eq!(server.get("/echo").await.status(), 500);
        assert!(exporter.render().contains("in_flight 0\n"));
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
