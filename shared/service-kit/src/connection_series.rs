//! Connections that end in an error: what no request and so no access line tells about.
//!
//! hyper itself answers what it cannot read as a request, with 400, 414 or 431. Requests are
//! counted in [`crate::http_series`].

use std::{error::Error, io};

use metrics::{Counter, counter, describe_counter};

use crate::metrics::Exporter;

/// Counts connections that ended in an error, by its kind.
#[derive(Debug, Clone)]
pub struct ConnectionSeries {
    parse: Counter,
    timeout: Counter,
    io: Counter,
    other: Counter,
}

impl ConnectionSeries {
    /// Registers `http_connection_errors_total` with each kind.
    #[must_use]
    pub fn new(exporter: &Exporter) -> Self {
        const NAME: &str = "http_connection_errors_total";
        exporter.register(|| {
            describe_counter!(
                NAME,
                "Connections that ended in an error: `parse`, no request could be read; `timeout`, \
                 the client was too slow; `io`, the connection broke; `other`."
            );
            let of = |kind: Kind| {
                let counter = counter!(NAME, "kind" => kind.label());
                counter.absolute(0);
                counter
            };
            Self {
                parse: of(Kind::Parse),
                timeout: of(Kind::Timeout),
                io: of(Kind::Io),
                other: of(Kind::Other),
            }
        })
    }

    /// Counts nothing.
    pub(crate) fn none() -> Self {
        let none = Counter::noop;
        Self { parse: none(), timeout: none(), io: none(), other: none() }
    }

    /// Counts an error, and gives its kind's label.
    pub(crate) fn count(&self, error: &hyper::Error) -> &'static str {
        let kind = Kind::of(error);
        let counter = match kind {
            Kind::Parse => &self.parse,
            Kind::Timeout => &self.timeout,
            Kind::Io => &self.io,
            Kind::Other => &self.other,
        };
        counter.increment(1);
        kind.label()
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Parse,
    Timeout,
    Io,
    Other,
}

impl Kind {
    fn of(error: &hyper::Error) -> Self {
        let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
        match cause.map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => Self::Timeout,
            Some(_) => Self::Io,
            None if error.is_timeout() => Self::Timeout,
            None if error.is_parse() => Self::Parse,
            // The client left in the middle of a request, or of its answer.
            None if error.is_incomplete_message() || error.is_body_write_aborted() => Self::Io,
            None => Self::Other,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Timeout => "timeout",
            Self::Io => "io",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use crate::{
        metrics::Exporter,
        serve::ServeLimits,
        testing::{TestServer, eventually},
    };

    async fn server(limits: ServeLimits) -> (TestServer, impl Fn(&str, u32) -> bool) {
        let exporter = Exporter::new();
        let routes = Router::new().route("/echo", get(async || "row"));
        let server = TestServer::spawn_with(routes, &exporter, limits).await;
        let counted = move |kind: &str, n: u32| {
            let name = "http_connection_errors_total";
            exporter.render().contains(&format!("{name}{{kind=\"{kind}\"}} {n}\n"))
        };
        (server, counted)
    }

    async fn send(server: &TestServer, text: &str) -> TcpStream {
        let address = server.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    #[tokio::test]
    async fn what_hyper_answers_itself_is_counted() {
        let (server, counted) = server(ServeLimits::default()).await;
        for kind in ["parse", "timeout", "io", "other"] {
            assert!(counted(kind, 0), "{kind}");
        }
        let long_target = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
        let headers = "x: y\r\n".repeat(200);
        let many_headers = format!("GET /echo HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        let requests = [("nonsense\r\n\r\n", 400), (&long_target, 414), (&many_headers, 431)];
        for ((request, status), n) in requests.into_iter().zip(1..) {
            let mut answer = [0; 12];
            send(&server, request).await.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes());
            eventually(async || counted("parse", n)).await;
        }
    }

    #[tokio::test]
    async fn slow_and_lost_clients_are_counted_and_good_ones_are_not() {
        let header_timeout = Duration::from_millis(50);
        let limits = ServeLimits { header_timeout, ..ServeLimits::default() };
        let (server, counted) = server(limits).await;
        assert_eq!(server.get("/echo").await.status(), 200);
        let slow = send(&server, "GET /ec").await;
        eventually(async || counted("timeout", 1)).await;
        drop(slow);
        drop(send(&server, "GET /ec").await);
        eventually(async || counted("io", 1)).await;
        assert!(counted("parse", 0) && counted("timeout", 1) && counted("other", 0));
    }
}
