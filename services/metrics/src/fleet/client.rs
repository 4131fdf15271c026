//! Asks one replica: is it ready, and what are its numbers?

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The longest answer that is read.
const MAX_BYTES: usize = 64 << 20;

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
    let (ready, metrics) = tokio::try_join!(get(place, "/ready"), get(place, "/metrics"))?;
    let not_ready = match ready {
        (StatusCode::OK, _) => None,
        (StatusCode::SERVICE_UNAVAILABLE, body) => Some(reason(&body)),
        (status, _) => return Err(Trouble::Invalid(format!("/ready answers {status}"))),
    };
    let (StatusCode::OK, metrics) = metrics else {
        return Err(Trouble::Invalid(format!("/metrics answers {}", metrics.0)));
    };
    let metrics = String::from_utf8(metrics.into())
        .map_err(|_| Trouble::Invalid("/metrics is not UTF-8".to_owned()))?;
    Ok(Answer { not_ready, metrics })
}

/// One question over a connection of its own: a replica that is about to stop closes each after its answer.
async fn get(place: &Place, path: &str) -> Result<(StatusCode, Bytes), Trouble> {
    let stream = TcpStream::connect(&place.addresses[..]).await.map_err(unreachable)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let answer = read_answer(sender, place, path);
    tokio::pin!(connection, answer);
    // The connection is driven here, so that it ends with the question, whatever comes of it.
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(broken(&error)),
        },
    }
}

async fn read_answer(
    mut sender: SendRequest<Empty<Bytes>>,
    place: &Place,
    path: &str,
) -> Result<(StatusCode, Bytes), Trouble> {
    let host = place.url.strip_prefix("http://").unwrap_or(&place.url);
    let request = Request::get(path).header(header::HOST, host).header(header::CONNECTION, "close");
    let request = request.body(Empty::new());
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
