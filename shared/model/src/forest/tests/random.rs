//! Forests and rows from a seed: any shape, and the numbers on which comparisons go wrong.

use crate::forest::{Forest, Node};

const LEAST: f64 = f64::from_bits(1);
/// Thresholds that many splits share, and values that lie at them: both zeros, subnormal and extreme ones.
const ODD: [f64; 14] = [
    0.0,
    -0.0,
    LEAST,
    -LEAST,
    1e-310,
    -f64::MIN_POSITIVE,
    1.0,
    -1.0,
    0.1,
    3.0,
    f64::MAX,
    f64::MIN,
    1e15,
    -2.5,
];
const NEVER_FINITE: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
const N_SETS: usize = 6;
const MOST_CODES: u64 = 12;

/// What a random forest looks like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) seed: u64,
    pub(super) n_trees: usize,
    /// The first tree has as many, the others from one up to as many.
    pub(super) most_leaves: usize,
    pub(super) n_columns: usize,
    /// Every split has a leaf on one side.
    pub(super) is_chain: bool,
    pub(super) has_missing: bool,
    pub(super) has_sets: bool,
    pub(super) has_base: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            seed: 7,
            n_trees: 1,
            most_leaves: 1,
            n_columns: 1,
            is_chain: false,
            has_missing: false,
            has_sets: false,
            has_base: false,
        }
    }
}

impl Shape {
    pub(super) fn forest(&self) -> (Forest, Random) {
        let mut random = Random(self.seed);
        let trees: Vec<_> =
            (0..self.n_trees).map(|tree_idx| self.tree(tree_idx, &mut random)).collect();
        let nodes: Vec<_> = trees.iter().flatten().copied().collect();
        let mut forest = Forest::new(trees, self.n_columns).expect("trees");
        if self.has_missing {
            let missing_left = nodes.iter().map(|_| random.flip()).collect();
            forest = forest.with_missing_left(missing_left).expect("one for each node");
        }
        if self.has_sets {
            let mut of_node =
                |node: &Node| if node.left == 0 { 0 } else { random.below(N_SETS + 1) as u32 };
            let of_node = nodes.iter().map(&mut of_node).collect();
            let sets = (0..N_SETS).map(|_| random.set()).collect();
            forest = forest.with_sets(of_node, sets).expect("sets of splits");
        }
        if self.has_base {
            forest = forest.with_base(random.number()).expect("finite");
        }
        (forest, random)
    }

    fn tree(&self, tree_idx: usize, random: &mut Random) -> Vec<Node> {
        let n_leaves =
            if tree_idx == 0 { self.most_leaves } else { 1 + random.below(self.most_leaves) };
        let mut tree = vec![Node::leaf(random.small())];
        let mut leaves = vec![0];
        while leaves.len() < n_leaves {
            let last = leaves.len() - 1;
            let split =
                leaves.swap_remove(if self.is_chain { last } else { random.below(last + 1) });
            let left = tree.len();
            let feature = random.below(self.n_columns) as u32;
            tree[split] = Node { value: random.number(), feature, left: left as u32 };
            tree.extend([Node::leaf(random.small()), Node::leaf(random.small())]);
            // The one that is split next in a chain may be on either side.
            let swap = usize::from(random.flip());
            leaves.extend([left + swap, left + 1 - swap]);
        }
        tree
    }
}

/// Numbers from a seed (SplitMix64, Steele et al. 2014).
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn flip(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// Between −1 and 1, with all its digits: a sum in another order has other bits.
    fn small(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Finite: odd or small.
    fn number(&mut self) -> f64 {
        if self.below(3) == 0 { ODD[self.below(ODD.len())] } else { self.small() }
    }

    fn set(&mut self) -> Vec<u32> {
        (0..self.below(5)).map(|_| (self.next() % MOST_CODES) as u32).collect()
    }

    /// Row-major values: thresholds of the forest and their neighbours, codes, odd ones and those that never are.
    pub(super) fn rows(&mut self, forest: &Forest, n_rows: usize) -> Vec<f64> {
        (0..n_rows * forest.n_columns()).map(|_| self.value(forest)).collect()
    }

    fn value(&mut self, forest: &Forest) -> f64 {
        let nodes = &forest.trees.nodes;
        match self.below(8) {
            0 => NEVER_FINITE[self.below(NEVER_FINITE.len())],
            1 => ODD[self.below(ODD.len())],
            2 => (self.next() % (MOST_CODES + 2)) as f64,
            3 => nodes[self.below(nodes.len())].value,
            4 => nodes[self.below(nodes.len())].value.next_up(),
            5 => nodes[self.below(nodes.len())].value.next_down(),
            _ => self.small(),
        }
    }
}
