//! Makes the words of the bit-vector kernel out of a forest.

use super::{BLOCK_TREES, Bits, Block, MAX_SCALES, Place, Update, Word};
use crate::forest::scale::{Marks, Scale, Scales};
use crate::forest::trees::{Node, Trees};

/// What the ready-made rows of all blocks may take: half of a second-level cache.
const READY_BYTES: usize = 1024 * 1024;
/// The fewest updates that a place is away from a ready-made row, before there is another one.
const MIN_UPDATES: usize = 4;
/// The most: with more of them a walk is faster.
const MAX_UPDATES: usize = 256;
/// Places that all blocks may have together beside two for each node.
const SPARE_PLACES: usize = 4_096;

/// A split, as the words see it.
struct Split<W> {
    scale: usize,
    node_idx: usize,
    tree: u32,
    /// Rules out the leaves of the left child.
    mask: W,
}

impl<W: Word> Bits<W> {
    /// None where a tree has more leaves than a word has bits, or the words would take too much memory.
    pub(in crate::forest) fn new(trees: &Trees, scales: &Scales) -> Option<Self> {
        if scales.all.len() > MAX_SCALES {
            return None;
        }
        let mut first_place = Vec::new();
        let mut n_places = 0;
        for scale in &scales.all {
            first_place.push(n_places);
            n_places += u32::try_from(scale.n_places()).ok()?;
        }
        let all: Vec<_> = trees.iter().collect();
        let n_blocks = all.len().div_ceil(BLOCK_TREES);
        // Each block has every place: their number grows with the square of the trees'.
        if n_places as usize * n_blocks > 2 * trees.nodes.len() + SPARE_PLACES {
            return None;
        }
        let ready_bytes = READY_BYTES / n_blocks;
        let maker = Maker { trees, scales, ready_bytes };
        let blocks =
            all.chunks(BLOCK_TREES).map(|trees| maker.block(trees)).collect::<Option<_>>()?;
        Some(Self { n_columns: trees.n_columns, scales: scales.all.clone(), first_place, blocks })
    }
}

struct Maker<'a> {
    trees: &'a Trees,
    scales: &'a Scales,
    ready_bytes: usize,
}

impl Maker<'_> {
    fn block<W: Word>(&self, trees: &[(usize, &[Node])]) -> Option<Block<W>> {
        let mut splits = Vec::new();
        let mut leaves = Vec::new();
        for (tree_idx, &(start, tree)) in trees.iter().enumerate() {
            leaves.push(self.spread(start, tree, tree_idx as u32, &mut splits)?);
        }
        let chunk = size_of::<W::Chunk>() / size_of::<W>();
        let stride = trees.len().next_multiple_of(chunk);
        let most_rows = self.ready_bytes / (stride * size_of::<W>());
        let updates_apart = self.updates_apart(splits.len(), most_rows)?;
        let mut block = Block::of_leaves(leaves, stride, updates_apart);
        let mut by_scale: Vec<Vec<Split<W>>> = self.scales.all.iter().map(|_| Vec::new()).collect();
        for split in splits {
            by_scale[split.scale].push(split);
        }
        for (scale, splits) in self.scales.all.iter().zip(by_scale) {
            match &scale.marks {
                Marks::Thresholds(_) => self.thresholds(&mut block, scale, splits),
                Marks::Codes(codes) => self.codes(&mut block, codes, &splits),
            }
        }
        // Places near the end read beyond their own.
        let nothing = Update { tree: 0, mask: W::ALL };
        block.updates.extend(std::iter::repeat_n(nothing, updates_apart));
        Some(block)
    }

    /// How far places may be from a ready-made row, so that there are not more than `most_rows`.
    fn updates_apart(&self, n_splits: usize, most_rows: usize) -> Option<usize> {
        // The first; for each scale one for missing values, and for codes one for each place.
        let fixed = |scale: &Scale| match scale.marks {
            Marks::Thresholds(_) => 1,
            Marks::Codes(_) => scale.n_places(),
        };
        let fixed = 1 + self.scales.all.iter().map(fixed).sum::<usize>();
        let most_rows = most_rows.min(usize::from(u16::MAX));
        let mut apart = MIN_UPDATES;
        while fixed + n_splits / apart > most_rows {
            apart *= 2;
            if apart > MAX_UPDATES {
                return None;
            }
        }
        Some(apart)
    }

    /// Numbers the leaves from left to right, and notes what each split rules out.
    fn spread<W: Word>(
        &self,
        start: usize,
        tree: &[Node],
        tree_idx: u32,
        splits: &mut Vec<Split<W>>,
    ) -> Option<W::Leaves> {
        let mut leaves = W::NO_LEAVES;
        let mut n_leaves = 0;
        // Splits whose left child is being spread: the node, its first leaf, where it is noted.
        let mut open: Vec<(usize, usize, usize)> = Vec::new();
        let mut at = 0;
        loop {
            if !tree[at].is_leaf() {
                let node_idx = start + at;
                open.push((at, n_leaves, splits.len()));
                let scale = self.scales.scale_of(self.trees, node_idx);
                splits.push(Split { scale, node_idx, tree: tree_idx, mask: W::ALL });
                at = tree[at].left as usize;
                continue;
            }
            W::leaves_mut(&mut leaves)[n_leaves] = tree[at].value;
            n_leaves += 1;
            let Some((parent, first, split)) = open.pop() else { return Some(leaves) };
            // Where nodes have several parents, each way to a leaf is one of its own.
            if n_leaves == W::N_LEAVES {
                return None;
            }
            splits[split].mask = W::without(first, n_leaves - first);
            at = tree[parent].left as usize + 1;
        }
    }

    /// A threshold's splits say "right" at all places behind it.
    fn thresholds<W: Word>(&self, block: &mut Block<W>, scale: &Scale, splits: Vec<Split<W>>) {
        let idx = |split: &Split<W>| self.scales.threshold_idx(self.trees, split.node_idx);
        let mut splits: Vec<_> = splits.into_iter().map(|split| (idx(&split), split)).collect();
        splits.sort_by_key(|(idx, _)| *idx);
        let mut row = vec![W::ALL; block.stride];
        let mut place = block.first_row();
        block.places.push(place);
        let mut next = splits.iter().peekable();
        for threshold_idx in 0..scale.missing() - 1 {
            while let Some((_, split)) = next.next_if(|(idx, _)| *idx == threshold_idx) {
                row[split.tree as usize] &= split.mask;
                block.updates.push(Update { tree: split.tree, mask: split.mask });
            }
            let n_updates = block.updates.len() - place.first_update as usize;
            if n_updates >= block.updates_apart {
                place = block.add_row(&row);
            } else {
                place.n_updates = n_updates as u16;
            }
            block.places.push(place);
        }
        self.missing(block, splits.iter().map(|(_, split)| split));
    }

    fn codes<W: Word>(&self, block: &mut Block<W>, codes: &[u32], splits: &[Split<W>]) {
        let Some(sets) = &self.trees.sets else { return };
        let has = |split: &Split<W>, code| {
            let set = self.trees.set_of(split.node_idx);
            set.is_some_and(|set| sets.codes_of(set).binary_search(code).is_ok())
        };
        for code in codes {
            block.add_place(splits.iter().filter(|split| !has(split, code)));
        }
        block.add_place(splits.iter());
        self.missing(block, splits.iter());
    }

    fn missing<'a, W: Word + 'a>(
        &self,
        block: &mut Block<W>,
        splits: impl Iterator<Item = &'a Split<W>>,
    ) {
        block.add_place(splits.filter(|split| !self.trees.missing_goes_left(split.node_idx)));
    }
}

impl<W: Word> Block<W> {
    /// Without places; the first ready-made row has all bits.
    fn of_leaves(leaves: Vec<W::Leaves>, stride: usize, updates_apart: usize) -> Self {
        let ready = vec![W::ALL; stride];
        Self { stride, ready, places: Vec::new(), updates: Vec::new(), updates_apart, leaves }
    }

    fn first_row(&self) -> Place {
        Place { first_update: self.updates.len() as u32, n_updates: 0, ready: 0 }
    }

    fn add_row(&mut self, row: &[W]) -> Place {
        let ready = (self.ready.len() / self.stride) as u16;
        self.ready.extend_from_slice(row);
        Place { ready, ..self.first_row() }
    }

    /// A place where these splits say "right".
    fn add_place<'a>(&mut self, splits: impl Iterator<Item = &'a Split<W>>)
    where
        W: 'a,
    {
        let mut splits = splits.peekable();
        if splits.peek().is_none() {
            return self.places.push(self.first_row());
        }
        let mut row = vec![W::ALL; self.stride];
        for split in splits {
            row[split.tree as usize] &= split.mask;
        }
        let place = self.add_row(&row);
        self.places.push(place);
    }
}
