//! Predictions paired with what turned out to be true, whatever way both come.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{TempRegistry, draft};

use crate::helpers::{Service, folder, keys_file};

/// Nobody listens there: only what is sent counts.
const NOBODY: &str = "http://127.0.0.1:1";
const OPEN: [&str; 2] = ["--allow-anonymous", "--model=diamonds"];

async fn registry() -> TempRegistry {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp
}

async fn start(temp: &TempRegistry, data: Arc<tempfile::TempDir>) -> Service {
    Service::start_with(&[NOBODY.to_owned()], temp.location(), data, &OPEN).await
}

fn prediction(idx: usize) -> f64 {
    100.0 + (idx % 17) as f64
}

fn truth(idx: usize) -> f64 {
    prediction(idx) + ((idx * 7) % 11) as f64 - 4.0
}

/// As an inference server sends them: a request each, for these places.
fn events(places: impl Iterator<Item = usize>) -> Value {
    #[expect(clippy::disallowed_methods, reason = "events are of now")]
    let now = humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string();
    let event = |idx| {
        json!({"request_id": format!("r-{idx}"), "row": 0, "time": now, "values": [0.9, "Ideal", 3],
               "prediction": prediction(idx)})
    };
    json!({"replica": "a", "started_at": now, "model": "diamonds", "version": 1,
           "features": ["carat", "cut", "grade"], "events": places.map(event).collect::<Vec<_>>()})
}

fn actuals(places: impl Iterator<Item = usize>) -> Value {
    let actual = |idx| json!({"request_id": format!("r-{idx}"), "actual": truth(idx)});
    json!({"actuals": places.map(actual).collect::<Vec<_>>()})
}

async fn post(service: &Service, path: &str, body: &Value) -> (u16, Value) {
    let answer = service.client.post(service.at(path)).json(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

fn counts(accepted: u64, duplicates: u64, corrected: u64, unmatched: u64) -> Value {
    json!({"accepted": accepted, "duplicates": duplicates, "corrected": corrected, "unmatched": unmatched})
}

fn pairs(state: &Value) -> u64 {
    state["quality"]["pairs"].as_u64().unwrap_or(0)
}

fn near(found: &Value, expected: f64) {
    let found = found.as_f64().expect("a number");
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn actuals_pair_in_any_order_late_twice_and_corrected() {
    let temp = registry().await;
    let service = start(&temp, Arc::new(folder())).await;

    // Some come before their predictions, backwards.
    let early = actuals((0..100).rev());
    assert_eq!(post(&service, "/actuals", &early).await, (200, counts(100, 0, 0, 100)));
    let taken = json!({"accepted": 200, "duplicates": 0, "expired": 0});
    assert_eq!(post(&service, "/events", &events(0..200)).await, (202, taken));
    // A batch whose answer was lost comes again.
    let again = json!({"accepted": 0, "duplicates": 200, "expired": 0});
    assert_eq!(post(&service, "/events", &events(0..200)).await, (202, again));
    service.eventually("the early ones are paired", |state| pairs(state) == 100).await;

    // Late ones, some for the second time, one for a request that nobody made; as CSV.
    let csv = (50..150).map(|idx| format!("r-{idx},{}\n", truth(idx))).collect::<String>();
    let csv = format!("request_id,actual\n{csv}of-nobody,1.0\n");
    let request = service.client.post(service.at("/actuals")).header("content-type", "text/csv");
    let answer = request.body(csv).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.unwrap(), counts(51, 50, 0, 1));
    let wrong = json!({"actuals": [{"request_id": "r-150", "row": 0, "actual": 1e6}]});
    assert_eq!(post(&service, "/actuals", &wrong).await, (200, counts(1, 0, 0, 0)));
    assert_eq!(post(&service, "/actuals", &actuals(150..151)).await, (200, counts(0, 0, 1, 0)));

    let is_right = |state: &Value| {
        pairs(state) == 151 && state["quality"]["mae"]["value"].as_f64() < Some(100.0)
    };
    let state = service.eventually("all are paired, the correction too", is_right).await;
    let quality = &state["quality"];
    let errors: Vec<f64> = (0..151).map(|idx| prediction(idx) - truth(idx)).collect();
    let mean = |figure: fn(&f64) -> f64| errors.iter().map(figure).sum::<f64>() / 151.0;
    near(&quality["mae"]["value"], mean(|e| e.abs()));
    near(&quality["rmse"]["value"], mean(|e| e * e).sqrt());
    near(&quality["bias"]["value"], mean(|e| *e));
    let (low, high) = (&quality["mae"]["low"], &quality["mae"]["high"]);
    assert!(
        low.as_f64() < quality["mae"]["value"].as_f64()
            && quality["mae"]["value"].as_f64() < high.as_f64()
    );
    assert_eq!(quality["predictions"], 200);
    assert_eq!(quality["without_actual"], 49);
    near(&quality["without_actual_ratio"], 49.0 / 200.0);
    assert!(quality["training"]["rmse"].is_number());
    let in_history: u64 = quality["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|point| point["pairs"].as_u64())
        .sum();
    assert_eq!(in_history, 151);
    assert_eq!(state["versions"][0]["live"]["pairs"], 151);
    let event = &state["events"][0];
    assert_eq!(event["values"], json!({"carat": 0.9, "cut": "Ideal", "grade": 3}));

    let text = service.metrics().await;
    for name in
        ["mae", "rmse", "rmse_low", "rmse_high", "bias", "r2", "pairs", "without_actual_ratio"]
    {
        let series =
            format!("\ncanopy_live_{name}{{model=\"diamonds\",version=\"1\",window=\"1h\"}} ");
        assert!(text.contains(&series), "{name}: {text}");
    }
    assert!(text.contains("canopy_actuals_received_total{outcome=\"corrected\"} 1\n"), "{text}");
    assert!(text.contains("canopy_events_received_total{outcome=\"duplicate\"} 200\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_at_once_are_there_after_a_kill() {
    let temp = registry().await;
    let data = Arc::new(folder());
    let service = start(&temp, Arc::clone(&data)).await;
    let n = 100_000;
    for start in (0..n).step_by(1000).take(20) {
        assert_eq!(post(&service, "/events", &events(start..start + 1000)).await.0, 202);
    }
    let answer = post(&service, "/actuals", &actuals(0..n)).await;
    assert_eq!(answer, (200, counts(100_000, 0, 0, 80_000)));
    // Acknowledged is on the disk, whatever becomes of the process.
    service.kill();
    let service = start(&temp, data).await;
    service.eventually("all are paired", |state| pairs(state) == 20_000).await;
    // The rest of the predictions finds its actuals waiting.
    assert_eq!(post(&service, "/events", &events(50_000..51_000)).await.0, 202);
    service.eventually("those as well", |state| pairs(state) == 21_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_amid_what_comes_nothing_acknowledged_is_lost_and_nothing_counts_twice() {
    let temp = registry().await;
    let data = Arc::new(folder());
    let mut service = start(&temp, Arc::clone(&data)).await;
    let mut acknowledged = HashMap::new();
    for round in 0..5_usize {
        let sender = {
            let (client, url) = (service.client.clone(), service.url.clone());
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for batch in 0.. {
                    let first = round * 10_000 + batch * 50;
                    let places = || first..first + 50;
                    for (path, body) in
                        [("actuals", actuals(places())), ("events", events(places()))]
                    {
                        let sent = client.post(format!("{url}/{path}")).json(&body).send().await;
                        // Killed amid it: it may be there or not, and is sent again below.
                        let Ok(answer) = sent else { return acknowledged };
                        if !answer.status().is_success() {
                            return acknowledged;
                        }
                    }
                    acknowledged.push(first);
                }
                acknowledged
            })
        };
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        service.kill();
        for first in sender.await.expect("no panic") {
            acknowledged.insert(first, round);
        }
        service = start(&temp, Arc::clone(&data)).await;
    }
    assert!(!acknowledged.is_empty(), "something was taken between the kills");
    let n_before = service.state().await["quality"]["pairs"].as_u64().unwrap_or(0);
    for first in acknowledged.keys() {
        let places = || *first..first + 50;
        let expected = json!({"accepted": 0, "duplicates": 50, "expired": 0});
        assert_eq!(post(&service, "/events", &events(places())).await, (202, expected));
        assert_eq!(
            post(&service, "/actuals", &actuals(places())).await,
            (200, counts(0, 50, 0, 0))
        );
    }
    let n = 50 * acknowledged.len() as u64;
    let state = service.eventually("all are paired", |state| pairs(state) >= n).await;
    // Of each round the batch that was not acknowledged may be there as well, once.
    assert!(pairs(&state) <= n + 5 * 50, "{} of {n}, {n_before} before", pairs(&state));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_taken_whole_or_not_at_all() {
    let temp = registry().await;
    let service = start(&temp, Arc::new(folder())).await;
    let mut body = actuals(0..1000);
    body["actuals"][999]["actual"] = json!("much");
    let (status, problem) = post(&service, "/actuals", &body).await;
    assert_eq!((status, &problem["code"]), (422, &"invalid_body".into()));
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("[999]") && detail.contains("expected f64"), "{detail}");
    assert_eq!(post(&service, "/actuals", &actuals(0..1000)).await.1, counts(1000, 0, 0, 1000));

    let mut body = events(0..3);
    body["events"][2]["values"] = json!([1]);
    let (status, problem) = post(&service, "/events", &body).await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"].as_str().unwrap().contains("events[2]: expected 3 values"),
        "{problem}"
    );
    assert_eq!(post(&service, "/events", &events(0..3)).await.1["accepted"], 3);

    let ask = async |kind: &str, body: &'static str| {
        let request = service.client.post(service.at("/actuals")).header("content-type", kind);
        request.body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("application/json", "{\"actuals\":[").await, 400);
    assert_eq!(ask("application/xml", "<a/>").await, 415);
    assert_eq!(ask("text/csv", "request_id,actual\na,b\n").await, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_have_keys_of_their_own() {
    let temp = registry().await;
    let secrets = (folder(), folder());
    let people = keys_file(&secrets.0, "for-people");
    let servers = keys_file(&secrets.1, "for-servers");
    let flags = [
        "--model=diamonds",
        "--api-keys-file",
        people.to_str().unwrap(),
        "--events-keys-file",
        servers.to_str().unwrap(),
    ];
    let data = Arc::new(folder());
    let service = Service::start_with(&[NOBODY.to_owned()], temp.location(), data, &flags).await;
    let ask = async |path: &str, key: &str, body: &Value| {
        let request = service.client.post(service.at(path)).header("x-api-key", key).json(body);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("/events", "for-servers", &events(0..1)).await, 202);
    assert_eq!(ask("/events", "for-people", &events(0..1)).await, 401);
    assert_eq!(ask("/actuals", "for-servers", &actuals(0..1)).await, 401);
    assert_eq!(ask("/actuals", "for-people", &actuals(0..1)).await, 200);

    // A dashboard that is for everybody does not let everybody make up events.
    let flags = [OPEN[0], OPEN[1], "--events-keys-file", servers.to_str().unwrap()];
    let data = Arc::new(folder());
    let service = Service::start_with(&[NOBODY.to_owned()], temp.location(), data, &flags).await;
    assert_eq!(service.get("/api/state").await.status(), 200);
    assert_eq!(post(&service, "/events", &events(0..1)).await.0, 401);
}
