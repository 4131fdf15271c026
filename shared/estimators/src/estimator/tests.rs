use proptest::prelude::*;

use super::*;
use crate::fixture::{assert_parity, mixed_rows, signature, target_of};
use crate::{MaxFeatures, Silent};

fn all() -> [Estimator; 5] {
    [
        Estimator::RandomForest(RandomForestParams::default()),
        Estimator::DecisionTree(DecisionTreeParams::default()),
        Estimator::Linear(LinearParams {}),
        Estimator::Ridge(RidgeParams::default()),
        Estimator::ElasticNet(ElasticNetParams::default()),
    ]
}

#[test]
fn has_the_names_it_is_written_with() {
    for (estimator, name) in all().into_iter().zip(Estimator::NAMES) {
        assert_eq!(estimator.name(), name);
        let json = serde_json::to_value(&estimator).expect("an estimator is JSON");
        assert_eq!(json["estimator"], name);
        assert_eq!(json["hyperparameters"], Value::Object(estimator.hyperparameters()));
        let read: Estimator = serde_json::from_value(json).expect("its own JSON");
        assert_eq!(read, estimator);
    }
}

#[test]
fn names_the_libraries_that_are_linked() {
    let lock = include_str!("../../../../Cargo.lock");
    for estimator in all() {
        let (name, version) = estimator.library().split_once(' ').expect("name and version");
        let package = format!("name = \"{name}\"\nversion = \"{version}\"");
        assert!(lock.contains(&package), "{package} is not in Cargo.lock");
    }
}

fn estimators() -> impl Strategy<Value = Estimator> {
    let depth = prop_oneof![Just(None), (1..12_u16).prop_map(Some)];
    let max_features = prop_oneof![
        Just(MaxFeatures::Sqrt),
        Just(MaxFeatures::Log2),
        (0.01..=1.0).prop_map(MaxFeatures::Fraction)
    ];
    let forest = (1..13_usize, depth.clone(), 2..9_usize, 1..6_usize, max_features, any::<u64>());
    prop_oneof![
        forest.prop_map(|(n_estimators, max_depth, split, leaf, max_features, seed)| {
            Estimator::RandomForest(RandomForestParams {
                n_estimators,
                max_depth,
                min_samples_split: split,
                min_samples_leaf: leaf,
                max_features,
                seed,
            })
        }),
        (depth, 2..9_usize, 1..6_usize).prop_map(|(max_depth, split, leaf)| {
            Estimator::DecisionTree(DecisionTreeParams {
                max_depth,
                min_samples_split: split,
                min_samples_leaf: leaf,
                seed: 1,
            })
        }),
        Just(Estimator::Linear(LinearParams {})),
        (-6.0..6.0_f64).prop_map(|e| Estimator::Ridge(RidgeParams { alpha: 10_f64.powf(e) })),
        ((-3.0..3.0_f64), 0.1..=1.0_f64).prop_map(|(e, l1_ratio)| {
            Estimator::ElasticNet(ElasticNetParams {
                alpha: 10_f64.powf(e),
                l1_ratio,
                ..ElasticNetParams::default()
            })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the shape: an error that says why, or a model that predicts what its library predicts.
    #[test]
    fn predicts_as_its_library_does(
        estimator in estimators(),
        n_rows in 1..60_usize,
        seed in any::<u64>(),
        constant in prop::option::of(0..4_usize),
        repeats in 1..4_usize,
    ) {
        let signature = signature();
        let mut rows = mixed_rows(n_rows, seed);
        if let Some(feature_idx) = constant {
            let value = rows.row(0)[feature_idx];
            rows.values_mut().iter_mut().skip(feature_idx).step_by(4).for_each(|v| *v = value);
        }
        let order: Vec<usize> = (0..n_rows * repeats).map(|row| row / repeats).collect();
        let rows = rows.select(&order);
        let target = target_of(&rows, seed);
        let training = Training { signature: &signature, rows: &rows, target: &target };
        match estimator.fit(&training, &Silent) {
            Ok(fitted) => {
                assert_parity(&fitted, &rows);
                assert_parity(&fitted, &mixed_rows(40, seed ^ 1));
            }
            Err(FitError::Dependent { .. } | FitError::TooFewRows { .. }) => prop_assert!(matches!(estimator, Estimator::Linear(_))),
            Err(FitError::NotConverged { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever the units: columns such as milliseconds since 1970, and tiny or huge targets.
    #[test]
    fn linear_models_keep_their_digits_in_any_unit(
        exponent in -12.0..12.0_f64,
        mean in prop_oneof![Just(0.0), Just(1e12), Just(-1e12)],
        seed in any::<u64>(),
    ) {
        let (signature, scale) = (signature(), 10_f64.powf(exponent));
        let mut rows = mixed_rows(300, seed);
        let target: Vec<f64> = target_of(&rows, seed).iter().map(|y| y * scale).collect();
        for row in rows.values_mut().chunks_exact_mut(4) {
            row[0] = mean + row[0] / 10.0;
            row[1] = (mean + row[1] / 100.0).round();
        }
        rows.values_mut()[1] = mean + 2.0; // not constant
        let training = Training { signature: &signature, rows: &rows, target: &target };
        let elastic_net = ElasticNetParams { alpha: 0.1 * scale, ..ElasticNetParams::default() };
        for estimator in [
            Estimator::Linear(LinearParams {}),
            Estimator::Ridge(RidgeParams::default()),
            Estimator::ElasticNet(elastic_net),
        ] {
            let fitted = match estimator.fit(&training, &Silent) {
                Ok(fitted) => fitted,
                Err(error) => return Err(TestCaseError::fail(format!("{error}"))),
            };
            let (model, library) = (fitted.pipeline.predict(&rows), fitted.library_predict(&rows));
            let largest = library.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
            for (model, library) in model.iter().zip(&library) {
                let tolerance = 1e-9 * library.abs().max(1e-6 * largest);
                prop_assert!((model - library).abs() <= tolerance, "{} {}", model, library);
            }
        }
    }
}

#[test]
fn copes_with_the_largest_and_the_smallest_targets() {
    let (signature, rows) = (signature(), mixed_rows(200, 3));
    for size in [1e98, 1e-98] {
        let target: Vec<f64> = target_of(&rows, 4).iter().map(|y| y * size).collect();
        let training = Training { signature: &signature, rows: &rows, target: &target };
        for estimator in all() {
            match estimator.fit(&training, &Silent) {
                Ok(fitted) => assert_parity(&fitted, &rows),
                Err(FitError::NotConverged { .. }) => {}
                Err(error) => panic!("{} of {size}: {error}", estimator.name()),
            }
        }
    }
    let error =
        Estimator::ElasticNet(ElasticNetParams { alpha: 1e300, ..ElasticNetParams::default() });
    let target: Vec<f64> = target_of(&rows, 4).iter().map(|y| y * 1e-98).collect();
    let training = Training { signature: &signature, rows: &rows, target: &target };
    let error = error.fit(&training, &Silent).expect_err("a penalty beyond 64 bits");
    assert!(matches!(error, FitError::Library { .. }), "{error}");
}
