//! The order of rows by a hash of their content: what a split and every "first rows" are taken from.

use schema::{Dtype, Feature};
use sha2::{Digest as _, Sha256};

use crate::Dataset;

/// In front of a value: what follows it, so that no two rows are the same bytes.
const MISSING: u8 = 0;
const NUMBER: u8 = 1;
const TEXT: u8 = 2;

impl Dataset {
    /// The same rows, ascending by a hash of the seed and their content.
    ///
    /// A row's place depends on nothing but the row itself: not on the order of rows or columns in the file, nor on
    /// the other rows, which merely stand before or behind it. Its first rows are therefore a sample of all of them, and
    /// nearly the same sample once the table has grown. Equal rows stand side by side, in the order they had.
    ///
    /// The hash is the first 8 bytes of a SHA-256, as a big-endian number; the same on every platform. Hashed are the
    /// seed, the names of the features in ascending order and that of the target, then the row's values in the same
    /// order: a number or integer as the bits of its 64-bit float (−0 as 0), a category or boolean as its text, whatever
    /// its code, a missing value as such. Another set of columns gives another order, and so does a column of numbers that
    /// is read as categories.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dataset::{ReadOptions, read};
    /// let dataset = read("synthetic:demand?rows=500", &ReadOptions::new("demand"))?.dataset;
    /// let ordered = dataset.in_hash_order(42);
    /// assert_eq!(ordered.in_hash_order(42).target(), ordered.target());
    /// assert_ne!(ordered.in_hash_order(43).target(), ordered.target());
    /// # Ok::<(), dataset::DatasetError>(())
    /// ```
    pub fn in_hash_order(&self, seed: u64) -> Self {
        let order = self.hash_order(seed);
        let target = order.iter().map(|&row| self.target()[row]).collect();
        Self::new(self.signature().clone(), self.rows().select(&order), target)
            .declaring(self.declared.clone())
    }

    /// The index of every row, ascending by the row's hash; of equal ones, by the index.
    pub(crate) fn hash_order(&self, seed: u64) -> Vec<usize> {
        let features = self.signature().features();
        let mut columns: Vec<usize> = (0..features.len()).collect();
        columns.sort_unstable_by_key(|&feature_idx| &features[feature_idx].name);

        // Names are the same for every row: they are hashed once.
        let mut start = Sha256::new();
        start.update(seed.to_be_bytes());
        for &feature_idx in &columns {
            text(&mut start, &features[feature_idx].name);
        }
        text(&mut start, &self.signature().target().name);

        let mut hashed: Vec<(u64, usize)> = (self.rows().iter().zip(self.target()).enumerate())
            .map(|(row_idx, (row, &target))| {
                let mut hash = start.clone();
                for &feature_idx in &columns {
                    value(&mut hash, &features[feature_idx], row[feature_idx]);
                }
                number(&mut hash, target);
                (first_bytes(hash), row_idx)
            })
            .collect();
        hashed.sort_unstable();
        hashed.into_iter().map(|(_, row_idx)| row_idx).collect()
    }
}

fn value(hash: &mut Sha256, feature: &Feature, value: f64) {
    if value.is_nan() {
        hash.update([MISSING]);
        return;
    }
    match feature.dtype {
        Dtype::Number | Dtype::Integer => number(hash, value),
        // As text, for one more value makes a category column of a boolean one.
        Dtype::Boolean => text(hash, if value == 0.0 { "false" } else { "true" }),
        // Codes depend on the other categories, and so on the other rows.
        Dtype::Category => text(hash, &feature.categories[value as usize]),
    }
}

fn number(hash: &mut Sha256, value: f64) {
    hash.update([NUMBER]);
    // −0 + 0 is 0.
    hash.update((value + 0.0).to_bits().to_be_bytes());
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update([TEXT]);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

fn first_bytes(hash: Sha256) -> u64 {
    hash.finalize().iter().take(8).fold(0, |first, &byte| (first << 8) | u64::from(byte))
}
