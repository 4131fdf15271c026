//! `keygen`, `sign` and `--trusted-key`: who vouches for a version.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::helpers::{Place, failure, rents, stderr};

/// Makes a pair of keys: the paths of the private and the public one.
fn keygen(place: &Place, name: &str) -> (String, String) {
    let private = place.path(name).display().to_string();
    let made = place.json(&["keygen", "--signing-key", &private]);
    let public = format!("{private}.pub");
    assert_eq!(
        (&made["signing_key"], &made["trusted_key"]),
        (&private.clone().into(), &public.clone().into())
    );
    assert_eq!(made["id"].as_str().map(str::len), Some(16));
    (private, public)
}

#[test]
fn a_key_is_its_owners_alone_and_never_written_over() {
    let place = Place::new();
    let (private, public) = keygen(&place, "key");
    let mode = |path: &str| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&private), mode(&public) & 0o600), (0o600, 0o600));
    let before = (fs::read(&private).expect("a key"), fs::read(&public).expect("a key"));
    for left in [&public, &private] {
        let (exit_code, error) = place.fails(&["keygen", "--signing-key", &private]);
        assert_eq!(exit_code, 1);
        assert!(error.contains("is there already") || error.contains("File exists"), "{error}");
        // Where only one of the two is left, it stays as it was.
        let other = if left == &public { &private } else { &public };
        if left == &public {
            fs::rename(other, format!("{other}.kept")).expect("a key");
            let (_, error) = place.fails(&["keygen", "--signing-key", &private]);
            assert!(error.contains("is there already"), "{error}");
            assert!(!fs::exists(&private).expect("a folder"), "half a pair is of no use");
            fs::rename(format!("{other}.kept"), other).expect("a key");
        }
    }
    assert_eq!(before, (fs::read(&private).expect("a key"), fs::read(&public).expect("a key")));
    let (_, other) = keygen(&place, "other");
    assert_ne!(fs::read(other).expect("a key"), before.1);
}

#[test]
fn only_what_a_trusted_key_has_signed_is_verified_promoted_or_brought_back() {
    let place = Place::new();
    let (private, public) = keygen(&place, "key");
    let (_, stranger) = keygen(&place, "stranger");
    place.publish(&rents(60), &[]);
    place.publish(&rents(60), &["--signing-key", &private]);
    assert!(place.version_file(2, "manifest.sig").is_file());

    let unsigned =
        "version 1 of `rents` is refused\n  because: it is not signed: manifest.sig is missing";
    let wrongly = "version 2 of `rents` is refused\n  because: it is signed with key ";
    let trusting =
        |args: &[&str], key: &str| place.fails(&[args, &["--trusted-key", key]].concat());
    for (args, key, message) in [
        (&["verify", "rents@1"][..], &public, unsigned),
        (&["verify", "rents@2"], &stranger, wrongly),
        (&["promote", "rents", "2"], &stranger, wrongly),
        (&["canary", "set", "rents", "2"], &stranger, wrongly),
    ] {
        let (exit_code, error) = trusting(args, key);
        assert_eq!(exit_code, 1, "{args:?}");
        assert!(error.contains(message), "{args:?}: {error}");
    }
    assert_eq!(place.champion(), Some(1));
    place.ok(&["verify", "rents@2", "--trusted-key", &public]);
    // One of several keys is enough: so they are rotated.
    place.ok(&["verify", "rents@2", "--trusted-key", &stranger, "--trusted-key", &public]);
    place.ok(&["verify", "rents@2", "--trusted-key", &format!("{stranger},{public}")]);

    // The unsigned champion cannot be compared with, so that it takes force to replace it.
    let promote = ["promote", "rents", "2", "--trusted-key", &public];
    assert!(place.refused(&promote).contains("it is not signed"));
    place.ok(&[&promote[..], &["--force", "--reason", "from now on all are signed"]].concat());
    let (exit_code, error) = trusting(&["rollback", "rents"], &public);
    assert_eq!(exit_code, 1);
    assert!(error.contains(unsigned), "{error}");
    assert_eq!(place.champion(), Some(2));

    let said = place.ok(&["sign", "rents@1", "--signing-key", &private]);
    assert!(said.starts_with("rents version 1 is signed with key "), "{said}");
    place.ok(&["rollback", "rents", "--trusted-key", &public]);
    assert_eq!(place.champion(), Some(1));
    place.ok(&["verify", "rents", "--ledger", "--trusted-key", &public]);
}

#[test]
fn a_signature_of_another_manifest_is_wrong() {
    let place = Place::new();
    let (private, public) = keygen(&place, "key");
    for seed in ["1", "2"] {
        place.publish(&rents(60), &["--signing-key", &private, "--seed", seed]);
    }
    fs::copy(place.version_file(2, "manifest.sig"), place.version_file(1, "manifest.sig"))
        .expect("a signature");
    let (_, error) = place.fails(&["verify", "rents@1", "--trusted-key", &public]);
    assert!(error.contains("manifest.sig is wrong: it is not that of key "), "{error}");
    fs::write(place.version_file(1, "manifest.sig"), "{").expect("a signature");
    let (_, error) = place.fails(&["promote", "rents", "1", "--trusted-key", &public]);
    assert!(error.contains("manifest.sig is wrong: "), "{error}");
    place.ok(&["verify", "rents@1"]);
}

#[test]
fn a_file_that_is_no_key_is_named() {
    let place = Place::new();
    place.publish_equal(1);
    let (private, public) = keygen(&place, "key");
    let nowhere = place.path("nowhere").display().to_string();
    for (args, message) in [
        (
            ["sign", "rents", "--signing-key", &public],
            "it holds a public key; versions are signed with the private one",
        ),
        (
            ["verify", "rents", "--trusted-key", &private],
            "it holds a private key; give the public one here",
        ),
        (["verify", "rents", "--trusted-key", &nowhere], "No such file"),
        (["sign", "rents", "--signing-key", &nowhere], "No such file"),
    ] {
        let (exit_code, error) = place.fails(&args);
        assert_eq!(exit_code, 1);
        assert!(error.starts_with("error: the key ") && error.contains(message), "{error}");
    }
}

#[test]
fn fit_refuses_at_once_to_make_a_version_that_it_would_not_trust() {
    let place = Place::new();
    let (private, public) = keygen(&place, "key");
    let (stranger, _) = keygen(&place, "stranger");
    let data = place.file("rents.csv", rents(60));
    let fit = |args: &[&str]| {
        let mut fit = place.fit(&data);
        fit.args(["--trusted-key", &public]).args(args);
        fit
    };
    for (args, reason) in [
        (&[][..], "give --signing-key, too"),
        (&["--signing-key", &stranger], "is none of the trusted ones"),
    ] {
        let (exit_code, error) = failure(fit(args));
        assert_eq!(exit_code, 1);
        assert!(error.contains(reason), "{error}");
        assert!(!place.registry().exists(), "nothing was begun");
    }
    let output = fit(&["--signing-key", &private]).output().expect("the binary runs");
    assert!(output.status.success(), "{}", stderr(&output));
}
