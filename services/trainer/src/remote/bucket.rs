//! A table behind an `s3://bucket/key` URL.

use std::error::Error;

use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3ConfigKey as Key};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt, RetryConfig};

use registry::s3;

use super::address::without_secrets;
use super::download::{Body, Limits};
use super::trouble::{Trouble, causes};

const CREDENTIALS: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN for temporary ones), \
                           or give the pod or machine a role; for a public bucket set AWS_SKIP_SIGNATURE=true";

/// One object, and the client to get it with.
#[derive(Debug)]
pub(super) struct Object {
    store: AmazonS3,
    bucket: String,
    key: Path,
    /// Where the store is, for messages.
    endpoint: String,
    is_signed: bool,
    /// Whether its credentials come from a service that may be down for a moment.
    has_role: bool,
}

impl Object {
    /// Reads the settings; nothing is asked for yet.
    pub(super) fn new(
        bucket: String,
        key: &str,
        variables: &[(String, String)],
        limits: &Limits,
    ) -> anyhow::Result<Self> {
        let value = |wanted: &str| {
            variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
        };
        let endpoint = s3::endpoint(variables);
        let builder = s3::builder(&bucket, variables).map_err(anyhow::Error::msg)?;
        let key = Path::parse(key)
            .map_err(|error| anyhow::anyhow!("the key of the object cannot be used: {error}"))?;
        // A download may take as long as bytes come.
        let options = ClientOptions::new()
            .with_allow_http(endpoint.as_ref().is_some_and(|url| url.starts_with("http://")))
            .with_connect_timeout(limits.connect)
            .with_read_timeout(limits.idle)
            .with_timeout_disabled();
        let has_role = value("AWS_WEB_IDENTITY_TOKEN_FILE").is_some()
            || value("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some()
            || value("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_some();
        let is_signed = builder.get_config_value(&Key::SkipSignature).as_deref() != Some("true");
        // Tries are counted in one place, `download.rs`.
        let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let store = builder
            .with_client_options(options)
            .with_retry(retry)
            .build()
            .map_err(|error| anyhow::anyhow!("{}; {CREDENTIALS}", said(&error)))?;
        let endpoint = endpoint.map_or("AWS".to_owned(), |url| without_secrets(&url));
        Ok(Self { store, bucket, key, endpoint, is_signed, has_role })
    }

    /// Asks for it, once.
    pub(super) async fn get(&self) -> Result<Body, Trouble> {
        if self.is_signed {
            // Asked for first, so that what goes wrong with them is not mistaken for the bucket's trouble.
            self.store.credentials().get_credential().await.map_err(|error| {
                let message = format!("no AWS credentials: {}; {CREDENTIALS}", said(&error));
                Trouble { is_passing: self.has_role, ..Trouble::lasting(message) }
            })?;
        }
        let found = self.store.get(&self.key).await.map_err(|error| self.trouble(&error))?;
        let n_bytes = Some(found.meta.size);
        let host = self.endpoint.clone();
        let chunks = found.into_stream();
        let chunks = chunks.map_err(move |error| Trouble::of_transport(&error, &host)).boxed();
        Ok(Body { n_bytes, chunks })
    }

    /// What an answer, or none, comes from.
    fn trouble(&self, error: &object_store::Error) -> Trouble {
        let Self { bucket, key, endpoint, .. } = self;
        let text = said(error);
        let code = between(&text, "<Code>", "</Code>");
        let named = code.map(|code| format!(" ({code})")).unwrap_or_default();
        let region = "set AWS_REGION to the region of the bucket";
        match (error, code) {
            (_, Some("NoSuchBucket")) => Trouble::lasting(format!(
                "there is no bucket `{bucket}` at {endpoint}; check its name, AWS_REGION and AWS_ENDPOINT_URL"
            )),
            (
                _,
                Some(
                    "PermanentRedirect"
                    | "AuthorizationHeaderMalformed"
                    | "IllegalLocationConstraintException",
                ),
            ) => Trouble::lasting(format!(
                "the bucket `{bucket}` is in another region{named}; {region}"
            )),
            (object_store::Error::NotFound { .. }, _) => Trouble::lasting(format!(
                "there is no object `{key}` in the bucket `{bucket}`{named}; check the key"
            )),
            (
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. },
                _,
            ) => {
                let advice = match code {
                    Some("InvalidAccessKeyId") => "AWS_ACCESS_KEY_ID is not known there",
                    Some("SignatureDoesNotMatch") => {
                        "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID"
                    }
                    Some("ExpiredToken" | "InvalidToken") => {
                        "AWS_SESSION_TOKEN has run out; get a new one"
                    }
                    Some("RequestTimeTooSkewed") => "the clock of this machine is wrong",
                    _ if !self.is_signed => {
                        "the bucket is not public: unset AWS_SKIP_SIGNATURE and give credentials"
                    }
                    _ => {
                        "the credentials may not read it: they need s3:GetObject (and s3:ListBucket, to be told of a \
                          missing key)"
                    }
                };
                Trouble::lasting(format!("`{bucket}` refuses to hand out `{key}`{named}: {advice}"))
            }
            _ if text.contains("redirect without LOCATION") => {
                Trouble::lasting(format!("the bucket `{bucket}` is in another region; {region}"))
            }
            _ => self.answered(error, &text, &named),
        }
    }

    /// Any other status, or no answer at all.
    fn answered(&self, error: &object_store::Error, text: &str, named: &str) -> Trouble {
        let status = between(text, "status code: ", ":").map(str::trim);
        let number = status.and_then(|status| status.get(..3)).and_then(|n| n.parse::<u16>().ok());
        match (status, number) {
            (Some(status), Some(408 | 429 | 500..)) => {
                Trouble::passing(format!("{} answers {status}{named}", self.endpoint))
            }
            (Some(status), Some(_)) => {
                Trouble::lasting(format!("{} answers {status}{named}", self.endpoint))
            }
            // Some errors come with status 200.
            _ if text.contains("SlowDown") || text.contains("InternalError") => {
                Trouble::passing(format!("{} answers with an error{named}", self.endpoint))
            }
            _ => Trouble::of_transport(error, &self.endpoint),
        }
    }
}

/// What a library says of an error and its causes, in one line.
fn said(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = vec![];
    for cause in causes(error).map(|cause| without_secrets(&cause.to_string())) {
        // Many say again what they wrap.
        if !said.iter().any(|before| before.contains(&cause)) {
            said.push(cause);
        }
    }
    said.join(": ")
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end).map_or(rest, |(within, _)| within))
}
