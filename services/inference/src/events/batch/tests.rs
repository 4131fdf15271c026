use serde_json::Value;
use testkit::draft;

use super::super::columns::VersionColumns;
use super::super::private::PrivateFeatures;
use super::super::queue::Queue;
use super::*;
use crate::testing::manifest;

fn columns() -> Arc<VersionColumns> {
    let private = PrivateFeatures::new(&[]).expect("none");
    let manifest = manifest(draft("diamonds", 100.0));
    Arc::new(VersionColumns::new(&manifest, &private, "pod-1", "2026-01-01T00:00:00.000Z"))
}

fn event(columns: &Arc<VersionColumns>, row: usize, request_id: &str) -> Event {
    Event {
        columns: Arc::clone(columns),
        request_id: request_id.into(),
        row,
        time: std::time::UNIX_EPOCH,
        values: [0.5, 1.0, f64::NAN].into(),
        prediction: 200.0,
    }
}

fn waiting(events: impl IntoIterator<Item = Event>) -> VecDeque<Waiting> {
    let (queue, receiver) = Queue::new();
    events.into_iter().for_each(|event| queue.push(event).expect("there is room"));
    receiver.try_iter().collect()
}

fn rows(batch: &Batch) -> Vec<u64> {
    let body: Value = serde_json::from_slice(&batch.body).expect("JSON");
    let events = body["events"].as_array().expect("events").iter();
    events.map(|event| event["row"].as_u64().expect("a row")).collect()
}

#[test]
fn a_body_is_what_the_metrics_service_reads() {
    let mut waiting = waiting([event(&columns(), 7, "order-66\"")]);
    let batch = Batch::next(&mut waiting, None).expect("one waits");
    let body: Value = serde_json::from_slice(&batch.body).expect("JSON");
    let expected = json!({
        "replica": "pod-1",
        "started_at": "2026-01-01T00:00:00.000Z",
        "model": "diamonds",
        "version": 1,
        "features": ["carat", "cut", "grade"],
        "events": [{
            "request_id": "order-66\"",
            "row": 7,
            "time": "1970-01-01T00:00:00.000Z",
            "values": [0.5, "Ideal", null],
            "prediction": 200.0,
        }],
    });
    assert_eq!(body, expected);
    assert!(Batch::next(&mut waiting, None).is_none());
}

#[test]
fn a_batch_is_of_one_version_and_its_order_stays() {
    let (old, new) = (columns(), columns());
    let mut waiting =
        waiting((0..6).map(|row| event(if row % 2 == 0 { &old } else { &new }, row, "r")));
    let mut next = || Batch::next(&mut waiting, None);
    assert_eq!(rows(&next().expect("the old one's")), [0, 2, 4]);
    assert_eq!(rows(&next().expect("the new one's")), [1, 3, 5]);
    assert!(next().is_none());
}

#[test]
fn a_batch_has_a_thousand_events_at_most() {
    let (old, new) = (columns(), columns());
    let events = (0..1_500).map(|row| event(&old, row, "r"));
    let mut waiting =
        waiting([event(&old, 9_998, "r"), event(&new, 9_999, "r")].into_iter().chain(events));
    let first = rows(&Batch::next(&mut waiting, None).expect("some wait"));
    assert_eq!((first.len(), first[0], first[999]), (1_000, 9_998, 998));
    assert_eq!(rows(&Batch::next(&mut waiting, None).expect("the other's")), [9_999]);
    let rest = rows(&Batch::next(&mut waiting, None).expect("some wait"));
    assert_eq!((rest.len(), rest[0]), (501, 999));
}

#[test]
fn a_body_has_a_mebibyte_at_most() {
    let columns = columns();
    let long = "x".repeat(300_000);
    let longer = "x".repeat(MAX_BYTES);
    let ids = [&long, &longer, &long, &long, &long];
    let mut waiting = waiting(ids.iter().enumerate().map(|(row, id)| event(&columns, row, id)));
    let batch = Batch::next(&mut waiting, None).expect("some wait");
    assert!(batch.body.len() <= MAX_BYTES);
    assert_eq!((rows(&batch), batch.n_too_long), (vec![0, 2, 3], 1));
    assert_eq!(rows(&Batch::next(&mut waiting, None).expect("one waits")), [4]);
}

#[test]
fn places_are_given_back_when_a_batch_is_done_with() {
    let columns = columns();
    let (queue, receiver) = Queue::new();
    let fill = || (0..).map_while(|row| queue.push(event(&columns, row, "r"))).count();
    let n_full = fill();
    assert_eq!((n_full, fill()), (super::super::queue::MAX_WAITING, 0));
    let mut waiting: VecDeque<_> = receiver.try_iter().collect();
    let batch = Batch::next(&mut waiting, None).expect("some wait");
    assert_eq!(fill(), 0, "what is on its way still takes its place");
    drop(batch);
    assert_eq!(fill(), 1_000);
    // Long ones are bounded by what they take: 8 MiB.
    waiting.clear();
    drop(receiver.try_iter().collect::<Vec<_>>());
    let long = "x".repeat(1024 * 1024);
    let n_long = (0..).map_while(|row| queue.push(event(&columns, row, &long))).count();
    assert_eq!(n_long, 7);
}
