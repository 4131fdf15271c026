//! Every layout and every instruction set must answer as the simple traversal does, bit for bit.

mod random;

use proptest::prelude::*;

use super::kernel::Kernel;
use super::scale::Scales;
use super::simd::Level;
use super::*;
use random::Shape;

const LAYOUTS: [Layout; 6] =
    [Layout::Simple, Layout::Bits8, Layout::Bits32, Layout::Bits64, Layout::Heap, Layout::Walk];

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Predicts with each layout that the forest fits into, on each instruction set; gives the layouts.
fn assert_as_reference(forest: &Forest, columns: &[f64]) -> Vec<Layout> {
    let mut expected = vec![0.0; columns.len() / forest.n_columns()];
    forest.predict_by_reference(columns, &mut expected);
    let mut found = vec![f64::NAN; expected.len()];
    forest.predict(columns, &mut found);
    assert_eq!(bits(&found), bits(&expected), "{:?}, as chosen", forest.layout());
    let Some(scales) = Scales::of_trees(&forest.trees) else { return Vec::new() };
    let mut layouts = Vec::new();
    for layout in LAYOUTS {
        for level in Level::available() {
            let Some(kernel) = Kernel::new(layout, &forest.trees, &scales, level) else { continue };
            let forced = Forest { trees: forest.trees.clone(), kernel: Box::new(kernel) };
            forced.predict(columns, &mut found);
            assert_eq!(bits(&found), bits(&expected), "{layout:?} on {}", level.name());
            layouts.push(layout);
        }
    }
    layouts.dedup();
    layouts
}

/// Shapes that fit into each of the layouts, and into some only.
fn shapes() -> impl Strategy<Value = Shape> {
    let n_leaves = prop::sample::select(vec![1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 300]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (any::<u64>(), 1..40_usize, n_leaves, 1..7_usize, flags).prop_map(
        |(seed, n_trees, most_leaves, n_columns, (is_chain, has_missing, has_sets, has_base))| {
            Shape {
                seed,
                n_trees,
                most_leaves,
                n_columns,
                is_chain,
                has_missing,
                has_sets,
                has_base,
            }
        },
    )
}

proptest! {
    #[test]
    fn every_layout_answers_as_the_reference(shape in shapes(), n_rows in 1..200_usize) {
        let (forest, mut random) = shape.forest();
        let columns = random.rows(&forest, n_rows);
        let layouts = assert_as_reference(&forest, &columns);
        prop_assert!(layouts.contains(&Layout::Walk), "there are questions enough");
        prop_assert_eq!(layouts.contains(&Layout::Bits8), shape.most_leaves <= 8);
        prop_assert_eq!(layouts.contains(&Layout::Bits32), shape.most_leaves <= 32);
        prop_assert_eq!(layouts.contains(&Layout::Bits64), shape.most_leaves <= 64);
    }

    /// Rows alone give the same bits as rows together.
    #[test]
    fn a_row_does_not_depend_on_its_neighbours(shape in shapes(), n_rows in 1..40_usize) {
        let (forest, mut random) = shape.forest();
        let columns = random.rows(&forest, n_rows);
        let mut together = vec![0.0; n_rows];
        forest.predict(&columns, &mut together);
        for (row, expected) in columns.chunks(forest.n_columns()).zip(together) {
            let mut alone = [0.0];
            forest.predict(row, &mut alone);
            prop_assert_eq!(alone[0].to_bits(), expected.to_bits());
        }
    }
}

/// Shapes that are too large for hundreds of cases.
#[test]
fn large_forests_answer_as_the_reference() {
    let plain = Shape::default();
    let cases = [
        Shape { n_trees: 2_000, most_leaves: 8, n_columns: 9, ..plain },
        Shape { n_trees: 1_030, most_leaves: 31, n_columns: 9, has_missing: true, ..plain },
        Shape { n_trees: 600, most_leaves: 64, n_columns: 4, has_base: true, ..plain },
        Shape { n_trees: 20, most_leaves: 4_096, n_columns: 9, has_missing: true, ..plain },
        Shape { n_trees: 2, most_leaves: 4_096, n_columns: 3, is_chain: true, ..plain },
        Shape {
            n_trees: 1,
            most_leaves: 4_096,
            n_columns: 2,
            is_chain: true,
            has_sets: true,
            ..plain
        },
        Shape { n_trees: 2_000, most_leaves: 1, n_columns: 1, ..plain },
    ];
    for shape in cases {
        let (forest, mut random) = shape.forest();
        for n_rows in [1, 8, 70] {
            let columns = random.rows(&forest, n_rows);
            assert_as_reference(&forest, &columns);
        }
    }
}

#[test]
fn the_layout_follows_the_shape() {
    let layout = |n_trees, most_leaves, n_columns| {
        let shape = Shape { n_trees, most_leaves, n_columns, ..Shape::default() };
        shape.forest().0.layout()
    };
    assert_eq!(layout(1, 8, 3), Layout::Simple, "a handful of nodes");
    assert_eq!(layout(100, 8, 3), Layout::Bits8);
    assert_eq!(layout(100, 31, 3), Layout::Bits32);
    assert_eq!(layout(100, 33, 3), Layout::Bits64);
    assert_eq!(layout(100, 300, 3), Layout::Walk);
    assert_eq!(full(7, 20).layout(), Layout::Heap);
    assert_eq!(full(13, 20).layout(), Layout::Walk, "too many levels");
}

/// Each block of trees would have the places of all: a small file must not become gigabytes.
#[test]
fn very_many_trees_are_no_bits() {
    let stump = |at: u32| {
        vec![Node { value: f64::from(at), feature: 0, left: 1 }, Node::leaf(1.0), Node::leaf(2.0)]
    };
    let forest = Forest::new((0..20_000).map(stump), 1).expect("stumps");
    assert_eq!(forest.layout(), Layout::Heap);
    assert_as_reference(&forest, &[-1.0, 7.0, 9_999.5, 1e9, f64::NAN]);
}

/// Trees in which every leaf is on the last level but a few, in their numbers' order.
fn full(depth: u32, n_trees: usize) -> Forest {
    let n_splits = (1_usize << depth) - 1;
    let tree = |tree_idx: usize| {
        let node = |at: usize| match at < n_splits && (at + tree_idx) % 97 != 96 {
            true => {
                Node { value: (at % 61) as f64, feature: at as u32 % 5, left: 2 * at as u32 + 1 }
            }
            false => Node::leaf(at as f64 + 0.1),
        };
        (0..2 * n_splits + 1).map(node).collect()
    };
    Forest::new((0..n_trees).map(tree), 5).expect("full trees")
}

#[test]
fn full_trees_answer_as_the_reference() {
    for depth in 1..=12 {
        let forest = full(depth, if depth < 10 { 19 } else { 3 });
        let values = (0..5 * 77).map(|at| f64::from(at * 31 % 67) - 2.5);
        let columns: Vec<_> = values.chain([f64::NAN; 5]).collect();
        assert!(assert_as_reference(&forest, &columns).contains(&Layout::Heap), "depth {depth}");
    }
}

/// Trees that ask each column once, and rows of which each leaves them one column later.
fn wide(n_columns: usize) -> (Forest, Vec<f64>) {
    let split = |column| Node { value: 0.5, feature: column, left: 2 * column + 1 };
    let mut tree = vec![split(0)];
    for column in 1..n_columns as u32 {
        tree.extend([Node::leaf(f64::from(column)), split(column)]);
    }
    tree.extend([Node::leaf(-1.0), Node::leaf(-2.0)]);
    let forest = Forest::new(vec![tree; 12], n_columns).expect("chains over all columns");
    let above_until = |row| (0..n_columns).map(move |column| f64::from(u8::from(column < row)));
    (forest, (0..n_columns).flat_map(above_until).collect())
}

#[test]
fn columns_beyond_what_a_layout_can_name_take_another() {
    let cases =
        [(63, Layout::Bits64), (64, Layout::Walk), (255, Layout::Walk), (256, Layout::Simple)];
    for (n_columns, layout) in cases {
        let (forest, columns) = wide(n_columns);
        assert_as_reference(&forest, &columns);
        assert_eq!(forest.layout(), layout, "{n_columns} columns");
    }
    let stump =
        |feature| vec![Node { value: 0.5, feature, left: 1 }, Node::leaf(1.0), Node::leaf(2.0)];
    for (n_columns, fits) in [(128, true), (129, false)] {
        let forest = Forest::new((0..n_columns).map(stump), n_columns as usize).expect("stumps");
        let layouts = assert_as_reference(&forest, &vec![0.7; n_columns as usize]);
        assert_eq!(layouts.contains(&Layout::Bits8), fits, "{n_columns} columns");
        assert!(layouts.contains(&Layout::Walk));
    }
}

#[test]
fn nodes_with_several_parents_are_walked_as_they_are() {
    let split = |value, left| Node { value, feature: 0, left };
    let leaf = Node::leaf;
    // 1 and 2 share the child 4.
    let shared =
        vec![split(0.0, 1), split(-1.0, 3), split(1.0, 4), leaf(1.0), leaf(2.0), leaf(3.0)];
    // Both nodes of a rung have both nodes of the next as children: 2 to the 40th ways to the last.
    let rung = |rung: u32| [split(0.0, 2 * rung + 1), split(0.5, 2 * rung + 1)];
    let ladder: Vec<_> = [split(0.0, 1)]
        .into_iter()
        .chain((1..40).flat_map(rung))
        .chain([leaf(4.0), leaf(5.0)])
        .collect();
    let forest = Forest::new(vec![shared; 5], 1).expect("children behind their parents");
    let columns = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, f64::NAN];
    assert!(assert_as_reference(&forest, &columns).contains(&Layout::Bits8));
    let forest = Forest::new([ladder], 1).expect("children behind their parents");
    let layouts = assert_as_reference(&forest, &columns);
    assert_eq!(layouts, [Layout::Simple, Layout::Walk], "too many ways for a word");
}

#[test]
fn missing_values_go_where_their_node_says() {
    let stump = || vec![Node { value: 0.0, feature: 0, left: 1 }, Node::leaf(1.0), Node::leaf(2.0)];
    let forest = Forest::new([stump(), stump()], 1).expect("stumps");
    let mut found = [0.0];
    forest.predict(&[f64::NAN], &mut found);
    assert_eq!(found, [1.0], "left in both");
    let forest = forest.with_missing_left(vec![true, true, true, false, true, true]);
    forest.expect("one for each node").predict(&[f64::NAN], &mut found);
    assert_eq!(found, [1.5], "right in the second");
}

#[test]
fn a_base_is_added_to_the_sum_of_the_trees() {
    let forest = Forest::new(vec![vec![Node::leaf(0.5)]; 3], 1).expect("leaves");
    let mut found = [0.0];
    forest.predict(&[0.0], &mut found);
    assert_eq!(found, [0.5], "their mean");
    forest.with_base(10.0).expect("finite").predict(&[0.0], &mut found);
    assert_eq!(found, [11.5]);
}

#[test]
fn a_set_takes_its_codes_left_and_everything_else_right() {
    let stump = vec![Node { value: 0.0, feature: 0, left: 1 }, Node::leaf(1.0), Node::leaf(2.0)];
    let forest = Forest::new(vec![stump; 10], 1).expect("stumps");
    let set_of_node = [1, 0, 0].repeat(10);
    let forest = forest.with_sets(set_of_node, vec![vec![7, 0, 3]]).expect("one set");
    let large = f64::from(u32::MAX);
    let columns =
        [0.0, -0.0, 3.0, 7.0, 1.0, 2.5, -3.0, 3.0_f64.next_up(), large, 1e300, f64::INFINITY];
    let mut found = vec![0.0; columns.len()];
    forest.predict(&columns, &mut found);
    assert_eq!(found, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]);
    assert_as_reference(&forest, &columns);
}

#[test]
fn sets_of_very_many_codes_leave_a_forest_as_it_is() {
    let split =
        |feature| vec![Node { value: 0.0, feature, left: 1 }, Node::leaf(1.0), Node::leaf(2.0)];
    let forest = |n_codes, n_columns: usize| {
        let forest = Forest::new((0..n_columns as u32).map(split), n_columns).expect("stumps");
        let set_of_node = [1, 0, 0].repeat(n_columns);
        forest.with_sets(set_of_node, vec![(0..n_codes).collect()]).expect("one set")
    };
    let columns: Vec<_> = (0..50).map(|column| f64::from(column * 500)).collect();
    assert!(!assert_as_reference(&forest(20_000, 5), &columns).is_empty());
    assert!(assert_as_reference(&forest(20_000, 50), &columns).is_empty(), "a million in all");
    assert_eq!(forest(20_000, 50).layout(), Layout::Simple);
}

#[test]
fn refuses_parts_that_do_not_fit_the_nodes() {
    let stump = vec![Node { value: 0.0, feature: 0, left: 1 }, Node::leaf(1.0), Node::leaf(2.0)];
    let forest = || Forest::new([stump.clone()], 1).expect("a stump");
    assert!(forest().with_base(f64::NAN).is_err());
    assert!(forest().with_missing_left(vec![true; 2]).is_err(), "too few");
    assert!(forest().with_sets(vec![1, 0], vec![vec![1]]).is_err(), "too few");
    assert!(forest().with_sets(vec![2, 0, 0], vec![vec![1]]).is_err(), "no such set");
    assert!(forest().with_sets(vec![1, 1, 0], vec![vec![1]]).is_err(), "a leaf with a set");
    assert!(forest().with_sets(vec![1, 0, 0], vec![vec![]]).is_ok(), "an empty set");
}
