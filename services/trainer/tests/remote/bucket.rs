//! `s3://`, against a real S3 server on a folder.

use std::process::Command;

use testkit::S3Server;

use crate::helpers::Place;
use crate::server::{Server, answer};
use crate::{GZIP, GZIP_SHA256, fit, fitted, refused, stderr};

const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", S3Server::ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", S3Server::SECRET_KEY)];

/// A server that has the object `folder/rents.csv.gz` in the bucket `tables`.
fn store() -> S3Server {
    let server = S3Server::start("tables");
    std::fs::write(server.object("folder/rents.csv.gz"), GZIP).expect("an object");
    server
}

fn fit_from(place: &Place, endpoint: &str, url: &str) -> Command {
    let mut fit = fit(place, url);
    fit.env("AWS_ENDPOINT_URL", endpoint).envs(KEYS).env("AWS_SESSION_TOKEN", "");
    fit
}

const TABLE: &str = "s3://tables/folder/rents.csv.gz";

#[test]
fn reads_an_object_and_records_the_hash_of_the_file() {
    let place = Place::new();
    let server = store();
    let endpoint = server.endpoint();
    let mut fit = fit_from(&place, &endpoint, TABLE);
    fit.args(["--log", "trace"]);
    let (summary, output) = fitted(fit);
    assert_eq!(summary["provenance"]["data"], TABLE);
    assert_eq!(summary["provenance"]["data_sha256"], GZIP_SHA256);
    assert_eq!(summary["provenance"]["n_rows"], 40);
    assert!(!stderr(&output).contains("hunter2"), "no key is logged");
    // The variable of S3 goes before that of all services.
    let mut fit = fit_from(&place, "http://127.0.0.1:9", TABLE);
    fit.env("AWS_ENDPOINT_URL_S3", &endpoint);
    fitted(fit);
}

/// A URL, variables, and what is said.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str);

#[test]
fn tells_what_is_missing_or_wrong() {
    let place = Place::new();
    let server = store();
    let endpoint = server.endpoint();
    let cases: [Case<'_>; 7] = [
        (
            "s3://tables/folder/none.csv",
            &[],
            "there is no object `folder/none.csv` in the bucket `tables`",
        ),
        ("s3://tables/", &[], "names no object; expected `s3://bucket/key`"),
        ("s3://tables", &[], "names no object; expected `s3://bucket/key`"),
        ("s3://tables/folder/", &[], "names no object; expected `s3://bucket/key`"),
        (
            TABLE,
            &[("AWS_SECRET_ACCESS_KEY", "wrong")],
            "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID",
        ),
        (
            TABLE,
            &[("AWS_SECRET_ACCESS_KEY", "")],
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            TABLE,
            &[("AWS_ENDPOINT_URL", "")],
            "no region is set; set AWS_REGION to that of the bucket `tables`",
        ),
    ];
    for (url, variables, expected) in cases {
        let mut fit = fit_from(&place, &endpoint, url);
        fit.envs(variables.iter().copied());
        let error = refused(&place, fit);
        assert!(error.contains(expected), "{expected} is not in\n{error}");
    }
}

#[test]
fn without_credentials_it_says_which_there_may_be() {
    let place = Place::new();
    let server = store();
    let endpoint = server.endpoint();
    let mut fit = fit(&place, TABLE);
    // Nobody listens there, as outside of AWS.
    fit.env("AWS_ENDPOINT_URL", endpoint).env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9");
    let error = refused(&place, fit);
    assert!(
        error.contains("no AWS credentials: ") && error.contains("AWS_SKIP_SIGNATURE=true"),
        "{error}"
    );
}

#[test]
fn a_busy_store_is_asked_three_times_and_a_refusing_one_once() {
    let error_of = |code: &str| format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let cases = [
        ("404 Not Found", "NoSuchBucket", 1, "there is no bucket `tables` at http://127.0.0.1:"),
        (
            "503 Slow Down",
            "SlowDown",
            3,
            "answers 503 Service Unavailable (SlowDown); tried 3 times",
        ),
        (
            "403 Forbidden",
            "AccessDenied",
            1,
            "(AccessDenied): the credentials may not read it: they need s3:GetObject",
        ),
        ("403 Forbidden", "ExpiredToken", 1, "AWS_SESSION_TOKEN has run out"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", 1, "is in another region"),
        ("301 Moved Permanently", "PermanentRedirect", 1, "is in another region"),
    ];
    for (status, code, n_requests, expected) in cases {
        let place = Place::new();
        let body = error_of(code);
        let server = Server::http(Box::new(move |_, _| answer(status, "", body.as_bytes())));
        let endpoint = format!("http://127.0.0.1:{}", server.port);
        let error = refused(&place, fit_from(&place, &endpoint, TABLE));
        assert!(error.contains(expected), "{expected} is not in\n{error}");
        assert_eq!(server.requests().len(), n_requests, "{code}");
        assert!(server.requests()[0].starts_with("GET /tables/folder/rents.csv.gz "), "path style");
    }
}
