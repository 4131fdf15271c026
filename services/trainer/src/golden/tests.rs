use dataset::{MemoryInput, ReadOptions as TableOptions, Split, read_input};
use estimators::{Estimator, LinearParams, RandomForestParams, Silent, Training};
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
    let table = read_input(&MemoryInput::new("rents", csv), &TableOptions::new("rent"));
    let table = table.expect("a valid table");
    let split = table.dataset.split(0.2, 1).expect("a split");
    let Split { train, test, notes } = split;
    Data { train, test, source: table.source, test_source: None, notes }
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
    for n_rows in [10, 40, 2000] {
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
    let table =
        read_input(&MemoryInput::new("wide", csv), &TableOptions::new("y")).expect("a table");
    let Split { train, test, notes } = table.dataset.split(0.2, 1).expect("a split");
    let data = Data { train, test, source: table.source, test_source: None, notes };
    assert!(rows(&data, 1).len() < 1200);
}

#[test]
fn refuses_a_model_that_no_server_would_take() {
    // A clock in microseconds: the intercept is 10^9 times the predictions.
    let mut csv = "time,y\n".to_owned();
    (0..500).for_each(|i| csv.push_str(&format!("{},{}\n", 1.7e15 + f64::from(i), i % 17)));
    let table =
        read_input(&MemoryInput::new("times", csv), &TableOptions::new("y")).expect("a table");
    let Split { train, test, notes } = table.dataset.split(0.2, 1).expect("a split");
    let data = Data { train, test, source: table.source, test_source: None, notes };
    let training = Training {
        signature: data.train.signature(),
        rows: data.train.rows(),
        target: data.train.target(),
    };
    let fitted = Estimator::Linear(LinearParams {}).fit(&training, &Silent).expect("a fit");
    let weights = fitted.pipeline.to_safetensors();
    let error = golden(&fitted, &weights, &data, "linfa", 7).expect_err("too few digits");
    assert!(error.to_string().contains("subtract their smallest"), "{error}");
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
