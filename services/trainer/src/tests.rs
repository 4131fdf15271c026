use anyhow::anyhow;

use super::*;

#[test]
fn says_what_went_wrong_once() {
    let error =
        anyhow!("no space left").context("writing a failed: no space left").context("publishing");
    assert_eq!(described(&error), "error: publishing\n  because: writing a failed: no space left");
    let error = anyhow!("a\u{1b}[31m\nerror: b\u{202e}");
    assert_eq!(described(&error), "error: a�[31m�error: b�");
}

#[test]
fn tells_a_signal_from_other_failures() {
    let only_stopped = [
        anyhow::Error::from(Stopped),
        anyhow::Error::from(FitError::Cancelled).context("fitting linear"),
        anyhow::Error::from(RegistryError::Cancelled).context("publishing a version of m"),
    ];
    assert!(only_stopped.iter().all(is_stopped));
    let published = anyhow!("the disk is full")
        .context("version 3 of m is published, but could not be promoted");
    assert!(!is_stopped(&published));
}

#[test]
fn json_steers_no_terminal() {
    let text = "a\u{9b}b\u{202e}c\n";
    let json = to_json(&serde_json::json!({ "name": text }));
    assert_eq!(json, "{\n  \"name\": \"a\\u009bb\\u202ec\\n\"\n}");
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(read["name"], text);
}
