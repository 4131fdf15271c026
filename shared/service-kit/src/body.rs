//! Reading a request's body: whole, into memory, up to a limit.

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::problem::Problem;

/// Reads a body of at most `limit_bytes`; a body that came in one piece is not copied.
///
/// A body whose `Content-Length` is over the limit is refused before any of it is read, and a
/// chunked one as soon as it passes the limit.
///
/// # Errors
///
/// 413 `payload_too_large`, or 400 `body_read_failed` when the body breaks off.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::body::Body;
/// use service_kit::body;
///
/// assert_eq!(body::read(Body::from("a row"), 5).await.unwrap(), "a row");
/// assert_eq!(body::read(Body::from("two rows"), 5).await.unwrap_err().status(), 413);
/// # }
/// ```
pub async fn read(body: Body, limit_bytes: usize) -> Result<Bytes, Problem> {
    // For a body with a `Content-Length` the lower bound is that length.
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(Problem::payload_too_large(limit_bytes));
    }
    match Limited::new(body, limit_bytes).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::payload_too_large(limit_bytes))
        }
        Err(_) => Err(Problem::body_read_failed()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use axum::{Router, extract::Request, routing::post};
    use http_body_util::channel::Channel;

    use super::*;
    use crate::testing::{Captured, TestServer, eventually};

    async fn server() -> TestServer {
        let read = async |request: Request| {
            read(request.into_body(), 10).await.map(|body| body.len().to_string())
        };
        TestServer::spawn(Router::new().route("/echo", post(read))).await
    }

    /// Sends raw bytes and reads until the server closes the connection.
    async fn send(server: &TestServer, text: &'static str) -> String {
        let address = server.url.trim_start_matches("http://").to_owned();
        let talk = move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            io::read_to_string(stream).unwrap()
        };
        tokio::task::spawn_blocking(talk).await.unwrap()
    }

    #[tokio::test]
    async fn a_content_length_over_the_limit_is_refused_before_the_body_comes() {
        let server = server().await;
        let head = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                    content-length: 11\r\n\r\n";
        let text = send(&server, head).await;
        assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
        assert!(text.contains(r#""code":"payload_too_large""#), "{text}");
    }

    #[tokio::test]
    async fn chunks_are_counted_as_they_come() {
        let server = server().await;
        let chunked = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                       transfer-encoding: chunked\r\n\r\n6\r\n123456\r\n4\r\n7890\r\n0\r\n\r\n";
        let text = send(&server, chunked).await;
        assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("10"), "{text}");
        let chunked = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                       transfer-encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n78901\r\n";
        let text = send(&server, chunked).await;
        assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    }

    #[tokio::test]
    async fn a_broken_body_is_a_problem() {
        let (sender, body) = Channel::<Bytes, io::Error>::new(1);
        sender.abort(io::Error::other("the client left"));
        let problem = read(Body::new(body), 10).await.unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (400, "body_read_failed"));
    }

    #[tokio::test]
    async fn a_client_that_leaves_mid_body_holds_nothing() {
        let (captured, _guard) = Captured::start();
        let server = server().await;
        let address = server.url.trim_start_matches("http://").to_owned();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let text = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n123";
        stream.write_all(text).unwrap();
        drop(stream);
        eventually(async || captured.lines("access").len() == 1).await;
        let status = captured.lines("access")[0]["http.status"].as_u64().unwrap();
        assert!((400..500).contains(&status), "{status}");
    }
}
