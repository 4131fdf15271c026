//! Settings of `predict`.

use clap::Args;

use super::CommonArgs;
use super::fit::whole;

/// Settings of `predict`.
#[derive(Debug, Clone, Args)]
#[command(allow_negative_numbers = true)] // so that -1 is refused as a value, not as a flag
pub(crate) struct PredictArgs {
    /// The model, and after an @ the version's number or alias; without: the champion, or else the newest
    #[arg(long, env = "CANOPY_MODEL", value_name = "MODEL[@VERSION]")]
    pub(crate) model: String,

    /// The rows, a CSV with a header: a path, https://…, s3://bucket/key, or - for standard input;
    /// packed with gzip or zstd or not
    #[arg(long, env = "CANOPY_DATA", value_name = "FILE", allow_hyphen_values = true)]
    pub(crate) data: String,

    /// Where the same rows go with their predictions, or - for standard output; a file that is there is replaced
    /// once the new one is whole
    #[arg(long, env = "CANOPY_OUT", value_name = "FILE", allow_hyphen_values = true)]
    pub(crate) out: String,

    /// The name of the new column, which is the last
    #[arg(
        long,
        env = "CANOPY_PREDICTION_COLUMN",
        value_name = "NAME",
        default_value = "prediction",
        value_parser = column,
    )]
    pub(crate) prediction_column: String,

    /// Threads to predict on, up to 1024; 0: one for each core. The output is the same on any number
    #[arg(
        long,
        env = "CANOPY_THREADS",
        value_name = "N",
        default_value_t = 0,
        value_parser = whole(0, 1024),
    )]
    pub(crate) threads: usize,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

fn column(name: &str) -> Result<String, String> {
    let is_plain = !name.trim().is_empty() && !name.contains(['"', ',', '\n', '\r']);
    if is_plain && name.trim() == name {
        return Ok(name.to_owned());
    }
    Err("expected a name without commas, quotes, line ends, and spaces around it".to_owned())
}
