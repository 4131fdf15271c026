use proptest::prelude::*;
use schema::Rows;

use super::*;
use crate::Node;

/// A number, a category that was never missing in training, and one that was.
fn signature() -> Signature {
    serde_json::from_str(
        r#"{
            "features": [
                {"name": "a", "dtype": "number"},
                {"name": "b", "dtype": "category", "categories": ["x", "y", "z"]},
                {"name": "c", "dtype": "category", "nullable": true, "categories": ["p", "q"]}
            ],
            "outputs": [{"name": "t", "dtype": "number", "range": {"minimum": 0, "maximum": 1}}]
        }"#,
    )
    .expect("a valid signature")
}

fn linear() -> Pipeline {
    let encoder = Encoder::new(&signature(), vec![5.0, 2.0, 2.0], vec![0, 2, 2]).expect("fits");
    let coefficients = vec![1.0, 10.0, 20.0, 100.0, 200.0];
    let linear = Linear::new(coefficients, vec![0.5, 0.0, 0.0, 0.0, 0.0], 1.0).expect("finite");
    Pipeline::new(encoder, Regressor::Linear(linear)).expect("as many columns")
}

fn forest(trees: Vec<Vec<Node>>) -> Pipeline {
    let encoder = Encoder::new(&signature(), vec![5.0, 2.0, 2.0], vec![0, 0, 0]).expect("fits");
    let forest = Forest::new(trees, 3).expect("trees");
    Pipeline::new(encoder, Regressor::Forest(forest)).expect("as many columns")
}

#[test]
fn imputes_and_spreads_categories() {
    let nan = f64::NAN;
    let rows = Rows::new(
        3,
        vec![
            1.0, 0.0, 0.0, // all at their reference level
            nan, 1.0, 1.0, // a is imputed with 5
            1.0, nan, 0.0, // b is imputed with code 2
            1.0, 0.0, nan, // c has a level of its own for missing
        ],
    );
    assert_eq!(linear().predict(&rows), [1.5, 115.5, 21.5, 201.5]);
    let complete = Rows::new(3, vec![1.0, 1.0, 1.0]);
    assert_eq!(
        linear().predict(&complete),
        [111.5],
        "nothing is imputed, yet categories are spread"
    );
}

#[test]
fn keeps_the_digits_of_columns_far_from_0() {
    let signature = serde_json::from_str(
        r#"{
            "features": [{"name": "a", "dtype": "number"}],
            "outputs": [{"name": "t", "dtype": "number", "range": {"minimum": 0, "maximum": 1}}]
        }"#,
    )
    .expect("a valid signature");
    let encoder = Encoder::new(&signature, vec![0.0], vec![0]).expect("fits");
    let linear = Linear::new(vec![1e-7], vec![1.7e12], 1e-4).expect("finite");
    let model = Pipeline::new(encoder, Regressor::Linear(linear)).expect("as many columns");
    let rows = Rows::new(1, vec![1.7e12, 1.7e12 + 1000.0]);
    assert_eq!(model.predict(&rows), [1e-4, 1e-4 + 1000.0 * 1e-7]);
}

#[test]
fn refuses_offsets_that_do_not_fit_the_coefficients() {
    assert!(Linear::new(vec![1.0, 2.0], vec![0.0], 0.0).is_err(), "too few");
    assert!(Linear::new(vec![1.0], vec![f64::INFINITY], 0.0).is_err(), "infinite");
    let file = |offsets: Option<Vec<f64>>| {
        let mut arrays = Vec::from(linear().encoder.tensors());
        arrays.push(tensors::floats(Linear::TENSORS[0], [1.0; 5]));
        arrays.extend(offsets.map(|offsets| tensors::floats(Linear::TENSORS[1], offsets)));
        arrays.push(tensors::floats(Linear::TENSORS[2], [1.0]));
        Pipeline::from_safetensors(&tensors::write(&arrays), &signature())
    };
    assert!(file(Some(vec![1.0; 5])).is_ok());
    assert_eq!(file(None), Err(ModelError::MissingTensor("linear.offsets")));
    for offsets in [vec![1.0; 4], vec![1.0; 6], vec![1.0, 1.0, f64::NAN, 1.0, 1.0]] {
        assert!(file(Some(offsets.clone())).is_err(), "{offsets:?}");
    }
}

#[test]
fn sends_a_value_at_the_threshold_left() {
    let stump =
        |t| vec![Node { value: t, feature: 0, left: 1 }, Node::leaf(10.0), Node::leaf(20.0)];
    let model = forest(vec![stump(1.0), stump(2.0)]);
    let next = 1.0_f64.next_up();
    let rows = Rows::new(3, vec![1.0, 0.0, 0.0, next, 0.0, 0.0, f64::NAN, 0.0, 0.0]);
    assert_eq!(model.predict(&rows), [10.0, 15.0, 20.0]);
}

#[test]
fn reads_back_what_it_writes() {
    let stump = vec![Node { value: 0.1, feature: 1, left: 1 }, Node::leaf(-0.0), Node::leaf(3.5)];
    for model in [linear(), forest(vec![stump, vec![Node::leaf(1.0)]])] {
        let bytes = model.to_safetensors();
        assert_eq!(bytes, model.to_safetensors(), "the same model gives the same bytes");
        assert_eq!(Pipeline::from_safetensors(&bytes, &signature()), Ok(model));
    }
}

#[test]
fn measures_the_depth_in_splits() {
    let split = |left| Node { value: 0.0, feature: 0, left };
    let leaf = Node::leaf(1.0);
    let Regressor::Forest(chain) =
        forest(vec![vec![leaf], vec![split(1), leaf, split(3), leaf, leaf]]).regressor
    else {
        panic!("a forest")
    };
    assert_eq!(chain.max_depth(), 2);
}

#[test]
fn refuses_trees_that_would_not_end() {
    let split = |feature, left| Node { value: 0.0, feature, left };
    let leaf = Node::leaf(1.0);
    let cases = [
        (vec![], "an empty forest"),
        (vec![vec![]], "an empty tree"),
        (vec![vec![split(0, 1), split(0, 1), leaf]], "a node that is its own child"),
        (vec![vec![split(0, 2), leaf, leaf]], "a right child outside of the tree"),
        (vec![vec![split(3, 1), leaf, leaf]], "a column that does not exist"),
        (vec![vec![Node::leaf(f64::NAN)]], "a leaf without a value"),
    ];
    for (trees, what) in cases {
        assert!(Forest::new(trees, 3).is_err(), "{what}");
    }
}

#[test]
fn refuses_an_encoder_of_another_signature() {
    let cases = [
        (vec![0.0, 0.0], vec![0, 0], "too short"),
        (vec![f64::INFINITY, 0.0, 0.0], vec![0, 0, 0], "an imputed infinity"),
        (vec![0.0, 4.0, 0.0], vec![0, 0, 0], "a code beyond the level for missing"),
        (vec![0.0, 0.5, 0.0], vec![0, 0, 0], "half a code"),
        (vec![0.0, 0.0, 0.0], vec![1, 0, 0], "indicators of a number"),
        (vec![0.0, 3.0, 0.0], vec![0, 2, 0], "an imputed level without its indicator"),
        (vec![0.0, 0.0, 0.0], vec![0, 1, 0], "a category without its indicator"),
    ];
    for (impute, n_indicators, what) in cases {
        assert!(Encoder::new(&signature(), impute, n_indicators).is_err(), "{what}");
    }
}

proptest! {
    /// Any change to a file is refused or gives a model that still answers: never a panic.
    #[test]
    fn any_damage_is_an_error_or_a_model(
        at in 0.0..1.0_f64,
        byte in any::<u8>(),
        keep in 0.0..1.0_f64,
        kind in 0..3_usize,
    ) {
        let split = Node { value: 0.5, feature: 2, left: 1 };
        let trees = vec![vec![split, Node::leaf(1.0), Node::leaf(2.0)]; 3];
        let model = [linear(), forest(trees), boosted()][kind].clone();
        let mut bytes = model.to_safetensors();
        let length = bytes.len() as f64;
        bytes[(at * length) as usize] = byte;
        let rows = Rows::new(3, vec![f64::NAN, 2.0, 1.0, 1e300, 0.0, f64::NAN]);
        for bytes in [&bytes[..], &bytes[..(keep * length) as usize]] {
            if let Ok(model) = Pipeline::from_safetensors(bytes, &signature()) {
                prop_assert_eq!(model.predict(&rows).len(), 2);
            }
        }
    }

    #[test]
    fn any_bytes_are_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Pipeline::from_safetensors(&bytes, &signature()).is_err());
    }

    /// Blocks of rows are an inner matter: rows alone give the same bits as rows together.
    #[test]
    fn rows_do_not_depend_on_their_neighbours(values in proptest::collection::vec(-2.0..2.0_f64, 150)) {
        let stump = |t| vec![Node { value: t, feature: 0, left: 1 }, Node::leaf(0.1), Node::leaf(0.7)];
        let model = forest(vec![stump(-1.0), stump(0.0), stump(1.0)]);
        let rows = Rows::new(3, values.iter().flat_map(|&a| [a, 0.0, 1.0]).collect());
        let together = model.predict(&rows);
        for (row, expected) in rows.iter().zip(together) {
            let alone = model.predict(&Rows::new(3, row.to_vec()));
            prop_assert_eq!(alone[0].to_bits(), expected.to_bits());
        }
    }
}

/// A forest with all that its file may hold.
fn boosted() -> Pipeline {
    let nan = f64::NAN;
    let encoder = Encoder::new(&signature(), vec![nan, nan, nan], vec![0, 0, 0]).expect("fits");
    let split = |feature, left| Node { value: 0.5, feature, left };
    let leaf = Node::leaf;
    let trees = vec![vec![split(0, 1), leaf(1.0), leaf(2.0)]; 4].into_iter().chain(vec![
        vec![
            split(1, 1),
            split(2, 3),
            leaf(3.0),
            leaf(4.0),
            leaf(5.0)
        ];
        4
    ]);
    let forest = Forest::new(trees, 3)
        .and_then(|forest| forest.with_base(0.25))
        .and_then(|forest| forest.with_missing_left((0..32).map(|node| node >= 12).collect()))
        .and_then(|forest| {
            let of_trees = [[0; 3].repeat(4), [1, 2, 0, 0, 0].repeat(4)].concat();
            forest.with_sets(of_trees, vec![vec![0, 2], vec![1]])
        })
        .expect("parts that fit");
    Pipeline::new(encoder, Regressor::Forest(forest)).expect("as many columns")
}

#[test]
fn a_boosted_forest_reads_back_and_takes_missing_values_as_they_are() {
    let model = boosted();
    let bytes = model.to_safetensors();
    assert_eq!(Pipeline::from_safetensors(&bytes, &signature()).as_ref(), Ok(&model));
    let nan = f64::NAN;
    let rows = Rows::new(3, vec![0.0, 1.0, 0.0, nan, 2.0, 1.0, nan, nan, 0.0, 1.0, nan, nan]);
    // 0.25, four times the first tree, four times the second.
    let expected = [0.25 + 4.0 + 12.0, 0.25 + 8.0 + 16.0, 0.25 + 8.0 + 20.0, 0.25 + 8.0 + 16.0];
    assert_eq!(model.predict(&rows), expected);
}

#[test]
fn a_plain_forest_has_no_more_arrays_than_ever() {
    let bytes = forest(vec![vec![Node::leaf(1.0)]]).to_safetensors();
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("a file");
    let mut names = file.names();
    names.sort_unstable();
    let expected = [
        "encoder.impute",
        "encoder.n_indicators",
        "forest.features",
        "forest.left",
        "forest.tree_starts",
        "forest.values",
    ];
    assert_eq!(names, expected);
}

#[test]
fn refuses_arrays_that_do_not_fit_a_forest() {
    let file = |name: &'static str, floats: Option<Vec<f64>>, counts: Vec<u32>| {
        let model = boosted();
        let Regressor::Forest(forest) = model.regressor() else { panic!("a forest") };
        let mut arrays = Vec::from(model.encoder().tensors());
        arrays.extend(forest.tensors().into_iter().filter(|array| array.name() != name));
        arrays.push(match floats {
            Some(floats) => tensors::floats(name, floats),
            None => tensors::counts(name, counts),
        });
        Pipeline::from_safetensors(&tensors::write(&arrays), &signature())
    };
    let counts = |name, counts: &[u32]| file(name, None, counts.to_vec());
    let sets = [[0; 3].repeat(4), [1, 2, 0, 0, 0].repeat(4)].concat();
    assert!(counts("forest.sets", &sets).is_ok());
    assert!(file("forest.base", Some(vec![1.0, 2.0]), vec![]).is_err(), "two");
    assert!(file("forest.base", Some(vec![f64::NAN]), vec![]).is_err(), "not finite");
    assert!(counts("forest.base", &[1]).is_err(), "a whole number");
    assert!(counts("forest.missing_left", &[1; 31]).is_err(), "too few");
    assert!(counts("forest.missing_left", &[2; 32]).is_err(), "neither yes nor no");
    assert!(counts("forest.sets", &sets[1..]).is_err(), "too few");
    assert!(counts("forest.sets", &[3; 32]).is_err(), "no such set");
    assert!(counts("forest.sets", &[1; 32]).is_err(), "leaves with sets");
    for starts in [&[][..], &[0], &[0, 2], &[1, 2, 3], &[0, 3, 2], &[0, 4, 3]] {
        assert!(counts("forest.set_starts", starts).is_err(), "{starts:?}");
    }
    assert!(counts("forest.set_codes", &[2, 0, 1]).is_err(), "out of order");
    assert!(counts("forest.set_codes", &[0, 0, 1]).is_err(), "twice the same");
    assert!(counts("forest.set_codes", &[0, 2]).is_err(), "too few");
}

#[test]
fn a_linear_model_takes_no_missing_values() {
    let encoder = |impute| Encoder::new(&signature(), vec![impute, 0.0, 0.0], vec![0, 0, 0]);
    let pipeline = |impute| {
        let linear = Linear::new(vec![1.0; 3], vec![0.0; 3], 0.0).expect("finite");
        Pipeline::new(encoder(impute).expect("fits"), Regressor::Linear(linear))
    };
    assert!(pipeline(1.0).is_ok());
    assert!(pipeline(f64::NAN).is_err());
    let infinite = encoder(f64::INFINITY);
    assert!(infinite.is_err(), "that is not missing");
    let spread = Encoder::new(&signature(), vec![0.0, f64::NAN, 0.0], vec![0, 2, 0]);
    assert!(spread.is_err(), "indicators without one for missing");
}

#[test]
fn rows_with_and_without_missing_values_answer_alike_in_any_number() {
    let split =
        |value, feature| vec![Node { value, feature, left: 1 }, Node::leaf(0.1), Node::leaf(0.7)];
    let model = forest((0..30).map(|tree| split(f64::from(tree % 7), tree % 3)).collect());
    let value = |idx: usize| if idx.is_multiple_of(11) { f64::NAN } else { (idx % 8) as f64 };
    // The second category of three has codes up to 2.
    let rows: Vec<_> =
        (0..900).flat_map(|row| [value(row), (row % 3) as f64, value(row) % 3.0]).collect();
    let together = model.predict(&Rows::new(3, rows.clone()));
    for (row, expected) in rows.chunks(3).zip(together) {
        assert_eq!(model.predict(&Rows::new(3, row.to_vec())), [expected], "{row:?}");
    }
}
