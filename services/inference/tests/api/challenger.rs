//! A challenger: in shadow it changes no answer, as a canary it answers its share, and a wrong one is taken away.

use std::collections::BTreeSet;

use model::{Encoder, Forest, Node, Pipeline, Regressor};
use registry::{Action, CHALLENGER, CHAMPION, Draft, Mode, Move, Standing, Trial};
use schema::Signature;
use serde_json::{Value, json};
use testkit::{TESTS, TempRegistry, draft};

use crate::helpers::{TestApp, answer, eventually, row};

const FLAGS: [&str; 2] = ["--allow-anonymous", "--rate-limit=0"];

/// A tenth of a standard deviation beside the champion for [`row`]: 200.1.
const NEAR: f64 = 100.05;
/// 1800 standard deviations beside it: 2000.
const WRONG: f64 = 1000.0;

fn model() -> registry::ModelName {
    "diamonds".parse().expect("a valid name")
}

/// Puts a version under the alias, tried in this way.
async fn challenge(temp: &TempRegistry, version: u64, trial: Trial) {
    let wanted = Move { trial, ..Move::new(Action::TrialSet, CHALLENGER, Some(version)) };
    temp.registry.move_alias(&model(), &wanted, TESTS).await.expect("the alias is moved");
}

fn canary(percent: f64) -> Trial {
    Trial { mode: Some(Mode::Canary), percent: Some(percent) }
}

/// Serves version 1 with version 2 as its challenger.
async fn spawn(base: f64, trial: Trial, flags: &[&str]) -> TestApp {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("diamonds", base)).await;
    challenge(&temp, 2, trial).await;
    let app = TestApp::over(temp, &[&FLAGS, flags].concat()).await;
    app.eventually_ready(1).await;
    app
}

async fn version_for(app: &TestApp, session: &str) -> u64 {
    let request = app.post("/predict").header("x-canopy-session", session);
    let (status, body) = answer(request.json(&json!({"features": row()}))).await;
    assert_eq!(status, 200, "{body}");
    let version = body["version"].as_u64().expect("a version");
    let expected = [Value::Null, json!(200.0), json!(200.1)];
    assert_eq!(body["prediction"], expected[usize::try_from(version).expect("1 or 2")]);
    version
}

async fn canary_s_sessions(app: &TestApp, n_sessions: usize) -> BTreeSet<usize> {
    let mut sessions = BTreeSet::new();
    for session in 0..n_sessions {
        if version_for(app, &format!("s-{session}")).await == 2 {
            sessions.insert(session);
        }
    }
    sessions
}

fn requests(outcome: &str) -> String {
    format!(
        r#"canopy_challenger_requests_total{{model="diamonds",version="2",outcome="{outcome}"}}"#
    )
}

#[tokio::test]
async fn a_shadow_changes_no_answer_and_is_compared() {
    let app = spawn(NEAR, Trial::default(), &[]).await;
    app.eventually_challenger(2, "shadow").await;
    for n in 1..=20 {
        let (status, body) = app.predict(&json!({"instances": [row(), row()]})).await;
        assert_eq!((status, &body["version"]), (200, &json!(1)));
        assert_eq!(body["predictions"], json!([200.0, 200.0]));
        // One at a time, as otherwise a full queue may drop one.
        eventually("it is compared", async || app.series(&requests("ok")).await == f64::from(n))
            .await;
    }
    let labels = r#"model="diamonds",version="2""#;
    let count = format!("canopy_challenger_divergence_count{{{labels}}}");
    assert_eq!(app.series(&count).await, 40.0, "each row");
    for stat in ["mean", "p50", "p90", "p99"] {
        let gauge = format!(r#"canopy_challenger_divergence_window{{{labels},stat="{stat}"}}"#);
        eventually("it is shown", async || (app.series(&gauge).await - 0.1).abs() < 1e-9).await;
    }
    for role in ["champion", "challenger"] {
        let count =
            format!(r#"canopy_challenger_duration_seconds_count{{{labels},role="{role}"}}"#);
        assert_eq!(app.series(&count).await, 20.0);
    }
    let info = |mode: &str| format!(r#"canopy_challenger_info{{{labels},mode="{mode}"}}"#);
    assert_eq!(app.series(&info("shadow")).await, 1.0);
    assert_eq!(app.series(&info("canary")).await, 0.0);
    assert_eq!(app.series(r#"canopy_challenger_percent{model="diamonds"}"#).await, 0.0);
    let answered = r#"canopy_predictions_total{model="diamonds",version="2"}"#;
    assert_eq!(app.series(answered).await, 0.0, "it answered nothing");
    let state = app.state(0).await["challenger"].clone();
    assert_eq!((&state["n_compared"], &state["error_ratio"]), (&json!(20), &json!(0.0)));

    let large = json!({"instances": vec![json!([0.5, "Ideal", 3]); 20_000]});
    assert_eq!(app.predict(&large).await.0, 200);
    let dropped = r#"canopy_challenger_dropped_total{model="diamonds",reason="body_too_large"}"#;
    assert_eq!(app.series(dropped).await, 1.0);
}

#[tokio::test]
async fn a_canary_answers_about_its_share_and_sticks_to_sessions() {
    let app = spawn(NEAR, Trial::default(), &["--challenger=canary", "--canary-percent=10"]).await;
    app.eventually_challenger(2, "canary").await;
    let sessions = canary_s_sessions(&app, 2_000).await;
    // A share of 10 % of 2,000 has a standard deviation of 13.
    assert!((130..=270).contains(&sessions.len()), "{} of 2000 sessions", sessions.len());
    for session in 0..50 {
        let version = version_for(&app, &format!("s-{session}")).await;
        assert_eq!(version == 2, sessions.contains(&session), "session {session} moved");
    }
    let answered = r#"canopy_predictions_total{model="diamonds",version="2"}"#;
    assert!(app.series(answered).await >= sessions.len() as f64);
    assert_eq!(app.series(r#"canopy_challenger_percent{model="diamonds"}"#).await, 10.0);
}

#[tokio::test]
async fn mode_and_share_change_without_a_restart_and_sessions_stay() {
    let app = spawn(NEAR, Trial::default(), &[]).await;
    app.eventually_challenger(2, "shadow").await;
    assert!(canary_s_sessions(&app, 100).await.is_empty());

    let percent = r#"canopy_challenger_percent{model="diamonds"}"#;
    let set = async |trial: Trial, expected: f64| {
        challenge(&app.temp, 2, trial).await;
        eventually("the share is set", async || app.series(percent).await == expected).await;
    };
    set(canary(20.0), 20.0).await;
    let few = canary_s_sessions(&app, 200).await;
    set(canary(60.0), 60.0).await;
    let many = canary_s_sessions(&app, 200).await;
    assert!(!few.is_empty() && few.len() < many.len());
    assert!(few.is_subset(&many), "who was in stays in");
    set(canary(100.0), 100.0).await;
    assert_eq!(canary_s_sessions(&app, 50).await.len(), 50);
    let loaded = r#"canopy_model_loads_total{model="diamonds",outcome="loaded"}"#;
    assert_eq!(app.series(loaded).await, 2.0, "neither was loaded again");
    set(Trial { mode: Some(Mode::Shadow), percent: None }, 0.0).await;
    assert!(canary_s_sessions(&app, 50).await.is_empty());

    let stop = Move::new(Action::TrialStopped, CHALLENGER, None);
    app.temp.registry.move_alias(&model(), &stop, TESTS).await.expect("the alias is moved");
    eventually("it is gone", async || app.state(0).await["challenger"].is_null()).await;
}

#[tokio::test]
async fn one_that_is_promoted_ends_its_trial() {
    let app = spawn(NEAR, canary(100.0), &[]).await;
    app.eventually_challenger(2, "canary").await;
    app.temp.set_alias(&model(), CHAMPION, 2).await;
    app.eventually_ready(2).await;
    eventually("the trial has ended", async || app.state(0).await["challenger"].is_null()).await;
    assert_eq!(app.series(r#"canopy_challenger_percent{model="diamonds"}"#).await, 0.0);
    assert_eq!(version_for(&app, "any").await, 2);
}

#[tokio::test]
async fn off_means_that_no_challenger_is_loaded() {
    let app = spawn(NEAR, canary(100.0), &["--challenger=off"]).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(version_for(&app, "any").await, 1);
    assert!(app.state(0).await["challenger"].is_null());
}

/// A version that takes no missing grade, which the champion does.
async fn spawn_with_a_strict_canary(flags: &[&str]) -> TestApp {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    let mut strict = draft("diamonds", NEAR);
    let mut features = strict.signature.features().to_vec();
    features[2].nullable = false;
    let target = strict.signature.target().clone();
    strict.signature = Signature::new(features, target).expect("a valid signature");
    temp.publish(strict).await;
    challenge(&temp, 2, canary(100.0)).await;
    let app = TestApp::over(temp, &[&FLAGS, flags].concat()).await;
    app.eventually_challenger(2, "canary").await;
    app
}

#[tokio::test]
async fn the_champion_answers_what_the_canary_cannot() {
    let app = spawn_with_a_strict_canary(&[]).await;
    let mut ungraded = row();
    ungraded["grade"] = Value::Null;
    // One row that the canary refuses: the champion answers all of them, never a mixture.
    let (status, body) = app.predict(&json!({"instances": [row(), ungraded]})).await;
    assert_eq!((status, &body["version"]), (200, &json!(1)), "{body}");
    assert_eq!(body["predictions"], json!([200.0, 200.0]));
    assert_eq!(app.series(&requests("refused")).await, 1.0);
    assert_eq!(app.predict(&json!({"features": row()})).await.1["version"], 2);

    // What both refuse is the caller's fault, and the champion says so.
    let (status, problem) = app.predict(&json!({"features": {"carat": 1}})).await;
    assert_eq!((status, &problem["code"]), (422, &json!("missing_feature")));
    assert_eq!(app.series(&requests("refused")).await, 1.0);
    let ratio = r#"canopy_challenger_error_ratio{model="diamonds",version="2"}"#;
    eventually("one of two failed", async || app.series(ratio).await == 0.5).await;
}

#[tokio::test]
async fn a_canary_that_cannot_answer_is_vetoed_at_the_request_that_makes_it_so() {
    let app = spawn_with_a_strict_canary(&["--veto-min-requests=10"]).await;
    let mut ungraded = row();
    ungraded["grade"] = Value::Null;
    for _ in 0..10 {
        let (status, body) = app.predict(&json!({"features": ungraded})).await;
        assert_eq!((status, &body["version"]), (200, &json!(1)));
    }
    // No comparison had to come first: the very next request is the champion's.
    assert_eq!(app.predict(&json!({"features": row()})).await.1["version"], 1);
    let vetoes = r#"canopy_challenger_vetoes_total{model="diamonds",version="2",reason="errors"}"#;
    assert_eq!(app.series(vetoes).await, 1.0);
}

#[tokio::test]
async fn a_canary_takes_no_values_by_place_that_are_another_feature_s() {
    let by_place = json!({"instances": [[0.5, "Ideal", 3]]});
    let app = spawn(NEAR, canary(100.0), &[]).await;
    app.eventually_challenger(2, "canary").await;
    assert_eq!(app.predict(&by_place).await.1["version"], 2, "the columns are the champion's");

    // The same number of columns of the same types, the first of which means something else.
    let mut renamed = draft("diamonds", NEAR);
    let mut features = renamed.signature.features().to_vec();
    features[0].name = "depth".to_owned();
    let target = renamed.signature.target().clone();
    renamed.signature = Signature::new(features, target).expect("a valid signature");
    renamed.baseline.features[0].name = "depth".to_owned();
    for instance in &mut renamed.golden.instances {
        let carat = instance.remove("carat").expect("every row has one");
        instance.insert("depth".to_owned(), carat);
    }
    let third = app.temp.publish(renamed).await;
    challenge(&app.temp, third, canary(100.0)).await;
    app.eventually_challenger(third, "canary").await;
    let (status, body) = app.predict(&by_place).await;
    assert_eq!((status, &body["version"]), (200, &json!(1)), "{body}");
    let refused = requests("refused").replace(r#""2""#, r#""3""#);
    assert_eq!(app.series(&refused).await, 1.0);
}

/// A version with the predictions of [`draft`], for which it takes a thousand times as many steps.
fn slow_draft() -> Draft {
    const N_TREES: usize = 50_000;
    let signature = testkit::signature();
    let encoder = Encoder::new(&signature, vec![1.0, 1.0, 5.0], vec![0, 0, 0]).expect("it fits");
    let stump = |base: f64| {
        let split = Node { value: 1.0, feature: 0, left: 1 };
        vec![split, Node::leaf(base), Node::leaf(base)]
    };
    let forest = Forest::new((0..N_TREES).map(|_| stump(200.0)), 3).expect("stumps");
    let pipeline = Pipeline::new(encoder, Regressor::Forest(forest)).expect("as many columns");
    let mut draft = draft("diamonds", NEAR);
    draft.weights = pipeline.to_safetensors();
    draft.golden.predictions.fill(200.0);
    draft
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_never_answers_in_time_is_vetoed() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(slow_draft()).await;
    challenge(&temp, 2, canary(100.0)).await;
    let flags = ["--request-timeout=100ms", "--veto-min-requests=3", "--veto-divergence=none"];
    let app = TestApp::over(temp, &[&FLAGS[..], &flags].concat()).await;
    app.eventually_challenger(2, "canary").await;
    let rows = json!({"instances": vec![json!([0.5, "Ideal", 3]); 10_000]});
    assert_eq!(app.predict(&rows).await.0, 504, "half a billion steps");
    eventually("it is vetoed and the champion answers", async || {
        let (status, body) = app.predict(&rows).await;
        status == 200 && body["version"] == 1
    })
    .await;
    let vetoes = r#"canopy_challenger_vetoes_total{model="diamonds",version="2",reason="latency"}"#;
    assert_eq!(app.series(vetoes).await, 1.0);
}

#[tokio::test]
async fn a_wrong_challenger_is_vetoed_within_the_stated_number_of_requests() {
    let app = spawn(WRONG, canary(50.0), &["--veto-min-requests=30"]).await;
    app.eventually_challenger(2, "canary").await;
    let mut n_requests = 0;
    while app.state(0).await["challenger"]["state"] == "canary" {
        assert_eq!(app.predict(&json!({"features": row()})).await.0, 200);
        n_requests += 1;
        let ok = f64::from(n_requests);
        eventually("it is compared", async || app.series(&requests("ok")).await == ok).await;
        if n_requests == 30 {
            break;
        }
    }
    assert_eq!(n_requests, 30, "it was judged neither earlier nor later");
    app.eventually_challenger(2, "vetoed").await;
    let state = app.state(0).await["challenger"].clone();
    assert_eq!(state["reason"], "divergence 1800.000 above 0.5 over 30 requests");
    let vetoes =
        r#"canopy_challenger_vetoes_total{model="diamonds",version="2",reason="divergence"}"#;
    assert_eq!(app.series(vetoes).await, 1.0);
    for _ in 0..20 {
        assert_eq!(app.predict(&json!({"features": row()})).await.1["version"], 1);
    }

    eventually("the alias is taken away", async || {
        app.temp.registry.alias(&model(), CHALLENGER).await.expect("readable").is_none()
    })
    .await;
    let (ledger, fault) = app.temp.registry.check_ledger(&model()).await.expect("readable");
    assert_eq!(fault, None);
    let entry = ledger.last_move(CHALLENGER).expect("an entry");
    assert_eq!((entry.action, entry.from, entry.to), (Action::Vetoed, Some(2), None));
    assert_eq!(entry.reason, state["reason"].as_str().map(str::to_owned));
    assert!(entry.by.starts_with("canopy-inference@"), "{}", entry.by);

    // Set again, it gets a trial of its own.
    challenge(&app.temp, 2, canary(50.0)).await;
    app.eventually_challenger(2, "canary").await;
}

#[tokio::test]
async fn the_veto_holds_where_the_registry_cannot_be_written_to() {
    let app = spawn(WRONG, canary(100.0), &["--veto-min-requests=1"]).await;
    app.eventually_challenger(2, "canary").await;
    // A file instead of the folder: root, who runs tests, may write everywhere else.
    let ledger = format!("{}/diamonds/ledger", app.temp.location());
    let (kept, lock) =
        (format!("{ledger}-kept"), format!("{}/diamonds/.lock", app.temp.location()));
    std::fs::rename(&ledger, &kept).expect("moved");
    std::fs::write(&ledger, "").expect("written");
    // And a folder instead of the lock, as a lock cannot be taken on a volume that is read-only.
    std::fs::remove_file(&lock).expect("it was taken before");
    std::fs::create_dir(&lock).expect("made");

    app.predict(&json!({"features": row()})).await;
    app.eventually_challenger(2, "vetoed").await;
    for _ in 0..10 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert_eq!(app.predict(&json!({"features": row()})).await.1["version"], 1);
    }
    let standing = app.temp.registry.standing(&model(), CHALLENGER).await.expect("readable");
    assert_eq!(standing.and_then(|standing| standing.version), Some(2), "the alias stays");

    // Whoever sets it again means it.
    std::fs::remove_dir(&lock).expect("removed");
    std::fs::remove_file(&ledger).expect("removed");
    std::fs::rename(&kept, &ledger).expect("moved back");
    challenge(&app.temp, 2, canary(100.0)).await;
    app.eventually_challenger(2, "canary").await;
}

#[tokio::test]
async fn a_new_champion_begins_the_trial_anew() {
    let app = spawn(NEAR, Trial::default(), &[]).await;
    app.eventually_challenger(2, "shadow").await;
    app.predict(&json!({"features": row()})).await;
    eventually("it is compared", async || app.state(0).await["challenger"]["n_compared"] == 1)
        .await;
    let third = app.temp.publish(draft("diamonds", 100.1)).await;
    app.temp.set_alias(&model(), CHAMPION, third).await;
    app.eventually_ready(third).await;
    eventually("nothing is compared yet", async || {
        app.state(0).await["challenger"]["n_compared"] == 0
    })
    .await;
}

#[tokio::test]
async fn a_challenger_that_fails_its_checks_harms_nobody() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("diamonds", NEAR)).await;
    std::fs::write(temp.file("diamonds", 2, "weights.safetensors"), b"short").expect("written");
    challenge(&temp, 2, canary(100.0)).await;
    let app = TestApp::over(temp, &FLAGS).await;
    app.eventually_ready(1).await;
    app.eventually_challenger(2, "refused").await;
    let reason = app.state(0).await["challenger"]["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| reason.contains("5 bytes long")), "{reason}");
    let refused = r#"canopy_model_loads_total{model="diamonds",outcome="refused"}"#;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(app.series(refused).await, 1.0, "it is not tried again at once");
    assert_eq!(version_for(&app, "any").await, 1);
    app.eventually_ready(1).await;
}

#[tokio::test]
async fn an_alias_written_by_hand_is_followed() {
    let app = spawn(NEAR, Trial::default(), &["--challenger=canary"]).await;
    let alias = format!("{}/diamonds/aliases/{CHALLENGER}.json", app.temp.location());
    let standing = Standing { version: Some(2), trial: canary(100.0), ..Standing::default() };
    let json = serde_json::to_string(&standing).expect("JSON");
    std::fs::write(&alias, json).expect("written");
    let percent = r#"canopy_challenger_percent{model="diamonds"}"#;
    eventually("it is followed", async || app.series(percent).await == 100.0).await;
    assert_eq!(version_for(&app, "any").await, 2);
    // One that says nothing changes nothing, nor does one that asks for a share that is none.
    let absurd = Standing { trial: canary(-1.0), ..standing };
    let absurd = serde_json::to_string(&absurd).expect("JSON");
    for text in ["half", &absurd] {
        std::fs::write(&alias, text).expect("written");
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        assert_eq!(app.series(percent).await, 100.0);
        assert_eq!(version_for(&app, "any").await, 2);
    }
}

#[tokio::test]
async fn a_wrong_one_that_was_set_by_hand_is_vetoed_once() {
    let app = spawn(WRONG, Trial::default(), &["--veto-min-requests=1"]).await;
    app.eventually_challenger(2, "shadow").await;
    let alias = format!("{}/diamonds/aliases/{CHALLENGER}.json", app.temp.location());
    let by_hand = r#"{"version": 2, "mode": "canary", "percent": 100}"#;
    std::fs::write(&alias, by_hand).expect("written");
    app.eventually_challenger(2, "canary").await;
    let vetoes =
        r#"canopy_challenger_vetoes_total{model="diamonds",version="2",reason="divergence"}"#;
    assert_eq!(app.predict(&json!({"features": row()})).await.1["version"], 2);
    eventually("it is vetoed", async || app.series(vetoes).await == 1.0).await;
    eventually("the alias is taken away", async || {
        assert_eq!(app.predict(&json!({"features": row()})).await.1["version"], 1);
        app.temp.registry.alias(&model(), CHALLENGER).await.expect("readable").is_none()
    })
    .await;
    assert_eq!(app.series(vetoes).await, 1.0, "there was no second trial");
}
