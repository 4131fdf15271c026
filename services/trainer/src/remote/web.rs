//! A table behind an `http://` or `https://` URL.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Response, StatusCode, Url};

use super::address;
use super::download::{Body, Limits};
use super::trouble::{Downgraded, Trouble};

const MAX_REDIRECTS: usize = 10;
/// Longer than this no server may keep a trainer waiting.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// One URL, and the client to get it with. Proxies are those of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`,
/// certificates those of the system, or of `SSL_CERT_FILE` and `SSL_CERT_DIR`.
#[derive(Debug)]
pub(super) struct Page {
    url: Url,
    client: Client,
}

impl Page {
    pub(super) fn new(url: Url, limits: &Limits) -> anyhow::Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("canopy-trainer/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .read_timeout(limits.idle)
            .redirect(Policy::custom(redirect))
            .referer(false) // it would tell the next server the query of the first
            .build()
            .map_err(|error| anyhow::anyhow!(Trouble::of_transport(&error, "").message))?;
        Ok(Self { url, client })
    }

    /// Asks for it, once.
    pub(super) async fn get(&self) -> Result<Body, Trouble> {
        let host = host(&self.url);
        let response = self.client.get(self.url.clone()).send().await;
        let response =
            response.map_err(|error| Trouble::of_transport(&error.without_url(), &host))?;
        check(&response)?;
        let n_bytes = response.content_length();
        let chunks = response.bytes_stream();
        let chunks =
            chunks.map_err(move |error| Trouble::of_transport(&error.without_url(), &host)).boxed();
        Ok(Body { n_bytes, chunks })
    }
}

fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}"));
    format!("{}{}", url.host_str().unwrap_or_default(), port.unwrap_or_default())
}

fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let was_encrypted = attempt.previous().iter().any(|url| url.scheme() == "https");
    if was_encrypted && attempt.url().scheme() != "https" {
        let to = address::shown(attempt.url());
        return attempt.error(Downgraded::Plain(to));
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error(Downgraded::Endless(MAX_REDIRECTS));
    }
    attempt.follow()
}

/// Refuses what is not the table.
fn check(response: &Response) -> Result<(), Trouble> {
    let status = response.status();
    let host = host(response.url());
    if status == StatusCode::OK {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_page = kind.is_some_and(|kind| kind.trim_start().starts_with("text/html"));
        return if is_page {
            Err(Trouble::lasting(format!(
                "`{host}` sends a web page (Content-Type: text/html), not a table; check the address: it may be that \
                 of a page about the file, or need a login"
            )))
        } else {
            Ok(())
        };
    }
    let said = format!("`{host}` answers {status}");
    Err(match status.as_u16() {
        404 | 410 => Trouble::lasting(format!("{said}: nothing lies there; check the address")),
        401 | 403 => Trouble::lasting(format!(
            "{said}: it wants other credentials, or the signature or token in the address has run out"
        )),
        407 => Trouble::lasting(format!("{said}: put user and password into HTTPS_PROXY")),
        408 | 429 | 500.. => {
            let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
            let wait =
                wait.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
            Trouble { wait: wait.map(|wait| wait.min(MAX_WAIT)), ..Trouble::passing(said) }
        }
        _ => Trouble::lasting(format!("{said}; expected 200 OK and a table")),
    })
}
