//! The rule: which counts raise which level, and what is said of them.

use evaluation::EvaluationError;
use evaluation::drift::{Drift, DriftLevel, FeatureCounts, FeatureDrift, WindowCounts, check};
use schema::{Baseline, Distribution, FeatureBaseline};

const ALPHA: f64 = 0.0001;

fn histogram(edges: &[f64], counts: &[u64]) -> Distribution {
    Distribution::Histogram {
        mean: 0.0,
        standard_deviation: 1.0,
        minimum: 0.0,
        maximum: 1.0,
        edges: edges.to_vec(),
        counts: counts.to_vec(),
    }
}

/// A number of which 1 % is missing, a category and a constant; 10,000 rows.
fn baseline() -> Baseline {
    let feature = |name: &str, n_missing, distribution| FeatureBaseline {
        name: name.to_owned(),
        n_missing,
        distribution,
    };
    let names = ["Fair", "Good", "Ideal"].map(str::to_owned).to_vec();
    let cut = Distribution::Categories { names, counts: vec![1000, 3000, 6000] };
    let price = histogram(&[300.0, 900.0], &[3000, 4000, 3000]);
    Baseline {
        n_rows: 10_000,
        features: vec![
            feature("carat", 100, histogram(&[0.35, 0.4, 2.1], &[2475; 4])),
            feature("cut", 0, cut),
            feature("table", 0, histogram(&[], &[10_000])),
        ],
        target: price.clone(),
        predictions: price,
    }
}

fn counts(bins: &[u64], missing: u64, unseen: u64) -> FeatureCounts {
    FeatureCounts { bins: bins.to_vec(), missing, unseen }
}

/// A thousand rows as in training.
fn stable() -> WindowCounts {
    WindowCounts {
        features: vec![
            counts(&[247, 248, 247, 248], 10, 0),
            counts(&[100, 300, 600], 0, 0),
            counts(&[1000], 0, 0),
        ],
        predictions: vec![300, 400, 300],
    }
}

fn of(window: &WindowCounts) -> Drift {
    check(&baseline(), window, ALPHA).expect("its own baseline")
}

fn feature<'a>(drift: &'a Drift, name: &str) -> &'a FeatureDrift {
    drift.features.iter().find(|feature| feature.name == name).expect("a feature")
}

#[test]
fn rows_as_in_training_are_ok() {
    let drift = of(&stable());
    assert_eq!((drift.level, drift.rows, drift.n_checks), (DriftLevel::Ok, 1000, 11));
    assert_eq!(drift.reason, "features and predictions are as in training");
    assert_eq!(feature(&drift, "carat").reason, "as in training");
    assert_eq!(drift.prediction.name, "prediction");
    assert_eq!(drift.prediction.missing_ratio, None);
}

#[test]
fn the_worst_comes_first_with_its_reason() {
    let mut window = stable();
    window.features[0] = counts(&[240, 240, 235, 225], 60, 0);
    window.features[1] = counts(&[80, 240, 480], 0, 200);
    let drift = of(&window);
    let told: Vec<_> =
        drift.features.iter().map(|f| (f.name.as_str(), f.level, f.reason.as_str())).collect();
    assert_eq!(
        told[..2],
        [
            ("cut", DriftLevel::Alarm, "20 % are categories never seen in training"),
            ("carat", DriftLevel::Warning, "6.0 % are missing, 1.0 % in training"),
        ]
    );
    assert_eq!(drift.reason, "cut: 20 % are categories never seen in training; also carat");
    assert_eq!(drift.level, DriftLevel::Alarm);
}

#[test]
fn a_feature_that_is_not_sent_at_all_is_an_alarm() {
    let mut window = stable();
    window.features[0] = counts(&[0; 4], 1000, 0);
    let top = &of(&window).features[0];
    assert_eq!((top.name.as_str(), top.level), ("carat", DriftLevel::Alarm));
    assert_eq!(top.reason, "100 % are missing, 1.0 % in training");
    assert_eq!((top.psi, top.chi2, top.missing_ratio), (None, None, Some(1.0)));
}

#[test]
fn predictions_raise_the_level_by_themselves() {
    let window = WindowCounts { predictions: vec![100, 200, 700], ..stable() };
    let drift = of(&window);
    assert_eq!(drift.level, DriftLevel::Alarm);
    assert_eq!(
        drift.reason,
        "prediction: values lie higher than in training: their median is > 900, it was 300 to 900"
    );
    assert!(drift.features.iter().all(|feature| feature.level <= DriftLevel::Ok));
}

#[test]
fn what_is_certain_but_small_and_what_is_large_but_uncertain_raise_nothing() {
    let certain = WindowCounts { predictions: vec![34_000, 40_000, 26_000], ..stable() };
    let prediction = of(&certain).prediction;
    assert!(prediction.chi2_p.is_some_and(|p| p < 1e-10), "{prediction:?}");
    assert_eq!(prediction.level, DriftLevel::Ok);
    assert_eq!(prediction.reason, "differs from training, but too little to matter");

    let uncertain = WindowCounts { predictions: vec![46, 24, 30], ..stable() };
    let prediction = of(&uncertain).prediction;
    assert!(prediction.psi.is_some_and(|psi| psi > 0.12), "{prediction:?}");
    assert_eq!(prediction.level, DriftLevel::Ok);
    assert_eq!(prediction.reason, "no further from training than chance may take 100 rows");
}

#[test]
fn too_few_rows_and_too_few_bins_are_unknown() {
    let window = WindowCounts {
        features: vec![counts(&[0, 0, 0, 99], 0, 0), counts(&[0; 3], 0, 99), counts(&[99], 0, 0)],
        predictions: vec![0, 0, 99],
    };
    let drift = of(&window);
    assert_eq!(drift.level, DriftLevel::Unknown);
    assert_eq!(drift.reason, "99 rows are too few to tell; 100 are needed");
    let drift = of(&stable());
    let constant = feature(&drift, "table");
    assert_eq!(constant.level, DriftLevel::Unknown);
    assert_eq!(constant.reason, "training has too few different values, or rows, to tell");
    let drift = of(&WindowCounts {
        features: vec![counts(&[0; 4], 0, 0), counts(&[0; 3], 0, 0), counts(&[0], 0, 0)],
        predictions: vec![0; 3],
    });
    assert_eq!((drift.level, drift.rows), (DriftLevel::Unknown, 0));
    assert_eq!(feature(&drift, "carat").missing_ratio, None);
}

#[test]
fn both_distributions_are_shares_of_all_rows() {
    let mut window = stable();
    window.features[1] = counts(&[90, 250, 600], 50, 10);
    let drift = of(&window);
    let shares = |name| -> Vec<(String, f64, f64)> {
        let bins = feature(&drift, name).bins.iter();
        bins.map(|bin| (bin.label.clone(), bin.baseline, bin.live)).collect()
    };
    let expected = |rows: &[(&str, f64, f64)]| -> Vec<_> {
        rows.iter().map(|&(label, baseline, live)| (label.to_owned(), baseline, live)).collect()
    };
    let carat = [
        ("≤ 0.35", 0.2475, 0.247),
        ("0.35 to 0.4", 0.2475, 0.248),
        ("0.4 to 2.1", 0.2475, 0.247),
        ("> 2.1", 0.2475, 0.248),
        ("missing", 0.01, 0.01),
    ];
    assert_eq!(shares("carat"), expected(&carat));
    let cut = [
        ("Fair", 0.1, 0.09),
        ("Good", 0.3, 0.25),
        ("Ideal", 0.6, 0.6),
        ("missing", 0.0, 0.05),
        ("unseen", 0.0, 0.01),
    ];
    assert_eq!(shares("cut"), expected(&cut));
}

#[test]
fn counts_of_another_baseline_are_refused() {
    let message = |window: &WindowCounts, alpha| {
        check(&baseline(), window, alpha).expect_err("not to be compared").to_string()
    };
    let mut window = stable();
    window.features[0].bins.pop();
    assert_eq!(
        message(&window, ALPHA),
        "the baseline of `carat` has 4 bins and the window 3; expected as many"
    );
    let window = WindowCounts { predictions: vec![], ..stable() };
    assert!(message(&window, ALPHA).contains("`prediction` has 3 bins and the window 0"));
    let mut window = stable();
    window.features.pop();
    assert!(message(&window, ALPHA).contains("has 3 features and the window 2"));
    for alpha in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(matches!(check(&baseline(), &stable(), alpha), Err(EvaluationError::Alpha { .. })));
    }
}

#[test]
fn is_written_under_these_names() {
    let json = serde_json::to_value(of(&stable())).expect("finite numbers");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let mut expected = ["rows", "level", "reason", "alpha", "n_checks", "prediction", "features"]
        .map(str::to_owned);
    expected.sort();
    let mut drift = keys(&json);
    drift.sort();
    assert_eq!(drift, expected);
    let carat = &json["features"].as_array().expect("features")[0];
    assert_eq!(carat["kind"], "histogram");
    assert_eq!(carat["level"], "ok");
    let mut expected = [
        "name",
        "kind",
        "level",
        "reason",
        "rows",
        "psi",
        "js",
        "ks",
        "ks_p",
        "chi2",
        "chi2_p",
        "chi2_df",
        "missing_ratio",
        "baseline_missing_ratio",
        "unseen_ratio",
        "bins",
    ]
    .map(str::to_owned);
    expected.sort();
    let mut feature = keys(carat);
    feature.sort();
    assert_eq!(feature, expected);
    assert_eq!(serde_json::from_value::<Drift>(json).expect("as written"), of(&stable()));
}
