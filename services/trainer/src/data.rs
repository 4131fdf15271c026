//! The first step: a table to learn from, and rows to evaluate on.

use anyhow::Context as _;
use dataset::{Dataset, Note, ReadOptions, Schema, Source};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::config::FitArgs;

/// What a run learns from and is evaluated on, under one signature.
pub(crate) struct Data {
    pub(crate) train: Dataset,
    /// In shuffled order.
    pub(crate) test: Dataset,
    pub(crate) source: Source,
    /// A separate test table.
    pub(crate) test_source: Option<Source>,
    /// What a person should know of the data.
    pub(crate) notes: Vec<Note>,
}

/// Reads the table and sets rows aside, or reads the test table.
pub(crate) fn read(args: &FitArgs) -> anyhow::Result<Data> {
    let schema = args.schema.as_ref().map(Schema::read).transpose()?;
    let options = ReadOptions {
        categorical: args.categorical.clone(),
        ignore: args.ignore.clone(),
        schema,
        max_categories: args.max_categories,
        ..ReadOptions::new(&args.target)
    };
    let table = dataset::read(&args.data, &options)?;
    let mut notes = table.notes;
    let (train, test, test_source) = match &args.test_data {
        None => {
            let split = table.dataset.split(args.test_fraction, args.seed)?;
            notes.extend(split.notes);
            (split.train, split.test, None)
        }
        Some(location) => {
            let test = dataset::read_with(location, table.dataset.signature())
                .with_context(|| format!("reading the test table `{location}`"))?;
            notes.extend(test.notes);
            (table.dataset, shuffled(&test.dataset, args.seed), Some(test.source))
        }
    };
    Ok(Data { train, test, source: table.source, test_source, notes })
}

/// The same rows in another order: importances look at the first of them only.
fn shuffled(test: &Dataset, seed: u64) -> Dataset {
    let mut order: Vec<usize> = (0..test.n_rows()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let target = order.iter().map(|&row| test.target()[row]).collect();
    Dataset::new(test.signature().clone(), test.rows().select(&order), target)
}
