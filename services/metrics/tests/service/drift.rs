//! A stream that is not what training saw: which feature, how bad, and where that is said.
//!
//! A stand-in for a replica counts in all tests but the first, so that it says what a real one never would.

use registry::Draft;
use schema::Distribution;
use serde_json::{Value, json};
use testkit::{TempRegistry, draft};

use crate::helpers::{Fake, Service};
use crate::replica::Replica;

/// What a replica says of a thousand rows: the fixture's features and how many are in each bin.
fn counted(carat: [u64; 2], cut: [u64; 2], grade: [u64; 2], missing: u64, unseen: u64) -> String {
    let labels = "model=\"diamonds\",version=\"1\"";
    let mut text = format!(
        "canopy_model_info{{{labels},estimator=\"random-forest\"}} 1\n\
         canopy_predictions_total{{{labels}}} {}\n\
         canopy_feature_missing_total{{{labels},feature=\"carat\"}} {missing}\n\
         canopy_feature_unseen_total{{{labels},feature=\"cut\"}} {unseen}\n",
        carat.iter().sum::<u64>() + missing
    );
    for (feature, bins) in [("carat", carat), ("cut", cut), ("grade", grade)] {
        for (bin, count) in bins.iter().enumerate() {
            let labels = format!("{labels},feature=\"{feature}\",bin=\"{bin}\"");
            text += &format!("canopy_feature_bin_total{{{labels}}} {count}\n");
        }
    }
    for bin in 0..2 {
        text += &format!("canopy_prediction_bin_total{{{labels},bin=\"{bin}\"}} 500\n");
    }
    text
}

/// The fixture was trained on 40 rows, with which nothing can be compared: a hundred times as many.
fn well_trained(mut draft: Draft) -> Draft {
    let baseline = &mut draft.baseline;
    let features = baseline.features.iter_mut().map(|feature| &mut feature.distribution);
    for distribution in features.chain([&mut baseline.predictions]) {
        let (Distribution::Histogram { counts, .. } | Distribution::Categories { counts, .. }) =
            distribution;
        counts.iter_mut().for_each(|count| *count *= 100);
    }
    baseline.n_rows *= 100;
    draft
}

async fn watch(text: &str) -> (TempRegistry, Fake, Service) {
    let temp = TempRegistry::new();
    temp.publish(well_trained(draft("diamonds", 100.0))).await;
    let fake = Fake::start(text).await;
    let service = Service::start(std::slice::from_ref(&fake.url), temp.location()).await;
    (temp, fake, service)
}

fn level(state: &Value) -> &str {
    state["drift"]["level"].as_str().unwrap_or_default()
}

/// A thousand rows, of which so many in ten have a large stone; the rest is as in training.
fn rows(n_large: usize) -> Vec<Value> {
    let row = |idx: usize| {
        let carat = if idx / 4 % 10 < n_large { 1.5 } else { 0.5 };
        let cut = if idx.is_multiple_of(4) { "Fair" } else { "Ideal" };
        json!({"carat": carat, "cut": cut, "grade": if idx.is_multiple_of(2) { 1 } else { 5 }})
    };
    (0..1000).map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_real_servers_count_what_shows_a_shift() {
    let temp = TempRegistry::new();
    temp.publish(well_trained(draft("diamonds", 100.0))).await;
    let replicas = [Replica::start(&temp).await, Replica::start(&temp).await];
    let service = Service::start(&replicas.each_ref().map(Replica::url), temp.location()).await;
    let features = |state: &Value| -> Vec<(String, String)> {
        let features = state["drift"]["features"].as_array().cloned().unwrap_or_default();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        features.iter().map(|feature| (word(&feature["name"]), word(&feature["level"]))).collect()
    };
    let level = |name: &str, level: &str| (name.to_owned(), level.to_owned());
    for replica in &replicas {
        replica.predict_rows(rows(5)).await.expect("it answers");
    }
    let is_counted = |n: u64| move |state: &Value| state["drift"]["rows"] == n;
    let state = service.eventually("2,000 rows are counted", is_counted(2000)).await;
    assert!(features(&state).iter().all(|(_, level)| level == "ok"), "{:#}", state["drift"]);
    for replica in replicas.iter().cycle().take(8) {
        replica.predict_rows(rows(9)).await.expect("it answers");
    }
    let state = service.eventually("10,000 rows are counted", is_counted(10_000)).await;
    let expected = [level("carat", "alarm"), level("cut", "ok"), level("grade", "ok")];
    assert_eq!(features(&state), expected, "{:#}", state["drift"]);
    assert_eq!(state["drift"]["features"][0]["bins"][1]["live"], 0.82);
    assert_eq!(state["problems"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_like_training_is_ok_and_a_shifted_one_names_its_feature() {
    let (_temp, fake, service) = watch(&counted([500, 500], [250, 750], [500, 500], 0, 0)).await;
    let state = service.eventually("it is measured", |state| !level(state).is_empty()).await;
    assert_eq!(level(&state), "ok", "{:#}", state["drift"]);
    assert_eq!(state["drift"]["rows"], 1000);
    assert_eq!(state["drift"]["version"], 1);
    assert_eq!(state["drift"]["window"], "1h");
    assert_eq!(state["versions"][0]["drift_level"], "ok");

    // The stones are large now, and nothing else is different.
    fake.say(&counted([600, 9400], [2500, 7500], [5000, 5000], 0, 0));
    let state = service.eventually("it is an alarm", |state| level(state) == "alarm").await;
    let first = &state["drift"]["features"][0];
    assert_eq!((&first["name"], &first["level"]), (&"carat".into(), &"alarm".into()));
    assert_eq!(first["bins"][1]["live"], 0.94);
    assert_eq!(state["drift"]["features"][1]["level"], "ok");
    let text = service.metrics().await;
    let labels = "model=\"diamonds\",version=\"1\",window=\"1h\"";
    for line in [
        format!("canopy_feature_drift_level{{{labels},feature=\"carat\"}} 2\n"),
        format!("canopy_feature_drift_level{{{labels},feature=\"cut\"}} 0\n"),
        format!("canopy_drift_rows{{{labels}}} 10000\n"),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_values_and_new_categories_are_named() {
    let (_temp, _fake, service) =
        watch(&counted([400, 400], [200, 500], [500, 500], 200, 300)).await;
    let state = service.eventually("it is an alarm", |state| level(state) == "alarm").await;
    let features = state["drift"]["features"].as_array().unwrap();
    let of = |name: &str| features.iter().find(|feature| feature["name"] == name).unwrap();
    assert_eq!(of("carat")["missing_ratio"], 0.2);
    assert_eq!(of("cut")["unseen_ratio"], 0.3);
    assert_eq!((&of("carat")["level"], &of("cut")["level"]), (&"alarm".into(), &"alarm".into()));
    let text = service.metrics().await;
    assert!(text.contains("canopy_feature_unseen_ratio"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_do_not_fit_the_baseline_are_said_and_not_compared() {
    let labels = "model=\"diamonds\",version=\"1\"";
    let bin = |bin: usize| {
        let count = if bin == 7 { 500 } else { 0 };
        format!("canopy_feature_bin_total{{{labels},feature=\"carat\",bin=\"{bin}\"}} {count}\n")
    };
    let bins: String = (0..8).map(bin).collect();
    let strange = format!("canopy_model_info{{{labels},estimator=\"x\"}} 1\n{bins}");
    let (_temp, _fake, service) = watch(&strange).await;
    let state = service
        .eventually("it is said", |state| state["problems"][0]["code"] == "drift_not_measured")
        .await;
    assert!(state["problems"][0]["text"].as_str().unwrap().contains("8 bins of `carat`"));
    assert_eq!(state["drift"], Value::Null);
}
