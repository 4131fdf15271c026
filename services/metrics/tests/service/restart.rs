//! The service killed and started again amid traffic: nothing is counted twice, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use testkit::{TempRegistry, draft};

use crate::helpers::Service;
use crate::replica::Replica;

#[tokio::test(flavor = "multi_thread")]
async fn five_kills_amid_traffic_change_no_sum() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    let replicas = Arc::new([Replica::start(&temp).await, Replica::start(&temp).await]);
    let targets: Vec<String> = replicas.iter().map(Replica::url).collect();
    let is_over = Arc::new(AtomicBool::new(false));
    let traffic = {
        let (replicas, is_over) = (Arc::clone(&replicas), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut n_rows = 0;
            for idx in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let n = idx % 7 + 1;
                replicas[idx % 2].predict(n).await.expect("it answers");
                n_rows += n as u64;
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            n_rows
        })
    };
    let mut service = Service::start(&targets, temp.location()).await;
    for _ in 0..5 {
        let before = service.state().await["versions"][0]["rows"].as_u64().unwrap_or(0);
        service
            .eventually("more is counted", |state| {
                state["versions"][0]["rows"].as_u64().is_some_and(|rows| rows > before)
            })
            .await;
        let data = service.kill();
        service =
            Service::start_with(&targets, temp.location(), data, &["--allow-anonymous"]).await;
    }
    is_over.store(true, Ordering::Relaxed);
    let sent = traffic.await.expect("no panic");
    let said = replicas[0].n_rows().await + replicas[1].n_rows().await;
    assert_eq!(said, sent);
    let is_counted = |state: &serde_json::Value| state["versions"][0]["rows"] == sent;
    service.eventually("all of it is counted", is_counted).await;
    // Another round or two add nothing.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(service.state().await["versions"][0]["rows"], sent);
    let state = service.state().await;
    let last_minutes = state["traffic"].as_array().expect("points").iter().rev().take(3);
    assert!(last_minutes.clone().any(|point| point["requests_per_second"].as_f64() > Some(1.0)));
}
