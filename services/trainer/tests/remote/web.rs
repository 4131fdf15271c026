//! `http://` and `https://`.

use std::process::Stdio;
use std::time::Duration;

use crate::helpers::{Place, rents, text};
use crate::server::{Authority, Reply, Server, answer, ok, with_length};
use crate::{GZIP, GZIP_SHA256, fit, fitted, refused, stderr};

#[test]
fn reads_a_packed_table_over_https_and_records_the_hash_of_the_file() {
    let (place, authority) = (Place::new(), Authority::new("canopy test"));
    let server = Server::https(&authority, Box::new(|_, _| ok(GZIP)));
    let url = format!("https://localhost:{}/data/rents", server.port);
    let mut fit = fit(&place, &url);
    fit.env("SSL_CERT_FILE", authority.file(&place.path("")));
    let (summary, output) = fitted(fit);
    let provenance = &summary["provenance"];
    assert_eq!(provenance["data"], url.as_str());
    assert_eq!(provenance["data_sha256"], GZIP_SHA256);
    assert_eq!(provenance["n_rows"], 40);
    assert!(!stderr(&output).contains("plain http"), "{}", stderr(&output));
    assert_eq!(server.requests().len(), 1, "it is fetched once, though it is read twice");
}

#[test]
fn trusts_no_unknown_authority_and_says_how_to_name_it() {
    let (place, authority) = (Place::new(), Authority::new("canopy test"));
    let server = Server::https(&authority, Box::new(|_, _| ok(GZIP)));
    let mut fitting = fit(&place, &format!("https://localhost:{}/rents.csv", server.port));
    fitting.env("SSL_CERT_FILE", Authority::new("another").file(&place.path("")));
    let error = refused(&place, fitting);
    assert!(
        error.contains("signed by an unknown authority") && error.contains("SSL_CERT_FILE"),
        "{error}"
    );
    // Known, but of another name.
    let mut fitting = fit(&place, &format!("https://127.0.0.1:{}/rents.csv", server.port));
    fitting.env("SSL_CERT_FILE", authority.file(&place.path("")));
    let error = refused(&place, fitting);
    assert!(error.contains("the certificate is not one of `127.0.0.1"), "{error}");
    assert!(server.requests().is_empty());
}

#[test]
fn plain_http_is_read_with_a_warning() {
    let place = Place::new();
    let server = Server::http(Box::new(|_, _| ok(rents(60).as_bytes())));
    let url = format!("http://127.0.0.1:{}/rents.csv", server.port);
    let (summary, output) = fitted(fit(&place, &url));
    assert!(stderr(&output).contains("came over plain http"), "{}", stderr(&output));
    assert_eq!(text(&summary["warnings"][0]["code"]), "plain_http");
    assert!(summary["provenance"]["notes"][0].as_str().is_some_and(|note| note.contains(&url)));
}

#[test]
fn reads_the_test_table_from_elsewhere_too() {
    let place = Place::new();
    let data = place.file("rents.csv", rents(60));
    let server = Server::http(Box::new(|_, _| ok(TEST_TABLE.as_bytes())));
    let url = format!("http://127.0.0.1:{}/test.csv", server.port);
    let mut fit = fit(&place, data.to_str().expect("UTF-8"));
    let (summary, _) = fitted({
        fit.env("CANOPY_TEST_DATA", &url);
        fit
    });
    assert_eq!(summary["provenance"]["test_data"], url.as_str());
    assert_eq!(summary["provenance"]["n_rows_test"], 2);
}

const TEST_TABLE: &str = "size,floor,lift,town,rent\n30.5,1,true,Ulm,400\n40.5,2,false,Bonn,500\n";

#[test]
fn follows_redirects_but_never_from_https_to_http() {
    let (place, authority) = (Place::new(), Authority::new("canopy test"));
    let plain = Server::http(Box::new(|_, _| ok(GZIP)));
    let to = format!("Location: http://127.0.0.1:{}/b?token=hunter2\r\n", plain.port);
    let server = Server::https(
        &authority,
        Box::new(move |head, _| match head {
            head if head.starts_with("GET /down ") => answer("302 Found", &to, b""),
            head if head.starts_with("GET /a ") => answer("302 Found", "Location: /b\r\n", b""),
            head if head.starts_with("GET /round ") => {
                answer("302 Found", "Location: /round\r\n", b"")
            }
            _ => ok(GZIP),
        }),
    );
    let certificates = authority.file(&place.path(""));
    let to = |path: &str| {
        let mut fit = fit(&place, &format!("https://localhost:{}/{path}", server.port));
        fit.env("SSL_CERT_FILE", &certificates);
        fit
    };
    let error = refused(&place, to("down"));
    assert!(error.contains("redirects from https to `http://127.0.0.1"), "{error}");
    assert!(error.contains("/b?…`") && !error.contains("hunter2"), "{error}");
    assert!(plain.requests().is_empty());
    let error = refused(&place, to("round"));
    assert!(error.contains("redirects more than 10 times"), "{error}");
    assert_eq!(fitted(to("a")).0["provenance"]["n_rows"], 40);
}

#[test]
fn tries_again_what_may_pass() {
    let place = Place::new();
    let body = rents(60);
    let server = Server::http(Box::new(move |_, place| match place {
        0 => answer("503 Service Unavailable", "Retry-After: 0\r\n", b"busy"),
        // Half of it, and then the end.
        1 => {
            Reply::Whole(with_length("200 OK", "", body.len(), &body.as_bytes()[..body.len() / 2]))
        }
        _ => ok(body.as_bytes()),
    }));
    let (summary, output) =
        fitted(fit(&place, &format!("http://127.0.0.1:{}/rents.csv", server.port)));
    assert_eq!(summary["provenance"]["n_rows"], 60);
    assert_eq!(server.requests().len(), 3);
    let said = stderr(&output);
    assert!(said.contains("answers 503") && said.contains("broke off after"), "{said}");
}

#[test]
fn a_download_that_always_breaks_off_is_no_table() {
    let place = Place::new();
    let body = rents(60);
    let server = Server::http(Box::new(move |_, _| {
        Reply::Whole(with_length("200 OK", "", 2 * body.len(), body.as_bytes()))
    }));
    let error =
        refused(&place, fit(&place, &format!("http://127.0.0.1:{}/rents.csv", server.port)));
    assert!(error.contains("broke off after") && error.contains("tried 3 times"), "{error}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn says_what_a_server_answers_and_asks_once() {
    let cases = [
        ("404 Not Found", "", "nothing lies there; check the address"),
        ("403 Forbidden", "", "the signature or token in the address has run out"),
        ("400 Bad Request", "", "answers 400 Bad Request; expected 200 OK"),
        ("206 Partial Content", "", "expected 200 OK"),
        (
            "200 OK",
            "Content-Type: text/html; charset=utf-8\r\n",
            "sends a web page (Content-Type: text/html)",
        ),
    ];
    for (status, headers, expected) in cases {
        let place = Place::new();
        let server = Server::http(Box::new(move |_, _| answer(status, headers, b"<html>")));
        let url = format!("http://127.0.0.1:{}/rents.csv", server.port);
        let error = refused(&place, fit(&place, &url));
        assert!(error.starts_with(&format!("error: fetching `{url}`")), "{error}");
        assert!(error.contains(expected), "{error}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn says_whom_it_cannot_reach() {
    let place = Place::new();
    let error = refused(&place, fit(&place, "https://canopy-test.invalid/rents.csv"));
    assert!(error.contains("the host `canopy-test.invalid` is not known"), "{error}");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
    let port = port.expect("an address").port();
    let error = refused(&place, fit(&place, &format!("http://127.0.0.1:{port}/rents.csv")));
    assert!(error.contains(&format!("nobody listens at `127.0.0.1:{port}`")), "{error}");
    for url in ["ftp://host/rents.csv", "gs://bucket/rents.csv"] {
        let error = refused(&place, fit(&place, url));
        assert!(
            error.contains("is not a place to read from") && error.contains("`s3://bucket/key`"),
            "{error}"
        );
    }
}

#[test]
fn goes_through_the_proxy_of_the_environment() {
    let place = Place::new();
    let proxy = Server::http(Box::new(|_, _| ok(GZIP)));
    let mut fit = fit(&place, "http://canopy-test.invalid/rents.csv");
    fit.env("HTTP_PROXY", format!("http://127.0.0.1:{}", proxy.port));
    fitted(fit);
    assert!(proxy.requests()[0].starts_with("GET http://canopy-test.invalid/rents.csv "));
}

#[test]
fn a_signal_ends_a_download_and_leaves_no_file() {
    for (name, exit_code) in [("-INT", 130), ("-TERM", 143)] {
        let place = Place::new();
        let server = Server::http(Box::new(|_, _| {
            Reply::Stall(with_length("200 OK", "", 1 << 30, b"size,rent\n1,2\n"))
        }));
        let mut fit = fit(&place, &format!("http://127.0.0.1:{}/rents.csv", server.port));
        let child = fit.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        while server.requests().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let id = child.id().to_string();
        let kill = std::process::Command::new("kill").args([name, &id]).status();
        assert!(kill.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(exit_code), "{}", stderr(&output));
        assert_eq!(stderr(&output).matches("error: stopped by a signal").count(), 1);
        assert!(output.stdout.is_empty() && !place.registry().exists());
        assert_eq!(std::fs::read_dir(place.path("tmp")).expect("a folder").count(), 0);
    }
}
