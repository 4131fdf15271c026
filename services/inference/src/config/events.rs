//! The settings of prediction events: where they go, how many, and what of them is private.

use std::path::PathBuf;

use clap::Args;

use crate::events::{MetricsUrl, PrivateFeature};

/// What is sent to the metrics service.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Prediction events")]
pub struct EventArgs {
    /// The metrics service that a sample of predictions is sent to, such as http://metrics:8001.
    /// Without one, none is sent
    #[arg(long, env = "CANOPY_METRICS_URL", value_name = "URL")]
    pub metrics_url: Option<MetricsUrl>,
    /// A file with the key that the metrics service asks for, and nothing else; it is read again
    /// when it changes
    #[arg(long, env = "CANOPY_METRICS_KEY_FILE", value_name = "FILE")]
    pub metrics_key_file: Option<PathBuf>,
    /// Events a second, one for each sampled row; 0 for none. What the metrics service keeps of them
    /// takes some 400 bytes each, so 5 a second are 350 MB in two days
    #[arg(long, env = "CANOPY_EVENT_RATE", value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(0..=MAX_EVENT_RATE))]
    pub event_rate: u32,
    /// Features whose values events must not show, with commas: NAME or NAME=omit leaves them out,
    /// NAME=hash sends their HMAC-SHA256, keyed by the metrics key and cut to 16 digits. Until each
    /// name was met in a version that is served, no event is sent
    #[arg(long, env = "CANOPY_PRIVATE_FEATURES", value_name = "NAMES", value_delimiter = ',')]
    pub private_features: Vec<PrivateFeature>,
}

/// Those that come between two batches then fill half of the queue.
const MAX_EVENT_RATE: i64 = 10_000;
