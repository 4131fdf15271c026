//! Reading a request's body: whole, into memory, up to a limit.
//!
//! How much all bodies together may hold is decided in [`crate::budget`].

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;

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
    read_with(body, limit_bytes, |_| Ok(())).await
}

/// Reads like [`read`]; `admit` is told the length that is about to be held, and may refuse it.
///
/// The pieces are copied together as they come: keeping each costs some forty bytes a piece, which
/// is forty times the body when a client sends single bytes.
pub(crate) async fn read_with(
    mut body: Body,
    limit_bytes: usize,
    mut admit: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    // For a body with a `Content-Length` the lower bound is that length.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit_bytes {
        return Err(Problem::payload_too_large(limit_bytes));
    }
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::body_read_failed())?;
        // Trailers are left out: they say nothing about the rows.
        let Ok(piece) = frame.into_data() else { continue };
        if piece.is_empty() {
            continue;
        }
        let held_bytes = first.len() + whole.len();
        if piece.len() > limit_bytes - held_bytes {
            return Err(Problem::payload_too_large(limit_bytes));
        }
        let held_bytes = held_bytes + piece.len();
        admit(held_bytes)?;
        if held_bytes == piece.len() {
            first = piece;
            continue;
        }
        if whole.capacity() < held_bytes {
            let doubled = (2 * whole.capacity()).max(held_bytes).max(announced);
            whole.reserve_exact(doubled.min(limit_bytes) - whole.len());
        }
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&piece);
    }
    if whole.is_empty() {
        return Ok(first);
    }
    whole.shrink_to_fit();
    Ok(whole.into())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        pin::{Pin, pin},
        sync::Arc,
        task::{Context, Poll, Waker},
    };

    use axum::{Router, extract::Request, routing::post};
    use http_body_util::channel::Channel;
    use hyper::body::Frame;
    use proptest::prelude::*;

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

    /// Gives a body in the pieces it came in.
    struct Pieces(std::vec::IntoIter<Bytes>);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn body_of(pieces: Vec<Bytes>) -> Body {
        Body::new(Pieces(pieces.into_iter()))
    }

    #[tokio::test]
    async fn pieces_are_let_go_as_they_come() {
        // Each piece keeps a counter up for as long as it is held.
        let alive = Arc::new(());
        struct Piece(u8, #[expect(dead_code, reason = "counted")] Arc<()>);
        impl AsRef<[u8]> for Piece {
            fn as_ref(&self) -> &[u8] {
                std::slice::from_ref(&self.0)
            }
        }
        let piece = |byte| Bytes::from_owner(Piece(byte, Arc::clone(&alive)));
        let pieces = (0..200).map(piece).collect();
        let mut n_held = Vec::new();
        let mut n_read = 0;
        let admit = |_| {
            n_read += 1;
            // Without the pieces to come, and without the test's own.
            n_held.push(Arc::strong_count(&alive) - 1 - (200 - n_read));
            Ok(())
        };
        let body = read_with(body_of(pieces), 200, admit).await.unwrap();
        assert!(body.iter().copied().eq(0..200));
        assert!(n_held.iter().all(|n_held| *n_held <= 2), "{n_held:?}");
    }

    #[tokio::test]
    async fn one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 1_000]);
        let pieces = vec![Bytes::new(), piece.clone(), Bytes::new()];
        let body = read(body_of(pieces), 1_000).await.unwrap();
        assert_eq!((body.as_ptr(), body.len()), (piece.as_ptr(), 1_000));
    }

    proptest! {
        #[test]
        fn pieces_are_joined_up_to_the_limit(pieces: Vec<Vec<u8>>, spare in -3_isize..3) {
            let whole = pieces.concat();
            let limit = whole.len().saturating_add_signed(spare);
            let pieces = pieces.into_iter().map(Bytes::from).collect();
            let read = pin!(read(body_of(pieces), limit));
            let Poll::Ready(read) = read.poll(&mut Context::from_waker(Waker::noop())) else {
                panic!("nothing here waits");
            };
            match read {
                Ok(body) => prop_assert!(whole.len() <= limit && body == whole),
                Err(problem) => {
                    prop_assert!(whole.len() > limit);
                    prop_assert_eq!(problem.code(), "payload_too_large");
                }
            }
        }
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
