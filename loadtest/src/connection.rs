//! One keep-alive connection that carries one request at a time, and is made anew when it has ended.

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::failure::{Failure, FailureKind, with_causes};

/// Larger answers are not read.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

type Body = Full<Bytes>;

/// A place for a connection to one address.
#[derive(Debug)]
pub(crate) struct Connection {
    address: String,
    open: Option<Open>,
}

impl Connection {
    /// Prepares; the first request connects.
    pub(crate) fn to(address: &str) -> Self {
        Self { address: address.to_owned(), open: None }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// A request is sent again, over a new connection, only where the old one had ended before a byte of it was written:
    /// servers may close an idle connection at any time.
    /// Dropping the future ends the connection.
    ///
    /// # Errors
    ///
    /// Where no connection can be made, or it ends before the answer does.
    pub(crate) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        // Taken out, so that it is gone with this future when the time is over.
        let (mut open, answer) = self.exchange(request).await?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| {
            let too_long = error.is::<LengthLimitError>();
            let kind = if too_long { FailureKind::Unreadable } else { FailureKind::Closed };
            Failure::new(kind, with_causes(error.as_ref()))
        })?;
        if open.sender.ready().await.is_ok() {
            self.open = Some(open);
        }
        Ok((head.status, body.to_bytes()))
    }

    /// Sends a request and reads the head of the answer.
    async fn exchange(
        &mut self,
        mut request: Request<Body>,
    ) -> Result<(Open, Response<Incoming>), Failure> {
        if let Some(mut open) = self.open.take() {
            match open.sender.try_send_request(request).await {
                Ok(answer) => return Ok((open, answer)),
                Err(mut error) => match error.take_message() {
                    // Handed back: not a byte of it was written.
                    Some(unsent) => request = unsent,
                    None => return Err(Failure::of(error.error())),
                },
            }
        }
        let mut open = Open::connect(&self.address).await.map_err(|error| {
            Failure::new(FailureKind::Connect, format!("connecting to {}: {error}", self.address))
        })?;
        let answer = open.sender.try_send_request(request).await;
        let answer = answer.map_err(|error| Failure::of(error.error()))?;
        Ok((open, answer))
    }
}

/// A connection, and the task that moves its bytes; both end with this value.
#[derive(Debug)]
struct Open {
    sender: SendRequest<Body>,
    task: JoinHandle<()>,
}

impl Open {
    async fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // What goes wrong with it is told to whoever waits for an answer.
        let task = tokio::spawn(async {
            let _ = connection.await;
        });
        Ok(Self { sender, task })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}
