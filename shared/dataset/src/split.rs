//! Seeded splits, and what the training rows alone know of the columns.

use schema::{Dtype, Feature, Output, Range, Signature};

use crate::{Dataset, DatasetError, MIN_ROWS, Note};

/// Scores of fewer test rows than these are noted.
const FEW_TEST_ROWS: usize = 30;

/// Two parts of a dataset, under one signature: that of the training rows.
#[derive(Debug, Clone)]
pub struct Split {
    /// The rows to learn from, in hash order.
    pub train: Dataset,
    /// The rows to evaluate on, in hash order: the first of them are a sample of all.
    pub test: Dataset,
    /// Test rows with categories that no training row has, and test rows too few to tell much.
    pub notes: Vec<Note>,
}

impl Dataset {
    /// Sets `round(n_rows × test_fraction)` rows aside, those with the smallest hashes: at least 1, and never
    /// so many that fewer than [`MIN_ROWS`] are left to learn from.
    ///
    /// A row's hash is made of the seed and the row's content alone ([`Dataset::in_hash_order`]). So the same rows and
    /// seed give the same split on every platform, in whatever order the file has its rows and columns. Rows that are
    /// appended leave nearly every earlier one on its side: only rows next to the cut, which moves a little, may
    /// change. A model fitted before can thereby be compared with one fitted now, on rows of which neither has learned
    /// from more than a few; seed, fraction and columns have to be the same. Equal rows stand on one side, except those
    /// at the cut, which are told apart by their position.
    ///
    /// Ranges and categories become those of the training rows, so that the signature promises nothing
    /// that training did not see; a category seen only in test rows is missing there. What a schema file
    /// declares stays, and so does `nullable`.
    ///
    /// # Errors
    ///
    /// If the fraction is not between 0 and 1; if it leaves fewer than [`MIN_ROWS`] rows to learn from; if the
    /// training rows hold no value of a column, or only one value of the target.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dataset::{ReadOptions, read};
    /// let table = read("synthetic:demand?rows=500", &ReadOptions::new("demand"))?;
    /// let split = table.dataset.split(0.2, 42)?;
    /// assert_eq!((split.train.n_rows(), split.test.n_rows()), (400, 100));
    /// assert_eq!(split.train.signature(), split.test.signature());
    /// # Ok::<(), dataset::DatasetError>(())
    /// ```
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<Split, DatasetError> {
        if !(test_fraction > 0.0 && test_fraction < 1.0) {
            return Err(DatasetError::TestFraction { fraction: test_fraction });
        }
        let n_rows = self.n_rows();
        let n_test = ((n_rows as f64 * test_fraction).round() as usize).max(1);
        let n_train = n_rows.saturating_sub(n_test);
        if n_train < MIN_ROWS {
            return Err(DatasetError::TooFewTrainingRows {
                fraction: test_fraction,
                n_train,
                n_rows,
                minimum: MIN_ROWS,
            });
        }
        let order = self.hash_order(seed);
        let (test, train) = order.split_at(n_test);

        let (signature, codes) = self.narrowed(train)?;
        let (train, _) = self.part(train, &signature, &codes);
        let (test, mut notes) = self.part(test, &signature, &codes);
        notes.extend(few_test_rows(n_test));
        Ok(Split { train, test, notes })
    }

    /// The signature of these rows, and the new code of every old one, for each feature.
    fn narrowed(&self, row_idx: &[usize]) -> Result<(Signature, Vec<Codes>), DatasetError> {
        let mut features = Vec::with_capacity(self.signature().n_features());
        let mut codes = Vec::with_capacity(self.signature().n_features());
        for feature_idx in 0..self.signature().n_features() {
            let (feature, new_codes) = self.narrowed_feature(feature_idx, row_idx)?;
            features.push(feature);
            codes.push(new_codes);
        }
        let old = self.signature().target();
        let (minimum, maximum) = extent(row_idx.iter().map(|&row| self.target()[row]));
        if minimum == maximum {
            return Err(DatasetError::ConstantTarget {
                column: old.name.clone(),
                value: minimum,
                rows: "row of the training split",
            });
        }
        let output = Output { range: Range { minimum, maximum }, ..old.clone() };
        Ok((Signature::new(features, output)?, codes))
    }

    fn narrowed_feature(
        &self,
        feature_idx: usize,
        row_idx: &[usize],
    ) -> Result<(Feature, Codes), DatasetError> {
        let mut feature = self.signature().features()[feature_idx].clone();
        let declared = self.declared[feature_idx];
        let values = || {
            row_idx
                .iter()
                .map(|&row| self.rows().row(row)[feature_idx])
                .filter(|value| !value.is_nan())
        };
        if values().next().is_none() {
            return Err(DatasetError::NoTrainingValue { column: feature.name });
        }
        let mut codes = None;
        match feature.dtype {
            Dtype::Number | Dtype::Integer => {
                let (minimum, maximum) = extent(values());
                feature.range = declared.range(minimum, maximum);
            }
            Dtype::Category if !declared.categories => {
                let mut seen = vec![false; feature.categories.len()];
                values().for_each(|code| seen[code as usize] = true);
                codes = Some(renumbered(&seen));
                let mut seen = seen.into_iter();
                feature.categories.retain(|_| seen.next() == Some(true));
            }
            Dtype::Category | Dtype::Boolean => {}
        }
        Ok((feature, codes))
    }

    /// These rows under a narrowed signature.
    fn part(&self, row_idx: &[usize], signature: &Signature, codes: &[Codes]) -> (Self, Vec<Note>) {
        let mut rows = self.rows().select(row_idx);
        let mut n_unseen = vec![0; codes.len()];
        for row in rows.values_mut().chunks_exact_mut(codes.len()) {
            for ((value, codes), n_unseen) in row.iter_mut().zip(codes).zip(&mut n_unseen) {
                if let Some(codes) = codes
                    && !value.is_nan()
                {
                    *value = codes[*value as usize];
                    *n_unseen += u64::from(value.is_nan());
                }
            }
        }
        let notes = (signature.features().iter().zip(n_unseen))
            .filter(|(_, n_unseen)| *n_unseen > 0)
            .map(|(feature, n_rows)| Note::UnseenCategories {
                column: feature.name.clone(),
                n_rows,
                n_test_rows: row_idx.len() as u64,
            })
            .collect();
        let target = row_idx.iter().map(|&row| self.target()[row]).collect();
        let part = Self::new(signature.clone(), rows, target).declaring(self.declared.clone());
        (part, notes)
    }
}

/// A note where scores say little.
pub(crate) fn few_test_rows(n_test: usize) -> Option<Note> {
    (n_test < FEW_TEST_ROWS).then_some(Note::FewTestRows { n_test_rows: n_test as u64 })
}

/// The new code of every old one, NaN for those that are gone; none where codes stay.
type Codes = Option<Vec<f64>>;

fn renumbered(seen: &[bool]) -> Vec<f64> {
    let mut next = 0.0;
    seen.iter()
        .map(|&seen| {
            if !seen {
                return f64::NAN;
            }
            next += 1.0;
            next - 1.0
        })
        .collect()
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}
