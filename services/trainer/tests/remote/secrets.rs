//! What is in an address but not for everybody's eyes.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::helpers::{Place, stdout};
use crate::server::{Server, answer, ok};
use crate::{GZIP, fit, stderr};

const SECRET: &str = "hunter2";

/// All bytes under a folder.
fn content(folder: &Path) -> String {
    let mut all = String::new();
    let Ok(entries) = fs::read_dir(folder) else { return all };
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            all.push_str(&content(&path));
        } else {
            all.push_str(&String::from_utf8_lossy(&fs::read(&path).expect("a file")));
        }
    }
    all
}

fn assert_silent(place: &Place, output: &Output) {
    for text in [stdout(output), stderr(output), content(&place.registry())] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn no_user_password_query_or_fragment_is_shown_logged_or_recorded() {
    let place = Place::new();
    let server = Server::http(Box::new(|head, place| match place {
        0 => answer("302 Found", "Location: /b?X-Amz-Signature=hunter2\r\n", b""),
        1 => ok(GZIP),
        _ if head.contains("/404") => answer("404 Not Found", "", b""),
        _ => answer("503 Service Unavailable", "Retry-After: 0\r\n", b""),
    }));
    let run = |path: &str| {
        let url =
            format!("http://me:{SECRET}@127.0.0.1:{}/{path}?token={SECRET}#{SECRET}", server.port);
        fit(&place, &url).args(["--log", "trace"]).output().expect("the binary runs")
    };
    let output = run("rents.csv");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_silent(&place, &output);
    let shown = format!("http://127.0.0.1:{}/rents.csv?…", server.port);
    assert!(content(&place.registry()).contains(&shown) && stderr(&output).contains(&shown));
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /rents.csv?token=hunter2 "), "the server is told");
    assert!(requests[0].to_lowercase().contains("authorization: basic "));
    assert!(!requests[1].contains("token="), "the next server is not told the query of the first");
    for path in ["404", "503"] {
        let output = run(path);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output)
                .contains(&format!("fetching `http://127.0.0.1:{}/{path}?…`", server.port))
        );
        assert_silent(&place, &output);
    }
}

#[test]
fn addresses_that_make_no_sense_show_no_secret_either() {
    let place = Place::new();
    for url in [
        "https://me:hunter2@host:port/rents.csv?hunter2",
        "ftp://me:hunter2@host/rents.csv",
        "s3://id:hunter2@bucket/rents.csv",
        "https://me:hunter2@canopy-test.invalid/rents.csv?hunter2",
    ] {
        let output = fit(&place, url).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1));
        assert_silent(&place, &output);
    }
}
