//! The first step: a table to learn from, and rows to evaluate on.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context as _;
use dataset::{Dataset, ReadOptions, Schema, Source};

use crate::config::FitArgs;
use crate::context::Context;
use crate::remote::{self, Located};
use crate::warning::{self, RunWarning, Warning};

/// From this share on, test rows that the model was fitted to are worth a warning. Short tables of few values have
/// some by chance.
const MANY_SEEN: f64 = 0.01;

/// What a run learns from and is evaluated on, under one signature.
pub(crate) struct Data {
    pub(crate) train: Dataset,
    /// In hash order: the first rows are a sample of all.
    pub(crate) test: Dataset,
    pub(crate) source: Source,
    /// A separate test table.
    pub(crate) test_source: Option<Source>,
    /// SHA-256 of the schema file.
    pub(crate) schema_sha256: Option<String>,
    /// Test rows that also stand in the training rows.
    pub(crate) n_seen: u64,
    /// What a person should know of the data.
    pub(crate) notes: Vec<Warning>,
}

impl Data {
    /// Adds what was found out later, and tells standard error.
    pub(crate) fn warn(&mut self, warnings: Vec<Warning>) {
        warning::log(&warnings);
        self.notes.extend(warnings);
    }
}

/// Reads the table and sets rows aside, or reads the test table.
pub(crate) fn read(args: &FitArgs, context: &Context<'_>) -> anyhow::Result<Data> {
    let schema = args.schema.as_deref().map(read_schema).transpose()?;
    let (schema, schema_sha256) = schema.unzip();
    let options = ReadOptions {
        categorical: args.categorical.clone(),
        ignore: args.ignore.clone(),
        schema,
        max_categories: args.max_categories,
        ..ReadOptions::new(&args.target)
    };
    let located = remote::locate(&args.data, context)?;
    // Both are fetched before the first is read, for nothing is known to be there until then.
    let test_located =
        args.test_data.as_ref().map(|location| remote::locate(location, context)).transpose()?;
    let plain = [Some(&located), test_located.as_ref()].into_iter().flatten();
    let plain: Vec<RunWarning> = plain.filter_map(|located| located.warning.clone()).collect();
    let table = dataset::read_input(located.input.as_ref(), &options)?;
    let mut notes = table.notes;
    let (train, test, test_source) = match test_located {
        None => {
            let split = table.dataset.split(args.test_fraction, args.seed)?;
            notes.extend(split.notes);
            (split.train, split.test, None)
        }
        Some(Located { input, .. }) => {
            let test = dataset::read_input_with(input.as_ref(), table.dataset.signature())
                .with_context(|| format!("reading the test table `{}`", input.location()))?;
            anyhow::ensure!(
                test.source.sha256 != table.source.sha256,
                "--data and --test-data are the same table, byte for byte: scores on rows that the model was fitted to \
                 say nothing; leave --test-data out to set rows aside"
            );
            notes.extend(test.notes);
            // The file's order means nothing: importances look at the first rows only.
            (table.dataset, test.dataset.in_hash_order(args.seed), Some(test.source))
        }
    };
    let plain = plain.into_iter().map(Warning::from);
    let mut notes: Vec<Warning> = plain.chain(notes.into_iter().map(Warning::from)).collect();
    let (n_seen, n_rows) = (n_seen(&train, &test), test.n_rows() as u64);
    if n_seen as f64 > MANY_SEEN * n_rows as f64 {
        notes.push(RunWarning::SeenTestRows { n_seen, n_rows }.into());
    }
    Ok(Data { train, test, source: table.source, test_source, schema_sha256, n_seen, notes })
}

/// The schema, and the digest of its file.
fn read_schema(path: &Path) -> anyhow::Result<(Schema, String)> {
    let json = std::fs::read_to_string(path)
        .with_context(|| format!("reading the schema file `{}`", path.display()))?;
    Ok((Schema::from_json(&json)?, registry::sha256_hex(json.as_bytes())))
}

/// How many test rows, target and all, also stand in the training rows.
fn n_seen(train: &Dataset, test: &Dataset) -> u64 {
    let mut tested: HashMap<Vec<u64>, u64> = HashMap::new();
    for row in 0..test.n_rows() {
        *tested.entry(bits(test, row)).or_default() += 1;
    }
    // Each is counted once, however often it stands in the training rows.
    (0..train.n_rows()).filter_map(|row| tested.remove(&bits(train, row))).sum()
}

/// A row so that equal ones are equal: there is one 0 and one missing value.
fn bits(dataset: &Dataset, row: usize) -> Vec<u64> {
    let one =
        |value: &f64| if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() };
    let values = dataset.rows().row(row).iter().chain([&dataset.target()[row]]);
    values.map(one).collect()
}
