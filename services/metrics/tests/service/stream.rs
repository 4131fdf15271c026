//! The state as it changes: at once, the newest alone, and to its end when the service stops.

use futures::StreamExt;
use registry::CHAMPION;
use reqwest::Response;
use serde_json::Value;
use testkit::{TempRegistry, draft};

use crate::helpers::Service;
use crate::replica::Replica;

/// The next state of a stream; none at its end.
async fn next(stream: &mut Response, buffer: &mut String) -> Option<Value> {
    loop {
        if let Some((event, rest)) = buffer.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            *buffer = rest;
            let Some(data) = event.strip_prefix("event: state\ndata: ") else { continue };
            return Some(serde_json::from_str(data).expect("JSON"));
        }
        let chunk = stream.chunk().await.ok()??;
        buffer.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_starts_with_the_present_and_shows_a_moved_alias() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("diamonds", 200.0)).await;
    let replica = Replica::start(&temp).await;
    let mut service = Service::start(&[replica.url()], temp.location()).await;
    let mut stream = service.get("/api/stream?model=&window=1h").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut buffer = String::new();
    let mut state = next(&mut stream, &mut buffer).await.expect("the present state");
    while state["versions"][0]["version"] != 1 {
        state = next(&mut stream, &mut buffer).await.expect("a state");
    }
    temp.set_alias(&"diamonds".parse().expect("a name"), CHAMPION, 2).await;
    while state["aliases"][0]["to"] != 2 {
        state = next(&mut stream, &mut buffer).await.expect("a state");
    }
    assert_eq!(state["aliases"][0]["action"], "promoted");
    assert_eq!(state["versions"][0]["version"], 2, "the champion comes first");
    assert_eq!(state["versions"][0]["role"], "champion");
    while state["fleet"]["replicas"][0]["version"] != 2 {
        state = next(&mut stream, &mut buffer).await.expect("a state");
    }

    service.signal("-TERM");
    while next(&mut stream, &mut buffer).await.is_some() {}
    assert_eq!(service.wait().code(), Some(0), "no stream holds up the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_places_for_so_many_streams() {
    let service = Service::start(&["http://127.0.0.1:1".to_owned()], "./nowhere").await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        let stream = service.get("/api/stream").await;
        assert_eq!(stream.status(), 200);
        streams.push(stream.bytes_stream());
    }
    assert_eq!(service.get("/api/stream").await.status(), 503);
    assert_eq!(service.get("/api/state").await.status(), 200);
    let mut one = streams.pop().expect("a stream");
    assert!(one.next().await.is_some());
    drop(one);
    let freed = async || (service.get("/api/stream").await.status() == 200).then_some(());
    crate::helpers::eventually("a place is free again", freed).await;
}
