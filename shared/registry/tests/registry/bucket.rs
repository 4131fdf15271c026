//! A bucket that is not there, and what a person is told then.

use std::error::Error;

use registry::{Registry, RegistryError};
use testkit::{S3Server, TESTS, draft};
use tokio_util::sync::CancellationToken;

use crate::place::{diamonds, promotion};

/// A location, variables, and what is told.
type Case<'c, T> = (&'c str, &'c [(&'c str, &'c str)], T);

/// An error with its causes, as the commands print it.
fn told(error: &RegistryError) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}: {error}");
        cause = error.source();
    }
    told
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error_and_works_again_once_it_is_back() {
    let mut server = S3Server::start("models");
    let registry = Registry::open_with(&server.url(), &server.variables()).expect("a bucket");
    let (model, never) = (diamonds(), CancellationToken::new());
    for base in [1.0, 2.0] {
        registry.publish(draft("diamonds", base), TESTS, None, &never).await.expect("published");
    }
    server.stop();
    let wanted = promotion(2);
    let (alias, versions, load, moved, published) = tokio::join!(
        registry.alias(&model, "champion"),
        registry.versions(&model),
        registry.load(&model, 1),
        registry.move_alias(&model, &wanted, TESTS),
        registry.publish(draft("diamonds", 3.0), TESTS, None, &never),
    );
    let errors =
        [alias.map(drop), versions.map(drop), load.map(drop), moved.map(drop), published.map(drop)];
    for error in errors {
        let error = error.expect_err("nobody is there");
        assert!(matches!(error, RegistryError::Store { .. }), "{error}");
        let expected = format!(
            "in registry s3://models failed: nobody answers at {}; check that it is up",
            server.endpoint()
        );
        assert!(error.to_string().contains(&expected), "{error}");
        // Not ten times over three minutes, as the library has it.
        assert!(told(&error).contains("after 3 retries"), "{}", told(&error));
    }
    server.start_again();
    assert_eq!(registry.versions(&model).await.expect("listed"), [1, 2]);
    registry.move_alias(&model, &promotion(2), TESTS).await.expect("moved");
    assert_eq!(registry.alias(&model, "champion").await.expect("looked up"), Some(2));
    let published = registry.publish(draft("diamonds", 3.0), TESTS, None, &never).await;
    assert_eq!(published.expect("published").version, 3);
    assert_eq!(registry.check_ledger(&model).await.expect("read").1, None);
}

#[tokio::test]
async fn what_is_wrong_with_a_bucket_is_told_without_secrets() {
    let server = S3Server::start("models");
    let endpoint = server.endpoint();
    let cases: [Case<'_, String>; 5] = [
        (
            "s3://modles",
            &[],
            format!("there is no bucket `modles` at {endpoint}; check its name, AWS_REGION and AWS_ENDPOINT_URL"),
        ),
        (
            "s3://models",
            &[("AWS_SECRET_ACCESS_KEY", "hunter3hunter3")],
            format!(
                "{endpoint} refuses access to the bucket `models`: AWS_SECRET_ACCESS_KEY does not belong to \
                 AWS_ACCESS_KEY_ID"
            ),
        ),
        (
            "s3://models",
            &[("AWS_ACCESS_KEY_ID", "nobody")],
            format!("{endpoint} refuses access to the bucket `models`: AWS_ACCESS_KEY_ID is not known there"),
        ),
        (
            "s3://models",
            &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")],
            "nobody answers at http://127.0.0.1:9; check that it is up, AWS_ENDPOINT_URL, and what stands in between"
                .to_owned(),
        ),
        (
            "s3://models",
            &[
                ("AWS_ACCESS_KEY_ID", ""),
                ("AWS_SECRET_ACCESS_KEY", ""),
                // Nobody listens there, as outside of AWS.
                ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9"),
            ],
            "there are no credentials for the bucket `models`; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
             give the pod or machine a role"
                .to_owned(),
        ),
    ];
    for (url, changed, expected) in cases {
        let mut variables = server.variables();
        for (name, value) in changed {
            variables.retain(|(known, _)| known != name);
            if !value.is_empty() {
                variables.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        let registry = Registry::open_with(url, &variables).expect("nothing is asked for yet");
        let error = registry.versions(&diamonds()).await.expect_err("it cannot be listed");
        let listing = format!("listing diamonds/versions in registry {url} failed: {expected}");
        assert_eq!(error.to_string(), listing, "{}", told(&error));
        assert!(!told(&error).contains("hunter"), "{}", told(&error));
    }
}

#[test]
fn what_is_missing_is_told_before_anything_is_asked() {
    let cases: [Case<'_, &str>; 3] = [
        (
            "s3://models",
            &[],
            "`s3://models` cannot be a registry: no region is set; set AWS_REGION to that of the bucket `models`, such \
             as eu-central-1, or AWS_ENDPOINT_URL for a store outside of AWS",
        ),
        (
            "s3:///diamonds",
            &[],
            "`s3:///diamonds` cannot be a registry: it names no bucket; write it as s3://bucket/prefix",
        ),
        (
            "s3://models",
            &[("AWS_ENDPOINT_URL", "http://ada:hunter2@127.0.0.1:9")],
            "`s3://models` cannot be a registry: AWS_ENDPOINT_URL must not hold a user or a password; set \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
    ];
    for (location, variables, expected) in cases {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let error = Registry::open_with(location, &variables).expect_err(location);
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn several_registries_share_a_bucket_under_prefixes() {
    let server = S3Server::start("models");
    let open = |prefix: &str| {
        let url = format!("{}{prefix}", server.url());
        Registry::open_with(&url, &server.variables()).expect("a bucket")
    };
    let never = CancellationToken::new();
    for prefix in ["/a", "/a/b/", ""] {
        let registry = open(prefix);
        let published = registry.publish(draft("diamonds", 1.0), TESTS, None, &never).await;
        assert_eq!(published.expect("published").version, 1, "{prefix}");
        assert_eq!(registry.models().await.expect("listed"), [diamonds()], "{prefix}");
    }
    assert!(server.object("a/b/diamonds/versions/1/manifest.json").exists());
}
