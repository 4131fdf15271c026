//! The do-nothing server: what axum and serde_json cost without a model, keys, checks, metrics or log.
//!
//! `POST /predict` reads `{"instances":[[…]]}`, adds up each row and answers `{"predictions":[…]}`.
//! It is the floor that `bench/peers.py` and `bench/callgrind.py` measure the inference server against.
//!
//! `floor ADDRESS`, such as 127.0.0.1:8000.

use std::error::Error;

use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Deserialize)]
struct Request {
    instances: Vec<Vec<f64>>,
}

#[derive(Debug, Serialize, PartialEq)]
struct Response {
    predictions: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(address) = std::env::args().nth(1) else {
        return Err("where to listen is missing: floor 127.0.0.1:8000".into());
    };
    let routes =
        Router::new().route("/health", get(async || "ok")).route("/predict", post(predict));
    let listener = TcpListener::bind(&address).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    // In order, so that a tool it runs under can write what it has counted.
    let stop = async move { _ = terminate.recv().await };
    axum::serve(listener, routes).with_graceful_shutdown(stop).await?;
    Ok(())
}

async fn predict(Json(request): Json<Request>) -> Json<Response> {
    let predictions = request.instances.iter().map(|row| row.iter().sum()).collect();
    Json(Response { predictions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_each_row_with_its_sum() {
        let body = br#"{"instances":[[1,2.5],[-3,4]]}"#;
        let request = Json::from_bytes(body).expect("a request");
        let Json(response) = predict(request).await;
        assert_eq!(response, Response { predictions: vec![3.5, 1.0] });
    }
}
