//! Keys in headers, and keys in a file that changes.

use axum::http::HeaderValue;
use clap::Parser;

use super::*;
use crate::testing::{Captured, eventually};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    auth: AuthArgs,
}

fn args(flags: &[&str], keys: &str) -> AuthArgs {
    let mut args = Command::parse_from([&["test"], flags].concat()).auth;
    args.plain_keys = if keys.is_empty() { PlainKeys::default() } else { keys.into() };
    args
}

fn authenticator(flags: &[&str], keys: &str) -> Arc<Authenticator> {
    Authenticator::from_args(&args(flags, keys), &Exporter::new()).unwrap()
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn line(name: &str, key: &str) -> String {
    let hex: String = digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} {hex}\n")
}

/// What one request is answered: the caller's name, or the error.
fn ask(auth: &Authenticator, pairs: &[(&'static str, &str)]) -> Result<String, AuthError> {
    auth.authenticate(&headers(pairs)).map(|caller| caller.name().to_string())
}

#[test]
fn a_key_is_read_from_either_header() {
    let auth = authenticator(&[], "a:alpha,b:beta");
    assert_eq!(ask(&auth, &[("x-api-key", "alpha")]).unwrap(), "a");
    assert_eq!(ask(&auth, &[("authorization", "Bearer beta")]).unwrap(), "b");
    assert_eq!(ask(&auth, &[("authorization", "bEARER  beta")]).unwrap(), "b");
}

#[test]
fn any_other_key_is_refused() {
    let auth = authenticator(&[], "a:alpha");
    assert_eq!(ask(&auth, &[]), Err(AuthError::Missing));
    assert_eq!(ask(&auth, &[("x-api-key", "alph")]), Err(AuthError::Invalid));
    assert_eq!(ask(&auth, &[("authorization", "Bearer beta")]), Err(AuthError::Invalid));
    for malformed in ["Basic YTpi", "Bearer", "Bearer ", "alpha", ""] {
        assert_eq!(ask(&auth, &[("authorization", malformed)]), Err(AuthError::Malformed));
    }
    let twice = [("x-api-key", "alpha"), ("x-api-key", "alpha")];
    assert_eq!(ask(&auth, &twice), Err(AuthError::Malformed));
    assert_eq!(ask(&auth, &[("x-api-key", "")]), Err(AuthError::Malformed));
}

#[test]
fn anonymous_callers_need_permission_and_a_wrong_key_stays_wrong() {
    let everyone = authenticator(&["--allow-anonymous"], "");
    assert_eq!(ask(&everyone, &[("x-api-key", "anything")]).unwrap(), "anonymous");
    let some = authenticator(&["--allow-anonymous"], "a:alpha");
    assert_eq!(ask(&some, &[]).unwrap(), "anonymous");
    assert_eq!(ask(&some, &[("x-api-key", "alpha")]).unwrap(), "a");
    assert_eq!(ask(&some, &[("x-api-key", "wrong")]), Err(AuthError::Invalid));
}

#[test]
fn no_key_at_all_is_an_error_that_says_what_to_do() {
    let error = Authenticator::from_args(&args(&[], ""), &Exporter::new()).unwrap_err();
    let text = error.to_string();
    for way in ["--api-keys-file FILE", "CANOPY_API_KEYS=NAME:KEY", "--allow-anonymous"] {
        assert!(text.contains(way), "{text}");
    }
    let flags = ["--api-keys-file", "/nowhere/keys.txt"];
    let error = Authenticator::from_args(&args(&flags, ""), &Exporter::new()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/keys.txt"), "{error}");
}

#[test]
fn a_key_s_own_rate_comes_before_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.txt");
    let text = [line("a", "alpha").trim_end(), " rate=5 burst=6\n", &line("b", "beta")].concat();
    fs::write(&file, text + line("c", "gamma").trim_end() + " rate=0\n").unwrap();
    let auth = authenticator(&["--api-keys-file", file.to_str().unwrap()], "");
    let rate = |key: &str| {
        let caller = auth.authenticate(&headers(&[("x-api-key", key)])).unwrap();
        caller.limiter().map(Limiter::rate)
    };
    assert_eq!(rate("alpha"), Rate::new(5, 6));
    assert_eq!(rate("beta"), Rate::new(100, 200));
    assert_eq!(rate("gamma"), None);
}

#[test]
fn nothing_prints_a_key_or_its_digest() {
    let args = args(&[], "a:alpha-secret");
    let auth = Authenticator::from_args(&args, &Exporter::new()).unwrap();
    let caller = auth.authenticate(&headers(&[("x-api-key", "alpha-secret")])).unwrap();
    let text = format!("{args:?} {auth:?} {caller:?}");
    assert!(text.contains("[redacted]"), "{text}");
    let digest = format!("{:?}", digest(b"alpha-secret"));
    assert!(!text.contains("alpha-secret") && !text.contains(digest.trim_matches(['[', ']'])));
}

#[test]
fn keys_cannot_be_given_on_the_command_line() {
    assert!(Command::try_parse_from(["test", "a:alpha"]).is_err());
    assert!(Command::try_parse_from(["test", "--plain-keys", "a:alpha"]).is_err());
}

#[test]
fn an_empty_file_is_no_configuration_to_start_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.txt");
    fs::write(&file, "\u{feff}# nobody yet\n\n").unwrap();
    let flags = ["--api-keys-file", file.to_str().unwrap()];
    let error = Authenticator::from_args(&args(&flags, ""), &Exporter::new()).unwrap_err();
    assert!(matches!(error, AuthConfigError::NoKeys), "{error}");
    let everyone = authenticator(&[&flags[..], &["--allow-anonymous"]].concat(), "");
    assert_eq!(ask(&everyone, &[]).unwrap(), "anonymous");
    assert_eq!(ask(&everyone, &[("x-api-key", "wrong")]), Err(AuthError::Invalid));
}

#[tokio::test]
async fn an_emptied_file_revokes_every_key_and_a_lost_one_none() {
    let (captured, _guard) = Captured::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.txt");
    fs::write(&file, line("a", "alpha")).unwrap();
    let auth = authenticator(&["--api-keys-file", file.to_str().unwrap()], "");
    let stop = CancellationToken::new();
    let watch = tokio::spawn(Arc::clone(&auth).watch(Duration::from_millis(1), stop.clone()));
    let n_lines = |level: &str| {
        let lines = captured.lines("service_kit::auth");
        lines.iter().filter(|line| line["level"] == level).count()
    };

    fs::remove_file(&file).unwrap();
    eventually(async || n_lines("ERROR") == 1).await;
    assert_eq!(ask(&auth, &[("x-api-key", "alpha")]).unwrap(), "a");
    let next = folder.path().join("next");
    fs::write(&next, "# all gone\n").unwrap();
    fs::rename(next, &file).unwrap();
    eventually(async || n_lines("WARN") == 1).await;
    assert_eq!(ask(&auth, &[("x-api-key", "alpha")]), Err(AuthError::Invalid));
    assert_eq!(ask(&auth, &[]), Err(AuthError::Missing));

    stop.cancel();
    watch.await.unwrap();
}

#[tokio::test]
async fn a_rotated_file_is_taken_over_and_a_broken_one_is_not() {
    let (captured, _guard) = Captured::start();
    let exporter = Exporter::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.txt");
    fs::write(&file, line("a", "alpha") + &line("b", "beta")).unwrap();
    let args = args(&["--api-keys-file", file.to_str().unwrap()], "demo:delta");
    let auth = Authenticator::from_args(&args, &exporter).unwrap();
    let caller = |key: &str| auth.authenticate(&headers(&[("x-api-key", key)]));
    let (kept, stop) = (caller("beta").unwrap(), CancellationToken::new());
    let watch = tokio::spawn(Arc::clone(&auth).watch(Duration::from_millis(1), stop.clone()));
    let reloads = |outcome: &str, n: u32| {
        let name = "canopy_api_keys_reloads_total";
        exporter.render().contains(&format!("{name}{{outcome=\"{outcome}\"}} {n}\n"))
    };
    assert!(reloads("ok", 0) && reloads("failed", 0));

    // As Kubernetes does it: the new content comes under another name, then takes the place.
    let swap = |text: &str| {
        let next = folder.path().join("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, &file).unwrap();
    };
    swap(&(line("b", "beta") + &line("c", "gamma")));
    eventually(async || reloads("ok", 1)).await;
    assert_eq!(caller("gamma").unwrap().name(), "c");
    assert_eq!(caller("delta").unwrap().name(), "demo");
    assert_eq!(caller("alpha").unwrap_err(), AuthError::Invalid);
    assert!(Arc::ptr_eq(&caller("beta").unwrap(), &kept), "an unchanged key keeps its bucket");

    swap("c not-a-digest\n");
    eventually(async || reloads("failed", 1)).await;
    assert_eq!(caller("gamma").unwrap().name(), "c");
    fs::remove_file(&file).unwrap();
    eventually(async || reloads("failed", 2)).await;
    assert_eq!(caller("gamma").unwrap().name(), "c");

    stop.cancel();
    watch.await.unwrap();
    let lines = captured.lines("service_kit::auth");
    let errors: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(errors.len(), 2, "each content is logged once");
    assert!(errors[0]["error"].as_str().unwrap().contains("keys.txt, line 1: expected"));
}
