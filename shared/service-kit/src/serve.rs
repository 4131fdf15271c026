//! Accepting connections, and stopping in order.
//!
//! The order: `/ready` turns 503, a drain delay passes while requests are still answered and each
//! answer tells its client to connect anew, elsewhere, the listener closes, requests in flight
//! finish, a timeout ends the rest.

use std::{
    convert::Infallible,
    error::Error,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::Request,
    http::{self, HeaderValue, header::CONNECTION},
    response::Response,
};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::Service;

use crate::{
    connection::{Answering, Busy, Closing, Patience, Timed},
    connection_series::ConnectionSeries,
    health::Readiness,
    linger::LingerPlaces,
    workers::Workers,
};

/// Limits on connections, and the times of stopping.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// How long requests are still accepted after `/ready` has turned 503. Default 5 s.
    pub drain_delay: Duration,
    /// How long requests in flight may take once the listener is closed. Default 30 s.
    pub grace: Duration,
    /// How long a request's head may take, from its first byte; 1 s at most once the listener is
    /// closed. Default 10 s.
    pub header_timeout: Duration,
    /// How long a connection may wait between two requests. Default 75 s, longer than the 60 s
    /// after which the usual proxies close theirs, so that none sends into a closing connection.
    pub idle_timeout: Duration,
    /// How long an answer may wait for its client to read some of it. Default 30 s.
    pub write_timeout: Duration,
    /// How many connections may be open; further ones wait in the kernel's backlog. Default 10,000.
    pub max_connections: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            drain_delay: Duration::from_secs(5),
            grace: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            max_connections: 10_000,
        }
    }
}

/// A service that answers whatever is asked.
pub trait Routes:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<S> Routes for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// A bound server: what it answers with, and how it stops.
#[derive(Debug)]
pub struct Server<S> {
    /// The bound socket.
    pub listener: TcpListener,
    /// Every route, with its middlewares: a router, or a [`crate::shortcut::Shortcut`] past one.
    pub routes: S,
    /// What `/ready` reads; serving turns it to draining.
    pub readiness: Readiness,
    /// Limits on connections, and the times of stopping.
    pub limits: ServeLimits,
    /// Threads that answer, each its own connections; with 0 the runtime that serves answers as well.
    pub n_threads: usize,
}

impl<S: Routes> Server<S> {
    /// Answers requests until `shutdown` resolves, then stops in order.
    ///
    /// # Errors
    ///
    /// The listener's address cannot be read.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        self.run_counted_until(ConnectionSeries::none(), shutdown).await
    }

    /// Does what [`Self::run_until`] does, and counts the connections that end in an error.
    ///
    /// # Errors
    ///
    /// The listener's address cannot be read, or the system gives no thread.
    pub async fn run_counted_until(
        self,
        series: ConnectionSeries,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Self { listener, routes, readiness, limits, n_threads } = self;
        let address = listener.local_addr()?;
        let workers = Workers::start(n_threads)?;
        let mut acceptor =
            Acceptor::new((listener, workers), routes, series, readiness.clone(), &limits);
        tracing::info!(%address, "listening");

        acceptor.accept_until(shutdown).await;
        readiness.draining();
        tracing::info!(delay_ms = limits.drain_delay.as_millis() as u64, "draining");
        acceptor.accept_until(tokio::time::sleep(limits.drain_delay)).await;
        acceptor.finish(limits.grace).await;
        tracing::info!(%address, "stopped");
        Ok(())
    }
}

struct Acceptor<S> {
    listener: TcpListener,
    workers: Workers,
    routes: S,
    series: ConnectionSeries,
    readiness: Readiness,
    patience: Patience,
    closing: Closing,
    linger: LingerPlaces,
    slots: Arc<Semaphore>,
    connections: JoinSet<()>,
    failures: Failures,
}

impl<S: Routes> Acceptor<S> {
    fn new(
        (listener, workers): (TcpListener, Workers),
        routes: S,
        series: ConnectionSeries,
        readiness: Readiness,
        limits: &ServeLimits,
    ) -> Self {
        let max_connections = limits.max_connections.min(Semaphore::MAX_PERMITS);
        Self {
            listener,
            workers,
            routes,
            series,
            readiness,
            patience: Patience {
                head: limits.header_timeout,
                idle: limits.idle_timeout,
                write: limits.write_timeout,
            },
            closing: Closing::default(),
            linger: LingerPlaces::new(),
            slots: Arc::new(Semaphore::new(max_connections)),
            connections: JoinSet::new(),
            failures: Failures::default(),
        }
    }

    async fn accept_until(&mut self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return,
                accepted = accept(&self.listener, &self.slots) => match accepted {
                    Ok((stream, slot)) => self.spawn(stream, slot),
                    Err(error) => {
                        // Stopping must not wait for the pause, so it may cut it short.
                        let pause = self.failures.pause_after(&error);
                        tokio::select! {
                            () = &mut stop => return,
                            () = tokio::time::sleep(pause) => {}
                        }
                    }
                },
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn spawn(&mut self, stream: TcpStream, slot: OwnedSemaphorePermit) {
        match self.workers.place() {
            None => self.spawn_on(&Handle::current(), stream, slot),
            Some((runtime, place)) => match moved(stream, runtime) {
                Ok(stream) => self.spawn_on(&runtime.clone(), stream, (slot, place)),
                Err(error) => tracing::error!(%error, "a connection could not be handed on"),
            },
        }
    }

    /// Answers a connection on a runtime; `held` is given back at its end.
    fn spawn_on(&mut self, runtime: &Handle, stream: TcpStream, held: impl Send + 'static) {
        // Answers are small and complete: waiting for more to send would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let busy = Busy::default();
        let io =
            TokioIo::new(Timed::new(stream, self.patience, busy.clone(), self.closing.clone()));
        // A connection's requests come one after the other: it has copies of its own, and no thread waits for another
        // to lock them or to count who has them.
        let routes = Mutex::new(self.routes.clone());
        let linger = self.linger.of_connection(busy.clone());
        let readiness = Arc::new(self.readiness.clone());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (answering, readiness) = (Answering::start(&busy), Arc::clone(&readiness));
            let request = linger.around(request, &answering).map(Body::new);
            let answer = routes.lock().unwrap_or_else(PoisonError::into_inner).call(request);
            async move {
                let mut answer = answer.await;
                // An open connection goes past the load balancer: it would stay with this server until it is cut.
                if let Ok(answer) = &mut answer
                    && readiness.is_draining()
                {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                answer.map(|answer| answering.until_written(answer))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .serve_connection(io, service);
        let (closing, series) = (self.closing.clone(), self.series.clone());
        let answering = async move {
            if let Err(error) = until_closing(connection, &closing).await {
                let kind = series.count(&error);
                tracing::debug!(%error, kind, "a connection ended early");
            }
            drop(held);
        };
        self.connections.spawn_on(answering, runtime);
    }

    /// Closes the listener, and gives requests in flight their time.
    async fn finish(self, grace: Duration) {
        let Self { listener, workers, closing, mut connections, .. } = self;
        drop(listener);
        closing.begin();
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            let n_connections = connections.len();
            tracing::warn!(n_connections, "the grace period is over: ending connections");
        }
        connections.shutdown().await;
        drop(workers);
    }
}

/// Drives a connection to its end; once the server closes, to that of the request in flight.
///
/// `hyper_util::server::graceful` does the same, and takes a lock of all connections for each request.
async fn until_closing<S>(
    connection: http1::Connection<TokioIo<Timed<TcpStream>>, S>,
    closing: &Closing,
) -> Result<(), hyper::Error>
where
    S: HttpService<Incoming, ResBody = Body>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (mut connection, mut beginning) = (pin!(connection), pin!(closing.beginning()));
    // A task has one waker: what was polled once wakes it, and need not be polled again for that.
    let (mut is_watched, mut is_told) = (false, false);
    poll_fn(|cx| {
        if !is_watched {
            is_watched = true;
            let _ = beginning.as_mut().poll(cx);
        }
        if !is_told && closing.has_begun() {
            is_told = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    })
    .await
}

/// Has another runtime wait for what comes on a connection.
fn moved(stream: TcpStream, to: &Handle) -> io::Result<TcpStream> {
    let stream = stream.into_std()?;
    let _registers_there = to.enter();
    TcpStream::from_std(stream)
}

/// Waits for a free slot first, so that the backlog, not this process, holds what is too much.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _): (_, SocketAddr) = listener.accept().await?;
    Ok((stream, slot))
}

/// Failures to accept, such as too many open files: logged now and then, never in a busy loop.
#[derive(Debug, Default)]
struct Failures {
    last_logged: Option<Instant>,
    n_unlogged: u64,
}

impl Failures {
    const LOG_INTERVAL: Duration = Duration::from_secs(10);

    /// Logs at most every ten seconds, and says how long to wait before the next try.
    fn pause_after(&mut self, error: &io::Error) -> Duration {
        // These concern the one connection that the client gave up before it was accepted.
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
        ) {
            return Duration::ZERO;
        }
        if self.last_logged.is_none_or(|at| at.elapsed() >= Self::LOG_INTERVAL) {
            let n_unlogged = std::mem::take(&mut self.n_unlogged);
            tracing::error!(%error, n_unlogged, "a connection could not be accepted");
            self.last_logged = Some(Instant::now());
        } else {
            self.n_unlogged += 1;
        }
        Duration::from_millis(100)
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::Notify,
    };

    use super::*;
    use crate::{
        metrics::Exporter,
        testing::{Captured, TestServer, eventually},
    };

    fn limits() -> ServeLimits {
        ServeLimits { drain_delay: Duration::ZERO, ..ServeLimits::default() }
    }

    fn held(entered: &Arc<Notify>, release: &Arc<Notify>) -> Router {
        let (entered, release) = (Arc::clone(entered), Arc::clone(release));
        let handler = async move || {
            entered.notify_one();
            release.notified().await;
            "done"
        };
        Router::new().route("/echo", get(handler)).route("/rows/{row}", get(async || "row"))
    }

    #[tokio::test]
    async fn keeps_answering_for_the_drain_delay_after_ready_has_turned_503() {
        // The delay is far longer than the test: nothing here depends on when it passes.
        let limits = ServeLimits { drain_delay: Duration::from_secs(3_600), ..limits() };
        let routes = held(&Arc::default(), &Arc::default());
        let mut server = TestServer::spawn_with(routes, &Exporter::new(), limits).await;
        server.readiness.ready(serde_json::json!({}));
        assert_eq!(server.get("/ready").await.status(), 200);
        server.stop();
        eventually(async || server.get("/ready").await.status() == 503).await;
        let body: serde_json::Value = server.get("/ready").await.json().await.unwrap();
        assert_eq!(body["reason"], "draining");
        assert_eq!(server.get("/health").await.status(), 200);
        // A client of its own, so that the connection is a new one.
        let url = format!("{}/rows/1", server.url);
        let fresh = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(fresh.get(url).send().await.unwrap().status(), 200);
    }

    #[tokio::test]
    async fn a_body_may_come_for_long_after_its_answer_has_begun() {
        let limits = ServeLimits { header_timeout: Duration::from_millis(100), ..limits() };
        let echo = async |body: axum::body::Body| body;
        let routes = Router::new().route("/echo", axum::routing::post(echo));
        let server = TestServer::spawn_with(routes, &Exporter::new(), limits).await;
        let mut stream =
            TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        let head = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..10 {
            // Together much longer than a head may take.
            tokio::time::sleep(Duration::from_millis(30)).await;
            stream.write_all(b"3\r\nrow\r\n").await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.ends_with("0\r\n\r\n"), "{text}");
        assert_eq!(text.matches("row").count(), 10, "{text}");
    }

    #[tokio::test]
    async fn an_answer_that_is_being_read_is_not_cut_by_the_end() {
        const LEN: usize = 16 * 1024 * 1024;
        for n_threads in [0, 2] {
            let routes = Router::new().route("/echo", get(async || vec![b'x'; LEN]));
            let exporter = Exporter::new();
            let mut server = TestServer::spawn_on(n_threads, routes, &exporter, limits()).await;
            let address = server.url.trim_start_matches("http://");
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"GET /echo HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            let mut answer = vec![client.read_u8().await.unwrap()];
            server.stop();
            // Longer than a head that is half sent would be waited for.
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            client.read_to_end(&mut answer).await.unwrap();
            assert!(answer.len() > LEN, "{} bytes on {n_threads} threads", answer.len());
            server.stopped().await.unwrap();
        }
    }

    #[tokio::test]
    async fn threads_of_its_own_answer_and_end() {
        let name = async || std::thread::current().name().unwrap_or_default().to_owned();
        let routes = Router::new().route("/echo", get(name));
        let mut server = TestServer::spawn_on(2, routes, &Exporter::new(), limits()).await;
        assert_eq!(server.get("/echo").await.text().await.unwrap(), "worker");
        server.stop();
        server.stopped().await.unwrap();
    }

    #[tokio::test]
    async fn tells_clients_to_connect_anew_while_it_drains() {
        let limits = ServeLimits { drain_delay: Duration::from_secs(3_600), ..limits() };
        let routes = held(&Arc::default(), &Arc::default());
        let mut server = TestServer::spawn_with(routes, &Exporter::new(), limits).await;
        let kept = server.get("/rows/1").await;
        assert_eq!(kept.headers().get("connection"), None);
        server.stop();
        eventually(async || server.get("/ready").await.status() == 503).await;
        let last = server.get("/rows/1").await;
        assert_eq!(
            (last.status().as_u16(), &last.headers()["connection"]),
            (200, &HeaderValue::from_static("close"))
        );
    }

    #[tokio::test]
    async fn a_request_in_flight_finishes_after_the_listener_has_closed() {
        let (entered, release) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let mut server = TestServer::spawn(held(&entered, &release)).await;
        let address = server.url.trim_start_matches("http://").to_owned();
        let request = tokio::spawn(server.client.get(format!("{}/echo", server.url)).send());
        entered.notified().await;
        server.stop();
        eventually(async || TcpStream::connect(&address).await.is_err()).await;
        assert!(!request.is_finished());
        release.notify_one();
        assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "done");
        server.stopped().await.unwrap();
    }

    #[tokio::test]
    async fn what_is_not_done_after_the_grace_period_is_ended() {
        let (entered, release) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let limits = ServeLimits { grace: Duration::from_millis(1), ..limits() };
        let routes = held(&entered, &release);
        let mut server = TestServer::spawn_with(routes, &Exporter::new(), limits).await;
        let request = tokio::spawn(server.client.get(format!("{}/echo", server.url)).send());
        entered.notified().await;
        server.stop();
        server.stopped().await.unwrap();
        assert!(request.await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_half_sent_head_does_not_hold_up_the_end() {
        // Both are far longer than the test: only the hurry ends the connection.
        let hour = Duration::from_secs(3_600);
        let limits = ServeLimits { header_timeout: hour, grace: hour, ..limits() };
        let routes = held(&Arc::default(), &Arc::default());
        let mut server = TestServer::spawn_with(routes, &Exporter::new(), limits).await;
        let mut stream =
            TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"GET /rows/1 HTTP/1.1\r\nhost: x\r\n\r\nGET /ro").await.unwrap();
        // The answer to the first request shows that the server has read.
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
        let mut fresh = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        fresh.write_all(b"GET /ro").await.unwrap();
        // There is no event to wait for until the half of a head is read.
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.stop();
        tokio::time::timeout(Duration::from_secs(60), server.stopped()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn connections_over_the_limit_wait_for_a_free_slot() {
        let (entered, release) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let limits = ServeLimits { max_connections: 1, ..limits() };
        let routes = held(&entered, &release);
        let server = TestServer::spawn_with(routes, &Exporter::new(), limits).await;
        let ask = |path: &str| {
            let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0);
            tokio::spawn(client.build().unwrap().get(format!("{}{path}", server.url)).send())
        };
        let first = ask("/echo");
        entered.notified().await;
        let second = ask("/rows/1");
        // The kernel takes the connection, the server does not: there is no event to wait for.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!second.is_finished());
        release.notify_one();
        assert_eq!(first.await.unwrap().unwrap().status(), 200);
        assert_eq!(second.await.unwrap().unwrap().status(), 200);
    }

    #[test]
    fn failures_to_accept_are_logged_now_and_then_and_waited_out() {
        let (captured, _guard) = Captured::start();
        let mut failures = Failures::default();
        // 24 is EMFILE: too many open files.
        let error = io::Error::from_raw_os_error(24);
        for _ in 0..100 {
            assert!(failures.pause_after(&error) > Duration::ZERO);
        }
        let aborted = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(failures.pause_after(&aborted), Duration::ZERO);
        assert_eq!(captured.lines("service_kit::serve").len(), 1);
        assert_eq!(failures.n_unlogged, 99);
    }
}
