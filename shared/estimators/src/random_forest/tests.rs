use std::sync::atomic::{AtomicUsize, Ordering};

use model::Regressor;
use schema::Rows;

use super::*;
use crate::fixture::{mixed_rows, signature, target_of};
use crate::{DecisionTreeParams, Silent};

fn small(seed: u64) -> RandomForestParams {
    RandomForestParams {
        n_estimators: 23, // not a multiple of the block
        seed,
        ..RandomForestParams::default()
    }
}

fn fit_rows(params: RandomForestParams, rows: &Rows) -> Fitted {
    let (signature, target) = (signature(), target_of(rows, 1));
    let training = Training { signature: &signature, rows, target: &target };
    params.checked().expect("in range").fit(&training, &Silent).expect("a fit")
}

fn bytes(params: RandomForestParams, n_threads: usize) -> Vec<u8> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads);
    let fit = || fit_rows(params, &mixed_rows(400, 8)).pipeline.to_safetensors();
    pool.build().expect("a pool").install(fit)
}

fn depth(fitted: &Fitted) -> usize {
    match fitted.pipeline.regressor() {
        Regressor::Forest(forest) => forest.max_depth(),
        Regressor::Linear(_) => unreachable!("a forest was fitted"),
    }
}

#[test]
fn gives_the_same_bytes_on_any_number_of_threads() {
    let one = bytes(small(42), 1);
    for n_threads in [2, 3, 7] {
        assert_eq!(bytes(small(42), n_threads), one, "{n_threads} threads");
    }
    assert_ne!(bytes(small(43), 2), one, "another seed draws other rows");
}

#[test]
fn grows_every_tree_from_draws_of_its_own() {
    let fitted = fit_rows(small(42), &mixed_rows(400, 8));
    let Regressor::Forest(forest) = fitted.pipeline.regressor() else {
        unreachable!("a forest was fitted")
    };
    assert_eq!(forest.n_trees(), 23);
    let mut seeds: Vec<u64> = (0..10_000).map(|block_idx| block_seed(42, block_idx)).collect();
    seeds.extend((0..10_000).map(|block_idx| block_seed(43, block_idx)));
    seeds.sort_unstable();
    let nearest = seeds.windows(2).map(|pair| pair[1] - pair[0]).min();
    assert!(nearest > Some(BLOCK_TREES as u64), "blocks share no seed: {nearest:?}");
}

#[test]
fn counts_depth_as_scikit_learn_does() {
    let rows = mixed_rows(5000, 2);
    for max_depth in [1, 2, 10] {
        let params = RandomForestParams { max_depth: Some(max_depth), ..small(1) };
        assert_eq!(depth(&fit_rows(params, &rows)), usize::from(max_depth));
    }
    let unlimited = RandomForestParams { max_depth: None, ..small(1) };
    assert!(depth(&fit_rows(unlimited, &rows)) > 12);
}

#[test]
fn takes_the_deepest_limit_there_is() {
    let params = RandomForestParams { max_depth: Some(65_534), ..small(1) };
    fit_rows(params, &mixed_rows(50, 2));
}

#[test]
fn needs_as_many_rows_as_it_was_told() {
    let rows = mixed_rows(30, 2);
    let split = RandomForestParams { min_samples_split: 31, ..small(1) };
    assert_eq!(depth(&fit_rows(split, &rows)), 0);
    let leaf = RandomForestParams { min_samples_leaf: 16, ..small(1) };
    assert_eq!(depth(&fit_rows(leaf, &rows)), 0);
}

#[test]
fn a_single_tree_fits_distinct_rows_exactly() {
    let signature = signature();
    let rows = mixed_rows(100, 4);
    let target = target_of(&rows, 5);
    let training = Training { signature: &signature, rows: &rows, target: &target };
    let params = DecisionTreeParams { max_depth: None, ..DecisionTreeParams::default() };
    let fitted = params.checked().expect("in range").fit(&training, &Silent).expect("a fit");
    let errors = fitted.pipeline.predict(&rows);
    let n_wrong = errors.iter().zip(&target).filter(|(p, y)| (*p - *y).abs() > 1e-9).count();
    // Only rows that share an imputed value with another can be told apart no further.
    assert!(n_wrong <= 2, "{n_wrong}");
}

/// Cancels after so many trees.
struct Patience(usize, AtomicUsize);

impl Progress for Patience {
    fn start(&self, total: usize, unit: &str) {
        assert_eq!((total, unit), (1000, "trees"));
    }
    fn advance(&self, n: usize) {
        self.1.fetch_add(n, Ordering::Relaxed);
    }
    fn is_cancelled(&self) -> bool {
        self.1.load(Ordering::Relaxed) >= self.0
    }
}

#[test]
fn stops_between_blocks() {
    let (signature, rows) = (signature(), mixed_rows(400, 8));
    let target = target_of(&rows, 1);
    let training = Training { signature: &signature, rows: &rows, target: &target };
    let params = RandomForestParams { n_estimators: 1000, ..RandomForestParams::default() };
    let patience = Patience(20, AtomicUsize::new(0));
    let result = params.checked().expect("in range").fit(&training, &patience);
    assert_eq!(result.expect_err("cancelled"), FitError::Cancelled);
    let n_done = patience.1.into_inner();
    assert!((20..100).contains(&n_done), "{n_done} trees were grown");
}

#[test]
fn refuses_hyperparameters_outside_of_their_ranges() {
    let change = |change: fn(&mut RandomForestParams)| {
        let mut params = RandomForestParams::default();
        change(&mut params);
        params.checked().expect_err("out of range").to_string()
    };
    let cases = [
        (change(|p| p.n_estimators = 0), "--n-estimators is 0; expected 1 to 10000 trees"),
        (
            change(|p| p.max_depth = Some(0)),
            "--max-depth is 0; expected 1 to 65534 splits, or `none` for no limit",
        ),
        (change(|p| p.max_depth = Some(u16::MAX)), "--max-depth is 65535; expected 1 to 65534"),
        (change(|p| p.min_samples_split = 1), "--min-samples-split is 1; expected 2 rows or more"),
        (change(|p| p.min_samples_leaf = 0), "--min-samples-leaf is 0; expected 1 row or more"),
        (
            change(|p| p.max_features = MaxFeatures::Fraction(1.5)),
            "--max-features is 1.5; expected a fraction above 0 and up to 1, `sqrt` or `log2`",
        ),
    ];
    for (error, expected) in cases {
        assert!(error.starts_with(expected), "{error}");
    }
}
