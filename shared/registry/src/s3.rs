//! `s3://bucket/prefix`: settings from the usual `AWS_…` variables, and what to do where it does not answer.

use std::error::Error;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest silence in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(10);
/// A request is sent again this often. The library's own ten times over three minutes would leave a person before a
/// command that says nothing, and a server with an old version; who asks for a while, asks by itself.
const RETRIES: usize = 3;
/// After this no request is sent again, so that each ends after 25 s (this, and one silence) at the latest.
const RETRY_FOR: Duration = Duration::from_secs(15);
/// Between two tries, doubled each time, more or less by chance: a store that restarts is back by then.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The `AWS_…` variables that are set. An empty one counts as none.
pub fn variables() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let variables = std::env::vars_os().filter_map(text);
    variables.filter(|(name, value)| name.starts_with("AWS_") && !value.trim().is_empty()).collect()
}

/// The endpoint that the variables name; none for AWS itself.
pub fn endpoint(variables: &[(String, String)]) -> Option<String> {
    value(variables, "AWS_ENDPOINT_URL_S3").or_else(|| value(variables, "AWS_ENDPOINT_URL"))
}

/// Settings of a client for a bucket: endpoint, region, credentials, path style (`AWS_VIRTUAL_HOSTED_STYLE_REQUEST`).
///
/// Encrypted but where the endpoint itself says otherwise. A store that is down makes a request fail within 25 s, one
/// that refuses connections within 5 s. Nothing is asked for yet.
///
/// # Errors
///
/// Where no region and no endpoint is set, or the endpoint holds a password.
pub fn builder(bucket: &str, variables: &[(String, String)]) -> Result<AmazonS3Builder, String> {
    // Not aws-lc, which needs cmake. Whoever came first chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let endpoint = endpoint(variables);
    let region = value(variables, "AWS_REGION").or_else(|| value(variables, "AWS_DEFAULT_REGION"));
    if endpoint.is_none() && region.is_none() {
        return Err(format!(
            "no region is set; set AWS_REGION to that of the bucket `{bucket}`, such as eu-central-1, or \
             AWS_ENDPOINT_URL for a store outside of AWS"
        ));
    }
    if endpoint.as_ref().is_some_and(|url| url.contains('@')) {
        return Err(
            "AWS_ENDPOINT_URL must not hold a user or a password; set AWS_ACCESS_KEY_ID and \
                    AWS_SECRET_ACCESS_KEY"
                .to_owned(),
        );
    }
    let options = ClientOptions::new()
        .with_allow_http(endpoint.as_ref().is_some_and(|url| url.starts_with("http://")))
        .with_connect_timeout(CONNECT)
        .with_read_timeout(SILENCE)
        .with_timeout_disabled();
    let mut builder = AmazonS3Builder::new();
    for (name, value) in variables {
        if let Ok(key) = name.to_ascii_lowercase().parse::<Key>() {
            builder = builder.with_config(key, value.trim());
        }
    }
    if let Some(region) = region {
        builder = builder.with_region(region.trim());
    }
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_FOR,
        backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
    };
    Ok(builder.with_bucket_name(bucket).with_client_options(options).with_retry(retry))
}

/// What messages call a bucket.
#[derive(Clone)]
pub(crate) struct Bucket {
    name: String,
    endpoint: String,
}

impl Bucket {
    pub(crate) fn new(name: &str, variables: &[(String, String)]) -> Self {
        let endpoint = endpoint(variables).unwrap_or_else(|| "AWS".to_owned());
        Self { name: name.to_owned(), endpoint }
    }

    /// What to do about an error; none where it says nothing of that.
    pub(crate) fn advice(&self, error: &object_store::Error) -> Option<String> {
        let Self { name, endpoint } = self;
        let region = format!(
            "the bucket `{name}` is in another region; set AWS_REGION to the region of the bucket"
        );
        let denied =
            |advice: &str| format!("{endpoint} refuses access to the bucket `{name}`: {advice}");
        Some(match code(error).as_deref() {
            Some("NoSuchBucket") => format!(
                "there is no bucket `{name}` at {endpoint}; check its name, AWS_REGION and AWS_ENDPOINT_URL"
            ),
            Some("InvalidAccessKeyId" | "NotSignedUp") => {
                denied("AWS_ACCESS_KEY_ID is not known there")
            }
            Some("SignatureDoesNotMatch") => {
                denied("AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID")
            }
            Some("ExpiredToken" | "InvalidToken") => {
                denied("AWS_SESSION_TOKEN has run out; get a new one")
            }
            Some("RequestTimeTooSkewed") => denied("the clock of this machine is wrong"),
            Some(
                "PermanentRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
            ) => region,
            _ if said(error).contains("redirect without LOCATION") => region,
            _ if said(error).contains("/latest/") => format!(
                "there are no credentials for the bucket `{name}`; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                 or give the pod or machine a role"
            ),
            _ if is_denied(error) => denied(
                "its credentials need s3:ListBucket and s3:GetObject, and s3:PutObject and s3:DeleteObject to write",
            ),
            _ => match transport(error)? {
                HttpErrorKind::Connect => format!(
                    "nobody answers at {endpoint}; check that it is up, AWS_ENDPOINT_URL, and what stands in between"
                ),
                _ => format!("{endpoint} stopped in the middle of an answer; try again"),
            },
        })
    }
}

fn is_denied(error: &object_store::Error) -> bool {
    use object_store::Error::{PermissionDenied, Unauthenticated};
    matches!(error, PermissionDenied { .. } | Unauthenticated { .. })
}

fn transport(error: &object_store::Error) -> Option<HttpErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<HttpError>()).map(HttpError::kind)
}

/// The code of an error that S3 answers with, such as `NoSuchBucket`.
pub(crate) fn code(error: &object_store::Error) -> Option<String> {
    let said = said(error);
    let (_, rest) = said.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.to_owned())
}

/// An error without the answer's body: some stores repeat the request in it, session token and all.
pub(crate) fn without_body(error: object_store::Error) -> object_store::Error {
    let Some(code) = code(&error) else { return error };
    let said = said(&error);
    let status = said.split_once("status code: ").and_then(|(_, rest)| rest.split_once(": <"));
    let status = status.map_or("an error", |(status, _)| status);
    object_store::Error::Generic {
        store: "S3",
        source: format!("it answers {status} ({code})").into(),
    }
}

/// An error and its causes in one text.
fn said(error: &object_store::Error) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn value(variables: &[(String, String)], wanted: &str) -> Option<String> {
    variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_repeats_of_a_request_is_not_passed_on() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><CanonicalRequest>GET\n\
                    x-amz-security-token:hunter2</CanonicalRequest></Error>";
        let source = format!("Server returned non-2xx status code: 403 Forbidden: {body}").into();
        let error = object_store::Error::PermissionDenied { path: "a".to_owned(), source };
        let variables = [("AWS_ENDPOINT_URL".to_owned(), "http://store".to_owned())];
        assert_eq!(
            Bucket::new("models", &variables).advice(&error).as_deref(),
            Some(
                "http://store refuses access to the bucket `models`: AWS_SECRET_ACCESS_KEY does not belong to \
                 AWS_ACCESS_KEY_ID"
            )
        );
        assert_eq!(
            said(&without_body(error)),
            "Generic S3 error: it answers 403 Forbidden (SignatureDoesNotMatch): \
             it answers 403 Forbidden (SignatureDoesNotMatch)"
        );
    }
}
