//! The one request that is sent again and again, and where to. How it is sent is in [`crate::connection`].

use std::fs;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};

use crate::api_key::{ApiKey, VARIABLE};
use crate::config::RequestArgs;

/// A row of the diamonds, as the quick start sends it.
const DIAMOND: &str = include_str!("../../examples/requests/diamond.json");

/// What is sent, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Host and port, as they are connected to.
    pub(crate) address: String,
    /// Path and query.
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
    /// Not sent from here, but to be kept out of what servers say.
    pub(crate) api_key: Option<ApiKey>,
}

impl Target {
    /// Reads URL, body and key.
    ///
    /// # Errors
    ///
    /// Where one of them makes no sense or its file cannot be read.
    pub(crate) fn new(args: &RequestArgs) -> anyhow::Result<Self> {
        let api_key = ApiKey::read(args.api_key_file.as_deref(), std::env::var(VARIABLE).ok())?;
        let (address, path) = parse_url(&args.url)?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(&address).context("the URL's host")?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let agent = concat!("canopy-loadtest/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Some(value) = api_key.as_ref().and_then(ApiKey::header) {
            headers.insert("x-api-key", value);
        }
        Ok(Self { address, path, headers, body: body(args)?, api_key })
    }

    /// The URL without its query, which may hold what is nobody's business.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path.path())
    }

    /// The request.
    pub(crate) fn predict(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        request.headers_mut().clone_from(&self.headers);
        request
    }

    /// The question whether the server is ready, at the same host.
    pub(crate) fn ready(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = Uri::from_static("/ready");
        if let Some(host) = self.headers.get(HOST) {
            request.headers_mut().insert(HOST, host.clone());
        }
        request
    }
}

/// Host with port, and path with query.
fn parse_url(url: &str) -> anyhow::Result<(String, Uri)> {
    // The URL is not repeated: it could hold a password.
    let uri: Uri =
        url.parse().context("--url cannot be read; write it as http://127.0.0.1:8000/predict")?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => bail!(
            "--url: https is not spoken here; give the http address behind the proxy that ends TLS, \
             such as a Service's, or one that `kubectl port-forward` opens"
        ),
        _ => bail!("--url must begin with http://, such as http://127.0.0.1:8000/predict"),
    }
    let authority = uri.authority().context("--url has no host")?;
    ensure!(
        !authority.as_str().contains('@'),
        "--url must hold no password; give a key with --api-key-file or {VARIABLE}"
    );
    ensure!(!authority.host().is_empty(), "--url has no host");
    let address = format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80));
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Ok((address, path.parse().context("the URL's path")?))
}

/// The body, which must be JSON.
fn body(args: &RequestArgs) -> anyhow::Result<Bytes> {
    let (body, source) = match (&args.body, &args.data) {
        (Some(path), _) => {
            let source = format!("--body {}", path.display());
            (fs::read(path).with_context(|| format!("reading {source}"))?, source)
        }
        (None, Some(data)) => (data.clone().into_bytes(), "--data".to_owned()),
        (None, None) => (DIAMOND.into(), "the built-in body".to_owned()),
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(&body)
        .with_context(|| format!("{source} is not JSON"))?;
    Ok(body.into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::Config;

    fn target(flags: &[&str]) -> anyhow::Result<Target> {
        Target::new(&Config::try_parse_from(["x"].iter().chain(flags))?.request)
    }

    #[test]
    fn sends_a_diamond_unless_told_otherwise() {
        let default = target(&[]).expect("valid");
        assert_eq!(default.body, DIAMOND);
        assert_eq!(default.address, "127.0.0.1:8000");
        let request = target(&["--data={}"]).expect("valid").predict();
        assert_eq!((request.method(), request.uri().path()), (&Method::POST, "/predict"));
        assert_eq!(request.headers()["content-type"], "application/json");
    }

    #[test]
    fn derives_address_and_ready_from_the_url() {
        let target = target(&["--url=http://[::1]/a/predict?token=x"]).expect("valid");
        assert_eq!(target.address, "[::1]:80");
        assert_eq!(target.predict().uri(), "/a/predict?token=x");
        assert_eq!(target.ready().uri(), "/ready");
        assert_eq!(target.url(), "http://[::1]:80/a/predict");
    }

    #[test]
    fn says_what_is_wrong_with_a_setting_and_what_to_do() {
        let cases = [
            ("--url=https://x/predict", "kubectl port-forward"),
            ("--url=localhost:8000", "must begin with http://"),
            ("--url=/predict", "must begin with http://"),
            ("--url=http://me:secret@x/", "--api-key-file"),
            ("--url=http://a b/", "write it as http://"),
            ("--data={", "--data is not JSON"),
            ("--body=/nowhere/x.json", "/nowhere/x.json"),
        ];
        for (flag, message) in cases {
            let error = format!("{:#}", target(&[flag]).expect_err(flag));
            assert!(error.contains(message), "{flag}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
