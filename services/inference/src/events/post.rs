//! `POST /events`: one request after the other on a connection that is kept.

use std::fmt;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use ring::hmac;

use crate::patience::chain;

const KEY: HeaderName = HeaderName::from_static("x-api-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// From connecting to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// As much of an answer is read, so that its connection can be used again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where the metrics service is: `http://HOST[:PORT][/PREFIX]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsUrl(String);

impl FromStr for MetricsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |reason: &str| Err(format!("{reason}; write it as http://metrics:8001"));
        let Ok(uri) = text.parse::<Uri>() else { return refused("it is no URL") };
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return refused("events are sent by plain HTTP, as Canopy's servers speak it");
            }
            _ => return refused("it must begin with http://"),
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return refused("it must hold no user and no password; see --metrics-key-file");
        }
        if uri.host().is_none_or(str::is_empty) {
            return refused("it names no host");
        }
        if uri.query().is_some() {
            return refused("it must have no query");
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Display for MetricsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a batch was not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// Whether it would be refused again.
    pub(super) is_final: bool,
}

/// The metrics service, as the sender asks it.
#[derive(Debug)]
pub(super) struct Post {
    uri: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
    key: Option<KeyFile>,
}

impl Post {
    /// # Errors
    ///
    /// Where the key's file cannot be read or holds no key.
    pub(super) fn new(url: &MetricsUrl, key_file: Option<&Path>) -> anyhow::Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        let uri = format!("{url}/events").parse()?;
        Ok(Self { uri, client, key: key_file.map(KeyFile::open).transpose()? })
    }

    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Reads the key again; an error says why it stays as it was.
    pub(super) fn refresh_key(&mut self) -> Result<(), String> {
        self.key.as_mut().map_or(Ok(()), |key| key.refresh().map_err(|error| chain(&error)))
    }

    /// What private values are hashed with.
    pub(super) fn hash_key(&self) -> Option<&hmac::Key> {
        self.key.as_ref().map(|key| &key.key.hash)
    }

    /// Hands a batch over.
    pub(super) async fn send(&self, body: Bytes) -> Result<(), Refusal> {
        let again = |reason: String| Refusal { reason, is_final: false };
        let mut request = Request::post(self.uri.clone()).header(header::CONTENT_TYPE, JSON);
        if let Some(KeyFile { key, .. }) = &self.key {
            request = request.header(KEY, key.header.clone());
        }
        let request = request.body(Full::new(body)).map_err(|error| again(chain(&error)))?;
        let asked = async {
            let response = self.client.request(request).await.map_err(|error| chain(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
            body.map_err(|error| error.to_string())?;
            Ok(status)
        };
        match tokio::time::timeout(TIMEOUT, asked).await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(Refusal {
                reason: format!("it answers {status}{}", advice(status)),
                is_final: is_final(status),
            }),
            Ok(Err(reason)) => Err(again(reason)),
            Err(_) => Err(again(format!("no answer in {} s", TIMEOUT.as_secs()))),
        }
    }
}

/// A key may be on its way, and a limit is over soon; a body that is wrong stays wrong.
fn is_final(status: StatusCode) -> bool {
    let passing = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    !status.is_server_error() && !passing.contains(&status)
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; check --metrics-key-file",
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "; check --metrics-url",
        _ => "",
    }
}

/// A file that holds a key, which a mounted Secret replaces without a restart.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    key: Key,
}

struct Key {
    header: HeaderValue,
    hash: hmac::Key,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl KeyFile {
    fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), key: Key::read(path)? })
    }

    fn refresh(&mut self) -> Result<(), Error> {
        self.key = Key::read(&self.path)?;
        Ok(())
    }
}

impl Key {
    fn read(path: &Path) -> Result<Self, Error> {
        let named = |reason: String| Error::other(format!("{}: {reason}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        let text = text.trim();
        let expected = "expected a key of visible ASCII on one line, as the metrics service has it";
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(named(expected.to_owned()));
        }
        let mut header = HeaderValue::from_str(text).map_err(|_| named(expected.to_owned()))?;
        header.set_sensitive(true);
        Ok(Self { header, hash: hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_url_of_a_server_and_says_what_else_is_wrong() {
        let read = |text: &str| text.parse::<MetricsUrl>().map(|url| url.to_string());
        assert_eq!(read("http://metrics:8001"), Ok("http://metrics:8001".to_owned()));
        assert_eq!(read("http://[::1]:8001/canopy/"), Ok("http://[::1]:8001/canopy".to_owned()));
        let cases = [
            ("metrics:8001", "begin with http://"),
            ("/events", "begin with http://"),
            ("https://metrics", "plain HTTP"),
            ("http://user:secret@metrics", "no user and no password"),
            ("http://metrics?key=1", "no query"),
            ("http://", "no URL"),
            ("http://:8001", "no host"),
        ];
        for (text, message) in cases {
            let error = read(text).expect_err(text);
            assert!(error.contains(message) && error.contains("http://metrics:8001"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        let is_final = |status: u16| super::is_final(status.try_into().expect("a status"));
        assert!([400, 404, 413, 422, 302].into_iter().all(is_final));
        assert!(![401, 403, 408, 429, 500, 503].into_iter().any(is_final));
    }

    #[test]
    fn a_key_s_file_is_read_again_and_shown_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "first\n").expect("written");
        let url = "http://metrics:8001".parse().expect("a URL");
        let mut post = Post::new(&url, Some(&path)).expect("a key");
        let header = |post: &Post| post.key.as_ref().map(|key| key.key.header.clone());
        assert_eq!(header(&post), Some(HeaderValue::from_static("first")));
        assert!(!format!("{post:?}").contains("first"));
        for (text, message) in [("", "expected a key"), ("two keys", "expected a key")] {
            std::fs::write(&path, text).expect("written");
            assert!(post.refresh_key().expect_err("no key").contains(message));
            assert_eq!(header(&post), Some(HeaderValue::from_static("first")), "it stays");
        }
        std::fs::write(&path, "second").expect("written");
        post.refresh_key().expect("a key");
        assert_eq!(header(&post), Some(HeaderValue::from_static("second")));
        std::fs::remove_file(&path).expect("removed");
        let error = Post::new(&url, Some(&path)).expect_err("no file").to_string();
        assert!(error.contains("key: No such file"), "{error}");
    }
}
