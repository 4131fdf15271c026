//! Settings of `fit`, and what clap cannot see of them.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use registry::ModelName;

use super::estimator::EstimatorArgs;
use super::{ActArgs, CommonArgs, GateArgs};
use crate::publish::Promote;

/// Settings of `fit`.
#[derive(Debug, Clone, Args)]
#[command(allow_negative_numbers = true)] // so that -1 is refused as a value, not as a flag
pub(crate) struct FitArgs {
    /// The table, a CSV with a header: a path, https://…, s3://bucket/key, or synthetic:demand?rows=20000&seed=7;
    /// packed with gzip or zstd or not
    #[arg(long, env = "CANOPY_DATA", value_name = "FILE", help_heading = "Data")]
    pub(crate) data: String,

    /// The column to predict; its values must be numbers
    #[arg(long, env = "CANOPY_TARGET", value_name = "COLUMN", help_heading = "Data")]
    pub(crate) target: String,

    /// The model's name: 1 to 63 of a-z, 0-9, `.`, `_` and `-`
    #[arg(long, env = "CANOPY_MODEL", value_name = "NAME", help_heading = "Data")]
    pub(crate) model: ModelName,

    /// Columns to read as categories whatever they look like; repeat the flag (in the variable: commas)
    #[arg(long, env = "CANOPY_CATEGORICAL", value_name = "COLUMN", help_heading = "Data")]
    pub(crate) categorical: Vec<String>,

    /// Columns to leave out; repeat the flag (in the variable: commas)
    #[arg(long, env = "CANOPY_IGNORE", value_name = "COLUMN", help_heading = "Data")]
    pub(crate) ignore: Vec<String>,

    /// A JSON file that says dtype, range and categories of some columns instead of having them inferred
    #[arg(long, env = "CANOPY_SCHEMA", value_name = "FILE", help_heading = "Data")]
    pub(crate) schema: Option<PathBuf>,

    /// The most different values a category may have, 1 to 1000000
    #[arg(
        long,
        env = "CANOPY_MAX_CATEGORIES",
        value_name = "N",
        help_heading = "Data",
        default_value_t = dataset::DEFAULT_MAX_CATEGORIES,
        value_parser = whole(1, 1_000_000),
    )]
    pub(crate) max_categories: usize,

    /// The share of rows to evaluate on, above 0 and below 1
    #[arg(
        long,
        env = "CANOPY_TEST_FRACTION",
        value_name = "FRACTION",
        help_heading = "Data",
        default_value_t = 0.2,
        value_parser = fraction,
    )]
    pub(crate) test_fraction: f64,

    /// A table to evaluate on instead, wherever --data may lie: then all rows of --data are for training
    #[arg(long, env = "CANOPY_TEST_DATA", value_name = "FILE", help_heading = "Data")]
    pub(crate) test_data: Option<String>,

    #[command(flatten)]
    pub(crate) estimator: EstimatorArgs,

    /// Where split and estimator start to draw from: the same seed gives the same weights, byte for byte
    #[arg(long, env = "CANOPY_SEED", value_name = "N", help_heading = "Run", default_value_t = 42)]
    pub(crate) seed: u64,

    /// Threads to fit on, up to 1024; 0: one for each core. The weights are the same on any number
    #[arg(
        long,
        env = "CANOPY_THREADS",
        value_name = "N",
        help_heading = "Run",
        default_value_t = 0,
        value_parser = whole(0, 1024),
    )]
    pub(crate) threads: usize,

    /// When the new version becomes the champion, which is served (the first version always does)
    #[arg(
        long,
        env = "CANOPY_PROMOTE",
        value_name = "WHEN",
        help_heading = "Run",
        num_args = 0..=1,
        default_value = "never",
        default_missing_value = "always",
        value_enum,
    )]
    pub(crate) promote: Promote,

    /// Rows set aside that are kept with the version, to compare it with others; 0: none
    #[arg(
        long,
        env = "CANOPY_HOLDOUT_ROWS",
        value_name = "N",
        help_heading = "Run",
        default_value_t = 10_000,
        value_parser = whole(0, 10_000_000),
    )]
    pub(crate) holdout_rows: usize,

    /// Remove all but so many of the newest versions afterwards, as `prune` does; 0: none
    #[arg(
        long,
        env = "CANOPY_KEEP",
        value_name = "N",
        help_heading = "Run",
        default_value_t = 0,
        value_parser = whole(0, 1_000_000),
    )]
    pub(crate) keep: usize,

    /// A private key to sign the version with, as `keygen` makes it
    #[arg(long, env = "CANOPY_SIGNING_KEY", value_name = "FILE", help_heading = "Run")]
    pub(crate) signing_key: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) gates: GateArgs,

    #[command(flatten)]
    pub(crate) act: ActArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl FitArgs {
    /// What clap cannot see: lists in variables, flags that exclude each other, hyperparameters' ranges.
    pub(super) fn settle(&mut self, matches: &ArgMatches) -> Result<(), String> {
        let is_variable = |id| matches.value_source(id) == Some(ValueSource::EnvVariable);
        for (id, names) in [("categorical", &mut self.categorical), ("ignore", &mut self.ignore)] {
            if is_variable(id) {
                *names = listed(names);
            }
        }
        let has_fraction = matches.value_source("test_fraction") == Some(ValueSource::CommandLine);
        if self.test_data.is_some() && has_fraction {
            return Err("--test-data and --test-fraction are both given; choose one".to_owned());
        }
        self.estimator.settle(matches)?;
        let estimator = self.estimator.estimator(self.seed);
        estimator.check().map_err(|error| error.to_string())
    }
}

/// The names in a variable, which are separated by commas.
fn listed(names: &[String]) -> Vec<String> {
    let names = names.iter().flat_map(|names| names.split(','));
    names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A whole number in a range.
pub(super) fn whole(
    least: usize,
    greatest: usize,
) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| match text.parse() {
        Ok(number) if (least..=greatest).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {least} to {greatest}")),
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(fraction) if fraction > 0.0 && fraction < 1.0 => Ok(fraction),
        _ => Err("expected a number above 0 and below 1, such as 0.2".to_owned()),
    }
}
