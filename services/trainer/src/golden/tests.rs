use dataset::{MemoryInput, ReadOptions as TableOptions, Split, read_input};
use estimators::{DecisionTreeParams, Estimator, RandomForestParams, Silent, Training};
use proptest::prelude::*;

use super::*;

/// Numbers, integers, a boolean and a category, some of them missing.
fn data(n_rows: usize) -> Data {
    let mut csv = "size,floor,lift,town,rent\n".to_owned();
    for i in 0..n_rows {
        let size = if i % 7 == 3 { "NA".to_owned() } else { format!("{}.5", 20 + i * 37 % 90) };
        let town = ["Ulm", "Bonn", "Kiel", ""][i % 4];
        csv.push_str(&format!("{size},{},{},{town},{}\n", i % 5, i % 3 == 0, 300 + i * 53 % 700));
    }
    split(csv, "rent")
}

fn split(csv: String, target: &str) -> Data {
    let table = read_input(&MemoryInput::new("table", csv), &TableOptions::new(target));
    let table = table.expect("a valid table");
    let Split { train, test, .. } = table.dataset.split(0.2, 1).expect("a split");
    let (source, notes) = (table.source, vec![]);
    Data { train, test, source, test_source: None, schema_sha256: None, n_seen: 0, notes }
}

fn chosen(data: &Data) -> (Golden, Rows) {
    let training = Training {
        signature: data.train.signature(),
        rows: data.train.rows(),
        target: data.train.target(),
    };
    let params = RandomForestParams { n_estimators: 5, ..RandomForestParams::default() };
    let fitted = Estimator::RandomForest(params).fit(&training, &Silent).expect("a fit");
    let weights = fitted.pipeline.to_safetensors();
    let golden = golden(&fitted, &weights, data, "smartcore", 7).expect("golden rows");
    let rows = read_back(data.train.signature(), &golden.instances).expect("its own rows");
    (golden, rows)
}

#[test]
fn takes_every_way_through_the_model() {
    for n_rows in [12, 40, 2000] {
        let data = data(n_rows);
        let (golden, rows) = chosen(&data);
        assert!((64..200).contains(&golden.instances.len()), "{}", golden.instances.len());
        assert_eq!(golden.instances.len(), golden.predictions.len());
        for (idx, feature) in data.train.signature().features().iter().enumerate() {
            let has = |wanted: f64| rows.column(idx).any(|value| value == wanted);
            assert!(rows.column(idx).any(f64::is_nan), "{} is never missing", feature.name);
            assert!((0..levels(feature)).all(|level| has(level as f64)), "{}", feature.name);
            if let Some(range) = feature.range {
                assert!(has(range.minimum) && has(range.maximum), "{}", feature.name);
            }
        }
        assert!(rows.iter().any(|row| row.iter().all(|value| value.is_nan())));
        for idx in 0..rows.n_features() {
            let alone =
                |row: &[f64]| row[idx].is_nan() && row.iter().filter(|v| v.is_nan()).count() <= 3;
            assert!(rows.iter().any(alone), "feature {idx} is missing alone");
        }
    }
}

#[test]
fn writes_rows_as_a_caller_would() {
    let (golden, _) = chosen(&data(40));
    let row = &golden.instances[0];
    assert_eq!(row.keys().collect::<Vec<_>>(), ["floor", "lift", "size", "town"]);
    assert!(row["floor"].is_i64() && row["lift"].is_boolean());
    assert!(golden.instances.iter().any(|row| row["town"] == "Kiel"));
}

#[test]
fn stays_small_with_a_thousand_categories() {
    let mut csv = "a,b,y\n".to_owned();
    (0..3000).for_each(|i| csv.push_str(&format!("a{},b{},{}\n", i % 1000, i % 700, i % 11)));
    let data = split(csv, "y");
    assert!(rows(&data, 1).len() < 1200);
}

/// One tree, fitted to a table whose target is small and shifted by this much.
fn small_target(shift: f64) -> (Data, Fitted) {
    let mut csv = "a,y\n".to_owned();
    (0..100).for_each(|i| csv.push_str(&format!("{i},{}\n", 1e-4 + f64::from(i) * 1e-6 + shift)));
    let data = split(csv, "y");
    let training = Training {
        signature: data.train.signature(),
        rows: data.train.rows(),
        target: data.train.target(),
    };
    let tree = Estimator::DecisionTree(DecisionTreeParams::default());
    let fitted = tree.fit(&training, &Silent).expect("a fit");
    (data, fitted)
}

#[test]
fn refuses_weights_that_no_server_would_answer_from() {
    let (data, fitted) = small_target(0.0);
    let weights = fitted.pipeline.to_safetensors();
    golden(&fitted, &weights, &data, "smartcore", 7).expect("its own weights");
    // Off by a millionth, although by less than a billionth in the target's unit.
    let other = small_target(1e-10).1.pipeline.to_safetensors();
    let error = golden(&fitted, &other, &data, "smartcore", 7).expect_err("other weights");
    assert!(matches!(error.downcast_ref(), Some(Refusal::Parity { .. })), "{error:#}");
    assert!(error.to_string().contains("subtract their smallest"), "{error}");
}

#[test]
fn stays_small_with_thousands_of_features() {
    assert_eq!([1, 10, 200, 2000, 5000, 100_000].map(max_null_rows), [500, 500, 500, 50, 20, 20]);
    let names: Vec<_> = (0..2000).map(|i| format!("c{i}")).collect();
    let mut csv = format!("{},y\n", names.join(","));
    for row in 0..20 {
        let cells: Vec<_> = (0..2000).map(|i| ((row * 7 + i) % 11).to_string()).collect();
        csv.push_str(&format!("{},{row}\n", cells.join(",")));
    }
    let data = split(csv, "y");
    let rows = rows(&data, 1);
    assert!(rows.len() < 150, "{} rows", rows.len());
    for idx in 0..2000 {
        assert!(rows.iter().filter(|row| row[idx].is_nan()).count() >= 2, "feature {idx}");
    }
}

proptest! {
    #[test]
    fn moved_values_stay_in_their_range(low in -1e300..1e300_f64, width in 0.0..1e300_f64, share in 0.0..=1.0_f64) {
        let range = schema::Range { minimum: low, maximum: low + width };
        let feature = Feature {
            name: "f".into(), dtype: Dtype::Number, nullable: false, range: Some(range), categories: vec![],
        };
        let moved = along(&[0.0], &[feature], share)[0];
        let slack = 1e-12 * (low.abs() + width);
        prop_assert!(moved >= range.minimum - slack && moved <= range.maximum + slack, "{moved}");
    }
}
