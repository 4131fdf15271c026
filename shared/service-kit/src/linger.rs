//! What a client still sends when its answer is already decided: read and thrown away, for a while.
//!
//! A refusal (401, 413, 429, 503) needs no body. Closing the connection on a client that is still
//! sending makes its system drop the answer with a reset, so that the client sees a broken pipe
//! and never learns why. The answer goes out at once; only the closing waits.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Bytes, HttpBody},
    http::{Request, header},
};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{runtime::Handle, sync::Semaphore};

use crate::connection::{Answering, Busy};

/// How much of a body is thrown away: twice the default `--max-body`; more than that, and the
/// connection is closed.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// How long that may take; a client that is slower is cut off.
const MAX_TIME: Duration = Duration::from_secs(2);
/// How many bodies are thrown away at a time; the connections of further ones are closed.
const MAX_LINGERING: usize = 256;

/// The places for bodies that are thrown away; one server's connections share them.
#[derive(Debug, Clone)]
pub(crate) struct LingerPlaces(Arc<Semaphore>);

impl LingerPlaces {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_LINGERING)))
    }

    /// What a connection needs: its requests share this with each other, and with no other connection's.
    pub(crate) fn of_connection(&self, busy: Busy) -> Arc<Linger> {
        Arc::new(Linger { places: self.clone(), busy })
    }
}

/// Where a connection's bodies are thrown away.
#[derive(Debug)]
pub(crate) struct Linger {
    places: LingerPlaces,
    busy: Busy,
}

impl Linger {
    /// Has the rest of the request's body read once nobody else wants it.
    pub(crate) fn around(
        self: &Arc<Self>,
        request: Request<Incoming>,
        answering: &Answering,
    ) -> Request<LingeringBody<Incoming>> {
        // Until it is asked for its body, such a client sends none: there is nothing to throw away.
        let is_coming = !request.headers().contains_key(header::EXPECT);
        request.map(|body| LingeringBody {
            body: (!body.is_end_stream()).then_some(body),
            is_coming,
            linger: Arc::clone(self),
            answering: Some(answering.clone()),
        })
    }
}

/// A request's body; what is left of it when it is dropped is read and thrown away.
pub(crate) struct LingeringBody<B: Sink> {
    /// None once it has ended or broken.
    body: Option<B>,
    is_coming: bool,
    linger: Arc<Linger>,
    /// None once it was told that nobody waits for the body any more.
    answering: Option<Answering>,
}

/// What a body has to be, so that a task of its own can read it.
pub(crate) trait Sink: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: Send> + Send + Unpin + 'static> Sink for B {}

impl<B: Sink> HttpBody for LingeringBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.is_coming = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else { return Poll::Pending };
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
            self.is_taken();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), B::size_hint)
    }
}

impl<B: Sink> LingeringBody<B> {
    fn is_taken(&mut self) {
        if let Some(answering) = self.answering.take() {
            answering.end_of_body();
        }
    }
}

impl<B: Sink> Drop for LingeringBody<B> {
    fn drop(&mut self) {
        self.is_taken();
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        if !self.is_coming {
            return;
        }
        // Without a runtime there is no connection either.
        let Linger { places, busy } = &*self.linger;
        let (Ok(runtime), Ok(place)) =
            (Handle::try_current(), Arc::clone(&places.0).try_acquire_owned())
        else {
            return;
        };
        let busy = busy.clone();
        runtime.spawn(async move {
            // Late or not, what is left of the body is dropped, and hyper closes the connection.
            let _ = tokio::time::timeout(MAX_TIME, throw_away(body)).await;
            busy.pass();
            drop(place);
        });
    }
}

/// Reads a body to its end, or to the bound.
async fn throw_away(mut body: impl Sink) {
    let mut n_bytes = 0;
    while n_bytes < MAX_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        n_bytes += frame.data_ref().map_or(0, Bytes::len);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::{Router, extract::Request, routing::post};
    use clap::Parser;
    use http_body_util::channel::{Channel, Sender};
    use tokio::{
        io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
        net::TcpStream,
    };

    use super::*;
    use crate::{
        auth::{AuthArgs, Authenticator},
        body,
        guard::Guard,
        metrics::Exporter,
        problem::Problem,
        shed::Shed,
        testing::{TestServer, eventually},
    };

    const LEN: usize = 4 * 1024 * 1024;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        auth: AuthArgs,
    }

    /// Limits bodies to 1 MB, and lets in who has the key.
    async fn server(layer: impl FnOnce(Router) -> Router) -> TestServer {
        let mut args = Command::parse_from(["test"]).auth;
        args.plain_keys = "a:alpha".into();
        let auth = Authenticator::from_args(&args, &Exporter::new()).unwrap();
        let read = async |request: Request| -> Result<String, Problem> {
            Ok(body::read(request.into_body(), 1_000_000).await?.len().to_string())
        };
        let routes = layer(Router::new().route("/echo", post(read)));
        TestServer::spawn(routes.layer(Guard::new(auth).layer())).await
    }

    /// Writes a whole request before it reads the answer's head, as simple clients do.
    async fn ask(stream: &mut BufReader<TcpStream>, headers: &str, body: &[u8]) -> String {
        let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        answer(stream).await
    }

    /// Reads an answer, and gives its first line.
    async fn answer(stream: &mut BufReader<TcpStream>) -> String {
        let (mut lines, mut len) = (Vec::new(), 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                len = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line);
        }
        let mut body = vec![0; len];
        stream.read_exact(&mut body).await.unwrap();
        lines.concat()
    }

    async fn connect(server: &TestServer) -> BufReader<TcpStream> {
        let address = server.url.trim_start_matches("http://");
        BufReader::new(TcpStream::connect(address).await.unwrap())
    }

    #[tokio::test]
    async fn a_client_that_writes_everything_first_sees_why_it_is_refused() {
        let server = server(|routes| routes).await;
        let body = vec![b'1'; LEN];
        let mut stream = connect(&server).await;
        let length = format!("content-length: {LEN}\r\n");
        let head = ask(&mut stream, &length, &body).await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
        // The connection is as good as new.
        let head = ask(&mut stream, &format!("x-api-key: alpha\r\n{length}"), &body).await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        let chunked = [format!("{LEN:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        let headers = "x-api-key: alpha\r\ntransfer-encoding: chunked\r\n";
        let head = ask(&mut stream, headers, &chunked).await;
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
        let headers = "x-api-key: alpha\r\ncontent-length: 3\r\n";
        assert!(ask(&mut stream, headers, b"row").await.starts_with("HTTP/1.1 200 "));
    }

    #[tokio::test]
    async fn a_shed_request_is_answered_too_and_lingering_takes_no_slot() {
        let exporter = Exporter::new();
        let server = server(|routes| routes.layer(Shed::new(0, &exporter).layer())).await;
        let headers = format!("x-api-key: alpha\r\ncontent-length: {LEN}\r\n");
        let head = ask(&mut connect(&server).await, &headers, &vec![b'1'; LEN]).await;
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(exporter.render().contains("http_requests_in_flight 0\n"));
    }

    #[tokio::test]
    async fn a_client_that_waits_to_be_asked_is_not_asked() {
        let server = server(|routes| routes).await;
        let headers = format!("expect: 100-continue\r\ncontent-length: {LEN}\r\n");
        let mut stream = connect(&server).await;
        let head = ask(&mut stream, &headers, b"").await;
        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
        // Nothing but the end follows, and no `100 Continue` that would fetch the body.
        assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }

    fn lingering(
        places: &LingerPlaces,
    ) -> (Sender<Bytes, io::Error>, LingeringBody<Channel<Bytes, io::Error>>) {
        let (sender, body) = Channel::new(1);
        let linger = places.of_connection(Busy::default());
        (sender, LingeringBody { body: Some(body), is_coming: true, linger, answering: None })
    }

    #[tokio::test]
    async fn no_more_than_the_bound_is_read() {
        let (mut sender, body) = lingering(&LingerPlaces::new());
        drop(body);
        let mut n_pieces = 0;
        // The channel closes once the reader has gone; one piece may wait in it.
        while sender.send_data(Bytes::from(vec![0; 1024 * 1024])).await.is_ok() {
            n_pieces += 1;
        }
        assert!((32..=33).contains(&n_pieces), "{n_pieces}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_sending_is_given_up() {
        let places = LingerPlaces::new();
        let (sender, body) = lingering(&places);
        drop(body);
        eventually(async || places.0.available_permits() == MAX_LINGERING - 1).await;
        eventually(async || places.0.available_permits() == MAX_LINGERING).await;
        drop(sender);
    }

    #[tokio::test]
    async fn a_body_that_was_never_asked_for_takes_no_place() {
        let (mut sender, mut body) = lingering(&LingerPlaces::new());
        body.is_coming = false;
        drop(body);
        assert!(sender.send_data(Bytes::from("x")).await.is_err());
    }

    #[tokio::test]
    async fn the_places_are_limited() {
        let places = LingerPlaces::new();
        let all = places.0.acquire_many(MAX_LINGERING as u32).await.unwrap();
        let (mut sender, body) = lingering(&places);
        drop(body);
        assert!(sender.send_data(Bytes::from("x")).await.is_err());
        drop(all);
    }
}
