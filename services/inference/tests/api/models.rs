//! Several models in one server: each has its routes, its versions and its own troubles.

use registry::CHAMPION;
use serde_json::{Value, json};
use testkit::{TempRegistry, draft};

use crate::helpers::{TestApp, answer, eventually, row};

const FLAGS: [&str; 3] = ["--allow-anonymous", "--rate-limit=0", "--model=diamonds,houses"];

/// `diamonds` answers 200, `houses` 2000.
async fn two_models() -> TestApp {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    temp.publish(draft("houses", 1000.0)).await;
    let app = TestApp::over(temp, &FLAGS).await;
    eventually("both are ready", async || app.get("/ready").await.status() == 200).await;
    app
}

async fn prediction(app: &TestApp, path: &str) -> (u16, Value) {
    answer(app.post(path).json(&json!({"features": row()}))).await
}

#[tokio::test]
async fn each_model_has_its_routes_and_the_first_is_the_default() {
    let app = two_models().await;
    let cases = [
        ("/predict", "diamonds", 200.0),
        ("/models/diamonds/predict", "diamonds", 200.0),
        ("/models/houses/predict", "houses", 2000.0),
    ];
    for (path, model, expected) in cases {
        let (status, body) = prediction(&app, path).await;
        assert_eq!((status, &body["model"]), (200, &json!(model)), "{path}");
        assert_eq!(body["prediction"], json!(expected), "{path}");
    }
    let get = async |path: &str| app.get(path).await.json::<Value>().await.expect("JSON");
    assert_eq!(get("/model").await["model"], "diamonds");
    assert_eq!(get("/models/houses").await["model"], "houses");
    let document = get("/models/houses/openapi.json").await;
    assert!(document["paths"]["/models/houses/predict"]["post"].is_object());
    assert_eq!(document["x-canopy"]["model"]["name"], "houses");
    assert!(get("/openapi.json").await["paths"]["/predict"]["post"].is_object());

    let series =
        r#"http_requests_total{route="/models/{model}/predict",method="POST",status="200"}"#;
    assert_eq!(app.series(series).await, 2.0, "no name of a model in a route's label");
    assert_eq!(app.series(r#"canopy_predictions_total{model="houses",version="1"}"#).await, 1.0);
}

#[tokio::test]
async fn an_unknown_model_is_a_problem_that_names_those_there_are() {
    let app = two_models().await;
    let (status, problem) = prediction(&app, "/models/horses/predict").await;
    assert_eq!((status, &problem["code"]), (404, &json!("unknown_model")));
    assert_eq!(problem["expected"], json!(["diamonds", "houses"]));
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("`horses`")));
    for path in
        ["/models/horses", "/models/horses/openapi.json", "/models/%ff", "/models/%2e%2e%2fetc"]
    {
        let response = app.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(response.json::<Value>().await.expect("JSON")["code"], "unknown_model");
    }
    assert_eq!(app.series(r#"canopy_rejections_total{code="unknown_model"}"#).await, 5.0);
}

#[tokio::test]
async fn ready_says_for_each_model_what_it_waits_for() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    let app = TestApp::over(temp, &FLAGS).await;
    let waits = format!("model `houses` has no champion in {} yet", app.temp.location());
    let expected = json!({
        "status": "not_ready",
        "reason": format!("`houses` waits: {waits}"),
        "model_loaded": true,
        "model": "diamonds",
        "version": 1,
        "models": {
            "diamonds": {"status": "ready", "version": 1},
            "houses": {"status": "not_ready", "reason": waits},
        },
    });
    eventually("one of two is ready", async || {
        let response = app.get("/ready").await;
        response.status() == 503 && response.json::<Value>().await.expect("JSON") == expected
    })
    .await;
    assert_eq!(app.state(1).await["waits_for"], json!(waits));
    assert_eq!(prediction(&app, "/predict").await.0, 200, "the other model answers all the same");
    let (status, problem) = prediction(&app, "/models/houses/predict").await;
    assert_eq!((status, &problem["code"]), (503, &json!("no_model")));

    app.temp.publish(draft("houses", 1000.0)).await;
    let expected = json!({
        "status": "ready",
        "model_loaded": true,
        "model": "diamonds",
        "version": 1,
        "models": {
            "diamonds": {"status": "ready", "version": 1},
            "houses": {"status": "ready", "version": 1},
        },
    });
    eventually("both are ready", async || {
        let response = app.get("/ready").await;
        response.status() == 200 && response.json::<Value>().await.expect("JSON") == expected
    })
    .await;
}

#[tokio::test]
async fn one_model_fails_and_swaps_without_the_other() {
    let app = two_models().await;
    let [diamonds, houses] = ["diamonds", "houses"].map(|name| name.parse().expect("valid"));
    let broken = app.temp.publish(draft("houses", 5000.0)).await;
    std::fs::write(app.temp.file("houses", broken, "weights.safetensors"), b"x").expect("written");
    app.temp.set_alias(&houses, CHAMPION, broken).await;
    app.temp.publish(draft("diamonds", 300.0)).await;
    app.temp.set_alias(&diamonds, CHAMPION, 2).await;

    let refused = r#"canopy_model_loads_total{model="houses",outcome="refused"}"#;
    eventually("one is refused", async || app.series(refused).await == 1.0).await;
    eventually("the other swaps", async || {
        prediction(&app, "/predict").await.1["prediction"] == 600.0
    })
    .await;
    assert_eq!(prediction(&app, "/models/houses/predict").await.1["prediction"], 2000.0);
    assert_eq!(app.get("/ready").await.status(), 200, "what failed later holds up nobody");
    let loaded = r#"canopy_model_loads_total{model="diamonds",outcome="loaded"}"#;
    assert_eq!(app.series(loaded).await, 2.0);
}

#[tokio::test]
async fn lists_what_each_model_answers_with() {
    let app = two_models().await;
    let body: Value = app.get("/models").await.json().await.expect("JSON");
    let expected = |name: &str| {
        json!({
            "model": name,
            "champion": {"version": 1},
            "challenger": null,
            "waits_for": null,
        })
    };
    let models = [expected("diamonds"), expected("houses")];
    assert_eq!(body, json!({"default": "diamonds", "models": models}));
}

#[tokio::test]
async fn does_not_start_with_a_model_named_twice() {
    use clap::Parser;
    let arguments = ["canopy-inference", "--model=a", "--model=b,a", "--allow-anonymous"];
    let config = inference::Config::parse_from(arguments);
    let error = inference::Server::bind(config).await.expect_err("twice").to_string();
    assert!(error.contains("`a` is named twice"), "{error}");
}
