//! Every form of a request, its answer, and what is said of rows that do not fit.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::helpers::{TestApp, answer, row};

#[tokio::test]
async fn answers_one_row() {
    let app = TestApp::spawn().await;
    let request =
        app.post("/predict").header("x-request-id", "r-1").json(&json!({"features": row()}));
    let (status, body) = answer(request).await;
    assert_eq!(status, 200);
    let expected = json!({
        "prediction": 200.0, "model": "diamonds", "version": 1, "request_id": "r-1"
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn answers_many_rows_in_their_order() {
    let app = TestApp::spawn().await;
    let instances = json!([
        {"carat": 0.5, "cut": "Fair", "grade": null},
        [1.5, "Fair", 3],
        {"grade": 9, "cut": "Ideal", "carat": 1.5},
    ]);
    let (status, body) = app.predict(&json!({"instances": instances})).await;
    assert_eq!((status, &body["predictions"]), (200, &json!([100.0, 200.0, 300.0])));
    assert!(body.get("prediction").is_none());
}

#[tokio::test]
async fn answers_csv_and_forms() {
    let app = TestApp::spawn().await;
    let csv = "cut,carat,grade\nIdeal,0.5,3\nFair,0.5,\n";
    let (status, body) = app.predict_bytes("text/csv", csv.into()).await;
    assert_eq!((status, &body["predictions"]), (200, &json!([200.0, 100.0])));

    let file = Part::text(csv).file_name("rows.csv");
    let form = Form::new().text("comment", "two rows").part("file", file);
    let (status, body) = answer(app.post("/predict").multipart(form)).await;
    assert_eq!((status, &body["predictions"]), (200, &json!([200.0, 100.0])));

    let two = Form::new().part("file", Part::text(csv)).part("file", Part::text(csv));
    let (status, body) = answer(app.post("/predict").multipart(two)).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_multipart")));
    assert!(body["detail"].as_str().expect("a detail").contains("more than one field `file`"));

    let (status, body) = answer(app.post("/predict").multipart(Form::new().text("x", "y"))).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_multipart")));
}

#[tokio::test]
async fn names_row_feature_and_what_was_meant() {
    let app = TestApp::spawn().await;
    let instances = json!([row(), {"Carat": 0.5, "cut": "Ideal", "grade": 3}]);
    let request = app.post("/predict").header("x-request-id", "r-2");
    let response = request.json(&json!({"instances": instances})).send().await.expect("an answer");
    assert_eq!(response.status(), 422);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["x-request-id"], "r-2");
    let body: serde_json::Value = response.json().await.expect("JSON");
    insta::assert_json_snapshot!(body, @r#"
    {
      "code": "unknown_feature",
      "detail": "feature `Carat` in row 1 is not in the model's signature; did you mean `carat`?",
      "feature": "Carat",
      "request_id": "r-2",
      "row": 1,
      "status": 422,
      "suggestion": "carat",
      "title": "The request does not fit the model's signature",
      "type": "urn:canopy:problem:unknown_feature"
    }
    "#);
}

#[tokio::test]
async fn answers_unusual_rows_with_warnings_and_counts_them() {
    let app = TestApp::spawn().await;
    let (status, body) =
        app.predict(&json!({"features": {"carat": 9.5, "cut": "Idael", "grade": 3}})).await;
    assert_eq!((status, &body["prediction"]), (200, &json!(300.0)), "as if the cut were missing");
    assert_eq!(body["n_warnings"], 2);
    assert_eq!(body["warnings"][0]["code"], "out_of_range");
    assert_eq!(
        body["warnings"][1]["message"],
        "`Idael` was not seen in training and is treated as missing; did you mean `Ideal`?"
    );
    for (code, feature) in [("out_of_range", "carat"), ("unseen_category", "cut")] {
        let labels = format!(r#"model="diamonds",version="1",feature="{feature}",code="{code}""#);
        assert_eq!(app.series(&format!("canopy_input_warnings_total{{{labels}}}")).await, 1.0);
    }
}

#[tokio::test]
async fn ignores_unknown_features_when_told_to() {
    let app = TestApp::spawn_with(&["--allow-anonymous", "--unknown-features=ignore"]).await;
    let features = json!({"carat": 0.5, "cut": "Ideal", "grade": 3, "id": {"any": "thing"}});
    let (status, body) = app.predict(&json!({"features": features})).await;
    assert_eq!((status, &body["prediction"]), (200, &json!(200.0)));
}

#[tokio::test]
async fn every_answer_has_security_headers() {
    let app = TestApp::spawn().await;
    for path in ["/health", "/model", "/docs", "/nowhere"] {
        let response = app.get(path).await;
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(response.headers()["x-frame-options"], "DENY", "{path}");
        assert!(response.headers().contains_key("content-security-policy"), "{path}");
        assert!(response.headers().contains_key("x-request-id"), "{path}");
    }
    assert_eq!(app.get("/").await.url().path(), "/docs");
}

#[tokio::test]
async fn describes_the_model() {
    let app = TestApp::spawn().await;
    let body: serde_json::Value = app.get("/model").await.json().await.expect("JSON");
    assert_eq!(body["model"], "diamonds");
    assert_eq!(body["version"], 1);
    assert_eq!(body["signature"]["features"][1]["categories"], json!(["Fair", "Ideal"]));
    assert_eq!(body["scores"]["model"]["rmse"], 1.0);
    assert_eq!(body["provenance"]["seed"], 42);
}

#[tokio::test]
async fn compresses_only_when_told_to() {
    let many = json!({"instances": vec![row(); 200]});
    for (flags, encoding) in [
        (&["--allow-anonymous"][..], None),
        (&["--allow-anonymous", "--compression"], Some("gzip")),
    ] {
        let app = TestApp::spawn_with(flags).await;
        let request = app.post("/predict").header("accept-encoding", "gzip").json(&many);
        let response = request.send().await.expect("an answer");
        let found = response.headers().get("content-encoding").map(|v| v.to_str().expect("text"));
        assert_eq!(found, encoding, "{flags:?}");

        let request =
            app.post("/predict").header("accept-encoding", "gzip").json(&json!({"bad": 1}));
        let response = request.send().await.expect("an answer");
        let problem: Value = response.json().await.expect("a problem is never compressed");
        assert_eq!(problem["code"], "unexpected_field", "{flags:?}");
    }
}
