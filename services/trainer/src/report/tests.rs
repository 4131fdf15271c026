use registry::{EstimatorRecord, Golden};
use serde_json::{Map, json};

use super::*;

/// A draft whose every text tries to become markup.
fn draft() -> Draft {
    let evil = "<script>alert('x')</script>&\"\u{7}";
    let scores =
        json!({"mae": 1.0, "rmse": 2.0, "r2": 0.5, "mape": 0.25, "median_absolute_error": 0.5});
    let histogram = json!({
        "kind": "histogram", "mean": 2.0, "standard_deviation": 1.0, "minimum": 1.0, "maximum": 9.0,
        "edges": [2.0], "counts": [10, 30],
    });
    let levels = json!({"kind": "categories", "names": [evil], "counts": [40]});
    let read = "a valid draft";
    Draft {
        model: "prices".parse().expect(read),
        signature: serde_json::from_value(json!({
            "features": [
                {"name": evil, "dtype": "category", "categories": [evil]},
                {"name": "b", "dtype": "number", "nullable": true, "range": {"minimum": 1, "maximum": 9}},
            ],
            "outputs": [{"name": format!("{evil}y"), "dtype": "number", "range": {"minimum": 1, "maximum": 9}}],
        }))
        .expect(read),
        estimator: EstimatorRecord {
            name: "random-forest".into(),
            library: "smartcore".into(),
            hyperparameters: Map::from_iter([("max_depth".into(), Value::Null)]),
        },
        scores: serde_json::from_value(json!({
            "n_rows": 3, "model": scores, "constant_mean": scores,
            "importances": [{"feature": evil, "importance": -0.5}, {"feature": "b", "importance": 2.5}],
        }))
        .expect(read),
        baseline: serde_json::from_value(json!({
            "n_rows": 40, "target": histogram, "predictions": histogram,
            "features": [
                {"name": evil, "n_missing": 3, "distribution": levels},
                {"name": "b", "n_missing": 0, "distribution": histogram},
            ],
        }))
        .expect(read),
        provenance: serde_json::from_value(json!({
            "data": evil, "data_sha256": "0", "n_rows": 43, "n_rows_without_target": 0, "n_rows_train": 40,
            "n_rows_test": 3, "seed": 42, "canopy_version": "0.1.0", "started_at": "a", "finished_at": "b",
            "fit_seconds": 0.5, "categorical": [], "ignore": [evil], "max_categories": 1000,
            "notes": [format!("the column `{evil}` is odd")],
        }))
        .expect(read),
        weights: vec![],
        golden: Golden { source: "smartcore".into(), instances: vec![], predictions: vec![] },
        report: String::new(),
        holdout: None,
    }
}

fn page(actual: &[f64], predicted: &[f64]) -> String {
    html(&draft(), Scatter { actual, predicted }, 0)
}

#[test]
fn escapes_every_text_from_a_file() {
    let page = page(&[1.0, 2.0, 3.0], &[1.0, 2.5, 2.0]);
    assert!(!page.contains("<script"), "a name became markup");
    assert!(
        page.matches("&lt;script&gt;alert(&#39;x&#39;)").count() >= 6,
        "the name is shown as it is"
    );
    assert!(!page.contains('\u{7}'));
}

#[test]
fn stands_on_its_own() {
    let page = page(&[1.0, 2.0, 3.0], &[1.0, 2.5, 2.0]);
    for outside in ["http:", "https:", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    for part in ["prefers-color-scheme: dark", "width=device-width", "max_depth", "none", "b"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn draws_whatever_the_numbers_are() {
    let many: Vec<f64> = (0..5000).map(f64::from).collect();
    let cases: [(&[f64], &[f64]); 5] = [
        (&[1.0], &[1.0]),
        (&[5.0; 4], &[5.0; 4]),
        (&[-1e300, 1e300], &[1e300, -1e300]),
        (&[0.0, 1e-300], &[1e-300, 0.0]),
        (&many, &many),
    ];
    for (actual, predicted) in cases {
        let page = page(actual, predicted);
        assert!(!page.contains("NaN") && !page.contains("inf"), "{actual:?}");
        assert!(page.matches("<circle").count() <= 1000);
    }
}

#[test]
fn lists_what_a_person_was_warned_of() {
    let mut draft = draft();
    let test = Scatter { actual: &[1.0, 2.0], predicted: &[1.0, 2.0] };
    assert!(html(&draft, test, 0).contains("<h2>Warnings</h2>\n<ul>\n<li>the column "));
    draft.provenance.notes.clear();
    assert!(!html(&draft, test, 0).contains("Warnings"));
}

#[test]
fn claims_only_what_was_checked() {
    let draft = draft();
    let test = Scatter { actual: &[1.0, 2.0], predicted: &[1.0, 2.0] };
    assert!(html(&draft, test, 0).contains("evaluated on 3 rows it had not seen."));
    assert!(html(&draft, test, 2).contains("evaluated on 3 rows of which it had seen 2."));
    assert!(html(&draft, test, 3).contains("evaluated on 3 rows it had seen all of."));
}
