//! Asks one replica: is it ready, and what are its numbers? Over a connection of its own, which ends with the answer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The longest answer that is read.
const MAX_BYTES: usize = 8 << 20;

/// Where a replica is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// What people and the store call it.
    pub(crate) url: String,
    /// The addresses of its host, tried in order.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// What a replica answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Why it is not ready; none where it is.
    pub(crate) not_ready: Option<String>,
    /// The text of its `/metrics`.
    pub(crate) metrics: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// It does not take connections, or breaks them off.
    #[error("{0}")]
    Unreachable(String),
    /// It takes too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// It answers what no inference server answers.
    #[error("{0}")]
    Invalid(String),
}

/// Asks for both, within `timeout` together.
pub(crate) async fn ask(place: &Place, timeout: Duration) -> Result<Answer, Trouble> {
    let asked = tokio::time::timeout(timeout, ask_patiently(place)).await;
    asked.unwrap_or(Err(Trouble::Timeout(timeout)))
}

async fn ask_patiently(place: &Place) -> Result<Answer, Trouble> {
    let stream = TcpStream::connect(&place.addresses[..]).await.map_err(unreachable)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let questions = both(sender, place);
    tokio::pin!(connection, questions);
    // The connection is driven here, so that it ends with the question, whatever comes of it.
    tokio::select! {
        answer = &mut questions => answer,
        ended = &mut connection => match ended {
            Ok(()) => questions.await,
            Err(error) => Err(broken(&error)),
        },
    }
}

async fn both(mut sender: SendRequest<Empty<Bytes>>, place: &Place) -> Result<Answer, Trouble> {
    let (status, body) = get(&mut sender, place, "/ready").await?;
    let not_ready = match status {
        StatusCode::OK => None,
        StatusCode::SERVICE_UNAVAILABLE => Some(reason(&body)),
        status => return Err(Trouble::Invalid(format!("/ready answers {status}"))),
    };
    let (status, body) = get(&mut sender, place, "/metrics").await?;
    if status != StatusCode::OK {
        return Err(Trouble::Invalid(format!("/metrics answers {status}")));
    }
    let metrics = String::from_utf8(body.into())
        .map_err(|_| Trouble::Invalid("/metrics is not UTF-8".to_owned()))?;
    Ok(Answer { not_ready, metrics })
}

async fn get(
    sender: &mut SendRequest<Empty<Bytes>>,
    place: &Place,
    path: &str,
) -> Result<(StatusCode, Bytes), Trouble> {
    sender.ready().await.map_err(|error| broken(&error))?;
    let host = place.url.strip_prefix("http://").unwrap_or(&place.url);
    let request = Request::get(path).header(header::HOST, host).body(Empty::new());
    let request = request.map_err(|error| Trouble::Invalid(error.to_string()))?;
    let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => broken(&error),
        Err(_) => Trouble::Invalid(format!("{path} is longer than {MAX_BYTES} bytes")),
    })?;
    Ok((status, body.to_bytes()))
}

/// What `/ready` says it waits for.
fn reason(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let reason = body["reason"].as_str().unwrap_or("it does not say why");
    reason.chars().take(300).collect()
}

fn unreachable(error: impl std::error::Error) -> Trouble {
    Trouble::Unreachable(service_kit::complaint::chain(&error))
}

/// A connection that ends, or one that speaks something else than HTTP.
fn broken(error: &hyper::Error) -> Trouble {
    let words = service_kit::complaint::chain(error);
    if error.is_parse() {
        Trouble::Invalid(format!("it does not speak HTTP: {words}"))
    } else {
        Trouble::Unreachable(words)
    }
}
