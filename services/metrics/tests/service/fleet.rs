//! Replicas that are killed, that hang, that answer garbage: the numbers stay right, and the state says which.

use serde_json::json;
use testkit::{TempRegistry, draft};

use crate::helpers::{Fake, Service, eventually};
use crate::replica::{Replica, entry};

/// What is wrong.
fn codes(state: &serde_json::Value) -> Vec<String> {
    let problems = state["problems"].as_array().unwrap().iter();
    problems.map(|problem| problem["code"].as_str().unwrap().to_owned()).collect()
}

async fn registry() -> TempRegistry {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_drains_is_not_ready_and_counts_to_its_end() {
    let temp = registry().await;
    let replica = Replica::start(&temp).await;
    let service = Service::start(&[replica.url()], temp.location()).await;
    replica.signal("-TERM");
    replica.predict(5).await.expect("it answers while it drains");
    let state = service
        .eventually("it drains", |state| {
            state["fleet"]["not_ready"] == 1 && state["versions"][0]["rows"] == 5
        })
        .await;
    assert_eq!(entry(&state, &replica.url())["reason"], "draining");
}

/// When a process starts that nobody has seen yet: in the year 2096.
const LATER: u64 = 4_000_000_000;

/// What a replica says that started then and has answered so many rows.
fn said(start: u64, rows: u64) -> String {
    format!(
        "canopy_process_start_time_seconds {start}\n\
         canopy_predictions_total{{model=\"diamonds\",version=\"1\"}} {rows}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_killed_one_hanging_and_one_with_garbage_are_named_and_cost_no_count() {
    let temp = registry().await;
    let fine = Replica::start(&temp).await;
    let mut killed = Replica::start(&temp).await;
    let hanging = Replica::start(&temp).await;
    let garbage = Fake::start("canopy_up 1\n<html>502 Bad Gateway</html>\n").await;
    let targets = [fine.url(), killed.url(), hanging.url(), garbage.url.clone()];
    let service = Service::start(&targets, temp.location()).await;
    for (replica, n_requests) in [(&fine, 5), (&killed, 3), (&hanging, 2)] {
        for _ in 0..n_requests {
            replica.predict(10).await.expect("it answers");
        }
        replica.predict_badly().await;
    }
    let is_counted = |state: &serde_json::Value| state["versions"][0]["rows"] == 100;
    let state = service.eventually("100 rows are counted", is_counted).await;
    assert_eq!(state["fleet"]["ready"], 3);
    assert_eq!(state["fleet"]["invalid"], 1);
    assert_eq!(state["model"], "diamonds");
    assert_eq!(state["versions"][0]["version"], 1);
    let invalid = entry(&state, &garbage.url);
    assert_eq!(invalid["state"], "invalid");
    assert!(invalid["reason"].as_str().unwrap().contains("line 2"), "{invalid}");
    assert_eq!(codes(&state), ["replica_invalid"], "{:#}", state["problems"]);

    killed.kill();
    hanging.signal("-STOP");
    fine.predict(7).await.expect("it answers");
    let state = service
        .eventually("two are away and one answers", |state| {
            state["fleet"]["unreachable"] == 2 && state["versions"][0]["rows"] == 107
        })
        .await;
    assert_eq!(state["fleet"]["ready"], 1);
    assert_eq!(entry(&state, &fine.url())["state"], "ready");
    assert_eq!(entry(&state, &killed.url())["state"], "unreachable");
    let reason = entry(&state, &hanging.url())["reason"].clone();
    assert_eq!(reason, "no answer within 500 ms");

    hanging.signal("-CONT");
    hanging.predict(1).await.expect("it goes on");
    let killed = killed.start_anew().await;
    killed.predict(2).await.expect("another process answers");
    garbage.say("canopy_model_info{model=\"diamonds\",version=\"1\",estimator=\"x\"} 1\n");
    let state = service
        .eventually("all are back, and what they did is added", |state| {
            state["fleet"]["ready"] == 4 && state["versions"][0]["rows"] == 110
        })
        .await;
    assert_eq!(state["fleet"]["version_skew"], false);
    assert!(codes(&state).is_empty(), "{:#}", state["problems"]);
    // 5 + 3 + 2 requests of ten rows, three refused, and three single ones since.
    let requests = crate::series::sum_of(&service, "traffic").await;
    assert_eq!(requests, json!({"answered": 13, "refused": 3, "failed": 0}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_starts_anew_between_two_looks_is_counted_from_0() {
    let temp = registry().await;
    let fake = Fake::start(&said(LATER, 50)).await;
    let service = Service::start(std::slice::from_ref(&fake.url), temp.location()).await;
    let rows = async |n: u64| {
        service.eventually("the rows are counted", |s| s["versions"][0]["rows"] == n).await
    };
    rows(50).await;
    // Another process, which has done more than the one before: only its start tells.
    fake.say(&said(LATER + 1000, 60));
    rows(110).await;
    // The same process, as far as anybody can tell, with less than before.
    fake.say(&said(LATER + 1000, 7));
    rows(117).await;
    fake.say(&said(LATER + 1000, 9));
    rows(119).await;
}

/// What a replica says whose champion is this version, and that has answered so many rows, each by its own request.
fn answering(champion: u64, rows: u64) -> String {
    format!(
        "{}canopy_model_info{{model=\"diamonds\",version=\"{champion}\",estimator=\"x\"}} 1\n\
         http_requests_total{{route=\"/predict\",method=\"POST\",status=\"200\"}} {rows}\n",
        said(LATER, rows)
    )
}

/// Does something to the database as another process.
fn change(data: &tempfile::TempDir, sql: &str) {
    let connection = rusqlite::Connection::open(data.path().join("metrics.sqlite"));
    connection.expect("the database").execute_batch(sql).expect(sql);
}

/// A service that has stored one replica is started anew over a database that this breaks, and that mends.
async fn is_heard_and_counted_once(breaks: &str, mends: &str) {
    let temp = registry().await;
    let known = Fake::start(&answering(1, 50)).await;
    let new = Fake::start(&answering(1, 30)).await;
    let service = Service::start(std::slice::from_ref(&known.url), temp.location()).await;
    let is_counted = |n: u64| move |s: &serde_json::Value| s["versions"][0]["rows"] == n;
    service.eventually("the rows are counted", is_counted(50)).await;
    let data = service.kill();
    change(&data, breaks);

    known.say(&answering(1, 70));
    let targets = [known.url.clone(), new.url.clone()];
    let service =
        Service::start_with(&targets, temp.location(), data, &["--allow-anonymous"]).await;
    let state = service.eventually("both are heard", |state| state["fleet"]["ready"] == 2).await;
    for url in &targets {
        let entry = entry(&state, url);
        assert_eq!((&entry["version"], &entry["reason"]), (&json!(1), &json!(null)), "{entry}");
        assert!(entry["requests_per_second"].as_f64() > Some(0.0), "{entry}");
    }
    assert!(codes(&state).contains(&"store_failed".to_owned()), "{:#}", state["problems"]);
    assert_eq!(state["versions"][0]["rows"], 50, "nothing more is stored");
    known.say(&answering(2, 90));
    service
        .eventually("another champion is heard of", |s| entry(s, &known.url)["version"] == 2)
        .await;
    assert_eq!(entry(&service.state().await, &new.url)["version"], 1);

    change(&service.data, mends);
    let is_sum = |s: &serde_json::Value| {
        let versions = s["versions"].as_array().expect("versions").iter();
        versions.map(|version| version["rows"].as_u64().expect("a count")).sum::<u64>() == 120
    };
    service.eventually("90 and 30 rows are counted", is_sum).await;
    // Another round or two add nothing.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let state = service.state().await;
    assert!(is_sum(&state), "{:#}", state["versions"]);
    assert!(!codes(&state).contains(&"store_failed".to_owned()), "{:#}", state["problems"]);
    let requests = crate::series::sum_of(&service, "traffic").await;
    assert_eq!(requests, json!({"answered": 120, "refused": 0, "failed": 0}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_hides_no_replica_and_loses_no_count() {
    let full = "CREATE TRIGGER full BEFORE INSERT ON rounds
                BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    is_heard_and_counted_once(full, "DROP TRIGGER full").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_read_hides_no_replica_and_loses_no_count() {
    let (away, back) =
        ("ALTER TABLE replicas RENAME TO away", "ALTER TABLE away RENAME TO replicas");
    is_heard_and_counted_once(away, back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_makes_no_other_process() {
    let temp = registry().await;
    let fake = Fake::start(&said(1_000_000, 50)).await;
    let service = Service::start(std::slice::from_ref(&fake.url), temp.location()).await;
    for (start, n_rows) in [(1_000_001, 51), (1_000_000, 52), (1_003_600, 53)] {
        fake.say(&said(start, n_rows));
        let is_counted = |s: &serde_json::Value| s["versions"][0]["rows"] == n_rows;
        service.eventually("the rows are counted", is_counted).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_several_servers_is_named_and_not_counted() {
    let temp = registry().await;
    let fake = Fake::start(&said(1_000_000, 50)).await;
    let service = Service::start(std::slice::from_ref(&fake.url), temp.location()).await;
    let rows = async |n: u64| {
        service.eventually("the rows are counted", |s| s["versions"][0]["rows"] == n).await
    };
    rows(50).await;
    fake.say(&said(1_000_500, 20));
    rows(70).await;
    fake.say(&said(1_000_000, 51));
    let is_invalid = |state: &serde_json::Value| state["fleet"]["invalid"] == 1;
    let state = service.eventually("the address is refused", is_invalid).await;
    let reason = state["fleet"]["replicas"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("several servers") && reason.contains("dns+http://"), "{reason}");
    assert_eq!(state["versions"][0]["rows"], 70);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_to_ask_is_said_with_what_to_do() {
    let temp = registry().await;
    let targets = ["http://127.0.0.1:1".to_owned(), "dns+http://nobody.invalid:8000".to_owned()];
    let service = Service::start(&targets, temp.location()).await;
    let state = service.state().await;
    let problems = state["problems"].as_array().unwrap();
    let of = |code: &str| problems.iter().find(|problem| problem["code"] == code).unwrap();
    assert!(of("target_not_found")["text"].as_str().unwrap().contains("nobody.invalid"));
    assert!(of("no_replica_reachable")["action"].as_str().unwrap().contains("--targets"));
    assert_eq!(state["fleet"]["unreachable"], 1);
    assert_eq!(state["model"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_is_said_and_what_was_read_stays() {
    let temp = registry().await;
    let replica = Replica::start(&temp).await;
    let elsewhere = crate::helpers::folder();
    let place = elsewhere.path().join("models");
    let location = place.to_str().unwrap().to_owned();
    let service = Service::start(&[replica.url()], &location).await;
    replica.predict(1).await.expect("it answers");
    let is_said =
        |state: &serde_json::Value| codes(state).contains(&"registry_unreadable".to_owned());
    let state = service.eventually("the registry is away", is_said).await;
    assert!(state["problems"][0]["action"].as_str().unwrap().contains("--registry"));
    assert_eq!(state["drift"], serde_json::Value::Null);
    std::os::unix::fs::symlink(temp.location(), &place).expect("a link");
    let state = service
        .eventually("it is read", |state| state["versions"][0]["training"]["rmse"] == 1.0)
        .await;
    assert!(codes(&state).is_empty(), "{:#}", state["problems"]);
    std::fs::remove_file(&place).expect("removed");
    let state = service.eventually("it is away again", is_said).await;
    assert_eq!(state["versions"][0]["training"]["rmse"], 1.0, "what was read stays");
    eventually("the series says so", async || {
        service.metrics().await.contains("\ncanopy_registry_readable 0\n").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_alias_or_ledger_is_named_and_the_other_models_are_read() {
    let temp = registry().await;
    temp.publish(draft("zircons", 100.0)).await;
    let replica = Replica::start(&temp).await;
    let file = |name: &str| std::path::Path::new(temp.location()).join(name);
    let damaged = [file("zircons/aliases/champion.json"), file("zircons/ledger/00000001.json")];
    let whole = damaged.each_ref().map(|file| std::fs::read(file).expect("it is there"));
    for file in &damaged {
        std::fs::write(file, "{").expect("written");
    }
    let flags = ["--allow-anonymous", "--model=diamonds,zircons"];
    let data = std::sync::Arc::new(crate::helpers::folder());
    let service = Service::start_with(&[replica.url()], temp.location(), data, &flags).await;
    let is_read = |state: &serde_json::Value| state["versions"][0]["training"]["rmse"] == 1.0;
    let state = service.eventually("the model beside it is read", is_read).await;
    assert_eq!(codes(&state), ["alias_unreadable", "ledger_damaged"], "{:#}", state["problems"]);
    for (problem, file) in [(0, "aliases/champion.json"), (1, "entry 1")] {
        let text = state["problems"][problem]["text"].as_str().unwrap();
        assert!(text.contains("zircons") && text.contains(file), "{text}");
    }
    assert!(service.metrics().await.contains("\ncanopy_registry_readable 1\n"));

    for (file, content) in damaged.iter().zip(whole) {
        std::fs::write(file, content).expect("written");
    }
    service.eventually("all is well", |state| codes(state).is_empty()).await;
    let champion = file("diamonds/aliases/champion.json");
    std::fs::write(champion, "{").expect("written");
    let is_said = |state: &serde_json::Value| codes(state).contains(&"alias_unreadable".to_owned());
    let state = service.eventually("the other one is damaged", is_said).await;
    assert_eq!(state["versions"][0]["role"], "champion", "what it named stays");
    assert!(is_read(&state), "{:#}", state["versions"]);
}
