//! `s3://bucket/prefix`: settings from the usual `AWS_…` variables.

use std::time::Duration;

use object_store::ClientOptions;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey as Key};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest silence in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(10);

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
/// Encrypted but where the endpoint itself says otherwise. Nothing is asked for yet.
///
/// # Errors
///
/// Where no region and no endpoint is set.
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
    Ok(builder.with_bucket_name(bucket).with_client_options(options))
}

fn value(variables: &[(String, String)], wanted: &str) -> Option<String> {
    variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
}
