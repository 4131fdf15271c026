//! Distribution counters: every value of every row that was answered, however it came, and no other.

use registry::{Action, CHALLENGER, Mode, Move, Trial};
use schema::Distribution;
use serde_json::{Value, json};
use testkit::{TESTS, TempRegistry, draft};

use crate::helpers::{TestApp, row};

const FLAGS: [&str; 2] = ["--allow-anonymous", "--rate-limit=0"];
/// Of carat and of the prediction.
const EDGES: [f64; 4] = [0.25, 0.5, 1.0, 200.0];

/// A version whose carat and predictions have [`EDGES`].
fn many_bins() -> registry::Draft {
    let mut draft = draft("diamonds", 100.0);
    let baseline = &mut draft.baseline;
    for distribution in [&mut baseline.features[0].distribution, &mut baseline.predictions] {
        let Distribution::Histogram { edges, counts, .. } = distribution else {
            unreachable!("both are numbers");
        };
        *edges = EDGES.into();
        *counts = vec![8; EDGES.len() + 1];
    }
    draft
}

/// What the series say: bins of a feature, then missing and unseen.
async fn counted(app: &TestApp, version: u64, feature: &str, n_bins: usize) -> Vec<f64> {
    let labels = format!(r#"model="diamonds",version="{version}",feature="{feature}""#);
    let mut counts = Vec::new();
    for bin in 0..n_bins {
        let bin = format!(r#"canopy_feature_bin_total{{{labels},bin="{bin}"}}"#);
        counts.push(app.series(&bin).await);
    }
    for what in ["missing", "unseen"] {
        counts.push(app.series(&format!("canopy_feature_{what}_total{{{labels}}}")).await);
    }
    counts
}

/// The rows that a test sends, with values on every edge, beside them, missing and unseen.
fn rows(n: usize) -> Vec<Value> {
    let carats = [0.25, 0.250_000_1, 0.5, 0.75, 1.0, 1.5, 200.0, 300.0];
    let cuts = ["Fair", "Ideal", "Ideal", "Mythical"];
    let grades = [json!(1), json!(2), Value::Null, json!(9), json!(-4)];
    let row = |n: usize| json!([carats[n % 8], cuts[n % 4], grades[n % 5]]);
    (0..n).map(row).collect()
}

/// Counts anew what was sent.
fn recounted(rows: &[Value]) -> [Vec<f64>; 3] {
    let mut counts = [vec![0.0; 7], vec![0.0; 4], vec![0.0; 4]];
    for row in rows {
        let carat = row[0].as_f64().expect("a number");
        counts[0][EDGES.iter().filter(|edge| **edge < carat).count()] += 1.0;
        counts[1][match row[1].as_str() {
            Some("Fair") => 0,
            Some("Ideal") => 1,
            _ => 3,
        }] += 1.0;
        counts[2][row[2].as_f64().map_or(2, |grade| usize::from(grade > 1.0))] += 1.0;
    }
    counts
}

async fn assert_counted(app: &TestApp, version: u64, sent: &[Value]) {
    let expected = recounted(sent);
    assert_eq!(counted(app, version, "carat", 5).await, expected[0]);
    assert_eq!(counted(app, version, "cut", 2).await, expected[1]);
    assert_eq!(counted(app, version, "grade", 2).await, expected[2]);
    for counts in expected {
        assert_eq!(counts.iter().sum::<f64>(), sent.len() as f64, "each value is somewhere");
    }
}

#[tokio::test]
async fn rows_are_counted_however_they_come() {
    let temp = TempRegistry::new();
    temp.publish(many_bins()).await;
    let app = TestApp::over(temp, &FLAGS).await;
    app.eventually_ready(1).await;
    assert_counted(&app, 1, &[]).await;
    let object = |row: &Value| json!({"cut": row[1], "grade": row[2], "carat": row[0]});
    let line = |row: &Value| {
        let grade = row[2].as_i64().map_or(String::new(), |grade| grade.to_string());
        format!("{},{},{grade}\n", row[0], row[1].as_str().expect("text"))
    };
    let csv = |rows: &[Value]| {
        let lines: String = rows.iter().map(line).collect();
        format!("carat,cut,grade\n{lines}")
    };
    let mut sent = Vec::new();

    for row in rows(13) {
        assert_eq!(app.predict(&json!({"features": object(&row)})).await.0, 200);
        sent.push(row);
    }
    let objects: Vec<_> = rows(21).iter().map(object).collect();
    assert_eq!(app.predict(&json!({ "instances": objects })).await.0, 200);
    sent.extend(rows(21));
    assert_eq!(app.predict(&json!({"instances": rows(40)})).await.0, 200);
    sent.extend(rows(40));
    // More than 32 KiB: read and computed on another thread.
    assert_eq!(app.predict(&json!({"instances": rows(5_000)})).await.0, 200);
    sent.extend(rows(5_000));
    let form = csv(&rows(17)).into_bytes();
    assert_eq!(app.predict_bytes("text/csv", form).await.0, 200);
    sent.extend(rows(17));
    // In several chunks.
    let request = app.post("/predict").header("content-type", "text/csv").body(csv(&rows(9_000)));
    let answer = request.header("accept", "text/csv").send().await.expect("an answer");
    let answer = answer.text().await.expect("whole");
    assert_eq!(answer.lines().count(), 9_001);
    sent.extend(rows(9_000));
    // What is refused is counted nowhere, the rows before the wrong one neither.
    let wrong = json!({"instances": [rows(1)[0], [1.0, "Fair", "nine"]]});
    assert_eq!(app.predict(&wrong).await.0, 422);
    let infinite = br#"{"instances": [[1, "Fair", 1], [1e999, "Fair", 1]]}"#.to_vec();
    assert_eq!(app.predict_bytes("application/json", infinite).await.0 / 100, 4);

    assert_counted(&app, 1, &sent).await;
    // 100, 200 and 300 are all that the fixture answers; 200 is an edge.
    let mut bins = Vec::new();
    for bin in 0..5 {
        let labels = format!(r#"model="diamonds",version="1",bin="{bin}""#);
        bins.push(app.series(&format!("canopy_prediction_bin_total{{{labels}}}")).await);
    }
    assert_eq!(bins.iter().sum::<f64>(), sent.len() as f64);
    assert_eq!(bins[..3], [0.0; 3]);
    assert!(bins[3] > 0.0 && bins[4] > 0.0, "{bins:?}");
}

#[tokio::test]
async fn many_callers_at_once_are_all_counted() {
    let app = TestApp::spawn().await;
    let asks = (0..32).map(|_| {
        let request = app.post("/predict").json(&json!({"instances": [row(), row(), row()]}));
        tokio::spawn(async move {
            for _ in 0..20 {
                let request = request.try_clone().expect("a body in memory");
                assert_eq!(request.send().await.expect("an answer").status(), 200);
            }
        })
    });
    for ask in asks.collect::<Vec<_>>() {
        ask.await.expect("no panic");
    }
    assert_eq!(counted(&app, 1, "cut", 2).await, [0.0, 1_920.0, 0.0, 0.0]);
}

#[tokio::test]
async fn a_shadow_counts_nothing_and_a_canary_what_it_answered() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("diamonds", 100.05)).await;
    let model = "diamonds".parse().expect("a valid name");
    let challenge = async |temp: &TempRegistry, mode, percent| {
        let trial = Trial { mode: Some(mode), percent };
        let wanted = Move { trial, ..Move::new(Action::TrialSet, CHALLENGER, Some(2)) };
        temp.registry.move_alias(&model, &wanted, TESTS).await.expect("the alias is moved");
    };
    challenge(&temp, Mode::Shadow, None).await;
    let app = TestApp::over(temp, &FLAGS).await;
    app.eventually_ready(1).await;
    app.eventually_challenger(2, "shadow").await;
    let ask = async || assert_eq!(app.predict(&json!({"instances": rows(8)})).await.0, 200);
    ask().await;
    assert_eq!(counted(&app, 2, "cut", 2).await, [0.0; 4]);
    assert_eq!(counted(&app, 1, "cut", 2).await, [2.0, 4.0, 0.0, 2.0]);
    challenge(&app.temp, Mode::Canary, Some(100.0)).await;
    app.eventually_challenger(2, "canary").await;
    ask().await;
    assert_eq!(counted(&app, 2, "cut", 2).await, [2.0, 4.0, 0.0, 2.0]);
    assert_eq!(counted(&app, 1, "cut", 2).await, [2.0, 4.0, 0.0, 2.0], "as before");
}
