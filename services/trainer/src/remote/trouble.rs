//! Why a fetch failed, in words for a person, and whether it may go better the next time.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::address::without_secrets;

/// Why one try failed.
#[derive(Debug)]
pub(super) struct Trouble {
    /// What, and what to do.
    pub(super) message: String,
    /// Whether another try may succeed.
    pub(super) is_passing: bool,
    /// How long the server wants to be left alone.
    pub(super) wait: Option<Duration>,
}

impl Trouble {
    /// It would fail again.
    pub(super) fn lasting(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_passing: false, wait: None }
    }

    /// It may go better the next time.
    pub(super) fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_passing: true, wait: None }
    }

    /// What an error between this process and the server comes from; `host` is whom it wanted to talk to.
    pub(super) fn of_transport(error: &(dyn Error + 'static), host: &str) -> Self {
        if let Some(error) = find::<Downgraded>(error) {
            return Self::lasting(error.to_string());
        }
        if let Some(error) = find::<rustls::Error>(error) {
            return Self::lasting(certificate(error, host));
        }
        let text = without_secrets(&innermost(error).to_string());
        if causes(error).any(|cause| cause.to_string().contains("dns error")) {
            return Self::passing(format!(
                "the host `{host}` is not known ({text}); check its name"
            ));
        }
        if text.contains("No CA certificates") {
            return Self::lasting(format!("{text}; name a PEM file of them in SSL_CERT_FILE"));
        }
        if find::<reqwest::Error>(error).is_some_and(reqwest::Error::is_timeout) {
            let is_connect = find::<reqwest::Error>(error).is_some_and(reqwest::Error::is_connect);
            let what =
                if is_connect { "cannot be reached in time" } else { "sends nothing any more" };
            return Self::passing(format!("`{host}` {what}"));
        }
        match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Self::passing(format!(
                "nobody listens at `{host}`; check host and port, and HTTPS_PROXY and NO_PROXY if there is a proxy"
            )),
            _ => Self::passing(format!("the connection to `{host}` failed: {text}")),
        }
    }
}

/// A server that sends a client from https to http, or around in circles.
#[derive(Debug, thiserror::Error)]
pub(super) enum Downgraded {
    #[error(
        "the server redirects from https to `{0}`, which is not encrypted; give that address if you trust it"
    )]
    Plain(String),
    #[error("the server redirects more than {0} times; check the address")]
    Endless(usize),
}

fn certificate(error: &rustls::Error, host: &str) -> String {
    use rustls::{CertificateError as C, Error as E};
    let E::InvalidCertificate(reason) = error else {
        return format!("`{host}` and this process find no common TLS: {error}");
    };
    match reason {
        C::UnknownIssuer | C::BadSignature => format!(
            "the certificate of `{host}` is signed by an unknown authority; if it is your own, name its PEM file in \
             SSL_CERT_FILE"
        ),
        C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. } => {
            format!(
                "the certificate of `{host}` is not valid now: {reason}; check it and the clock"
            )
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            format!("the certificate is not one of `{host}`: {reason}; check the address")
        }
        _ => format!("the certificate of `{host}` is not valid: {reason}"),
    }
}

/// An error and what it comes from. What an I/O error wraps is not among its sources.
pub(super) fn causes<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'e (dyn Error + 'static)| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn innermost<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}
