//! Where a fetched table is kept.

use std::fs;
use std::process::Command;

use crate::helpers::Place;
use crate::server::{Server, ok};
use crate::{GZIP, fit, refused};

#[test]
fn says_what_to_do_where_no_file_can_be_made() {
    let place = Place::new();
    let server = Server::http(Box::new(|_, _| ok(GZIP)));
    let mut fit = fit(&place, &format!("http://127.0.0.1:{}/rents.csv", server.port));
    fit.env("TMPDIR", "/proc"); // a folder in which nobody can make a file
    let error = refused(&place, fit);
    assert!(error.contains("no temporary file can be made in `/proc`"), "{error}");
    assert!(error.contains("set TMPDIR to a folder that can be written to"), "{error}");
    assert!(server.requests().is_empty(), "nothing is asked for in vain");
}

#[test]
fn says_what_to_do_where_the_disk_is_full() {
    let place = Place::new();
    let disk = place.path("disk");
    fs::create_dir(&disk).expect("a folder");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k", "canopy-test"]).arg(&disk);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        println!("skipped: mounting a tmpfs needs root");
        return;
    }
    let server = Server::http(Box::new(|_, _| ok(&vec![b'x'; 1 << 20])));
    let mut fit = fit(&place, &format!("http://127.0.0.1:{}/rents.csv", server.port));
    fit.env("TMPDIR", &disk);
    let error = refused(&place, fit);
    let left = fs::read_dir(&disk).expect("a folder").count();
    let _ = Command::new("umount").arg("-l").arg(&disk).status();
    assert!(error.contains("cannot be kept in `") && error.contains("No space left"), "{error}");
    assert!(error.contains("set TMPDIR to a folder with 1.00 MiB of room"), "{error}");
    assert_eq!((left, server.requests().len()), (0, 1));
}
