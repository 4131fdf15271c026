//! Every setting of the service, with default and unit. Each is a flag and an environment variable.

mod parse;
mod target;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use registry::ModelName;
use service_kit::auth::AuthArgs;
use service_kit::settings::{interval, size, without_empty_variables};
use service_kit::telemetry::TelemetryArgs;

pub(crate) use parse::Window;
use parse::{alpha, window};
pub(crate) use target::Target;

/// Merges the fleet's numbers, measures drift and quality, shows a dashboard.
#[derive(Debug, Clone, Parser)]
#[command(name = "canopy-metrics", version, max_term_width = 100)]
pub struct Config {
    /// Who is asked, and how often.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// What the models were trained on.
    #[command(flatten)]
    pub source: SourceArgs,
    /// What is kept, where and how long.
    #[command(flatten)]
    pub store: StoreArgs,
    /// How drift is measured.
    #[command(flatten)]
    pub drift: DriftArgs,
    /// What callers may send.
    #[command(flatten)]
    pub requests: RequestArgs,
    /// Who may call, and how often.
    #[command(flatten, next_help_heading = "Keys and rates")]
    pub auth: AuthArgs,
    /// Address and shutdown.
    #[command(flatten)]
    pub listen: ListenArgs,
    /// The log.
    #[command(flatten, next_help_heading = "Log")]
    pub telemetry: TelemetryArgs,
}

impl Config {
    /// Reads the command line and the variables; ends the process on `--help` and on what makes no sense.
    pub fn read() -> Self {
        let matches = without_empty_variables(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// Who is asked, and how often.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet")]
pub struct FleetArgs {
    /// An inference server, as http://host:8000, or dns+http://name:8000: every address of the
    /// name is a replica, looked up anew each time; give it again for each further one, or with commas
    #[arg(
        long,
        env = "CANOPY_TARGETS",
        value_name = "URL",
        value_delimiter = ',',
        required = true
    )]
    pub targets: Vec<Target>,
    /// How often the replicas are asked for their numbers, and the registry for its aliases
    #[arg(long, env = "CANOPY_SCRAPE_INTERVAL", value_name = "TIME", default_value = "5s", value_parser = interval)]
    pub scrape_interval: Duration,
    /// How long a replica may take to give them; then it counts as unreachable
    #[arg(long, env = "CANOPY_SCRAPE_TIMEOUT", value_name = "TIME", default_value = "2s", value_parser = interval)]
    pub scrape_timeout: Duration,
}

/// What the models were trained on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct SourceArgs {
    /// Where model versions are, which are only read: a folder, or s3://bucket/prefix with settings
    /// from the AWS_… variables
    #[arg(long, env = "CANOPY_REGISTRY", value_name = "LOCATION", default_value = "./models")]
    pub registry: String,
    /// A model to watch; give it again for each further one, or names with commas. The first one is
    /// shown first. Without any: all that the replicas serve
    #[arg(long, env = "CANOPY_MODEL", value_name = "NAME", value_delimiter = ',')]
    pub model: Vec<ModelName>,
}

/// What is kept, where and how long.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub struct StoreArgs {
    /// The folder of the database, metrics.sqlite; it is made where it is not there
    #[arg(long, env = "CANOPY_DATA", value_name = "FOLDER", default_value = "./canopy-metrics")]
    pub data: PathBuf,
    /// How long minutes of traffic, of distributions and of quality are kept
    #[arg(long, env = "CANOPY_RETENTION", value_name = "TIME", default_value = "30d", value_parser = interval)]
    pub retention: Duration,
    /// How long the rows of events are kept, what a prediction was made from, and the actuals; an
    /// actual that comes later pairs with nothing. Two days of 5 events a second from each of 5
    /// servers, at some 400 bytes with their actuals, are 1.7 GB, and 30 days of minutes 0.25 GB
    #[arg(long, env = "CANOPY_EVENT_RETENTION", value_name = "TIME", default_value = "2d", value_parser = interval)]
    pub event_retention: Duration,
}

/// How drift is measured.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Drift")]
pub struct DriftArgs {
    /// The spans of time that drift and quality are measured over; whole minutes, with commas
    #[arg(long, env = "CANOPY_WINDOWS", value_name = "TIME", value_delimiter = ',', default_value = "1h,24h",
          value_parser = window)]
    pub windows: Vec<Window>,
    /// The chance of a false alarm that one look at a stable stream may have, over all features together
    #[arg(long, env = "CANOPY_DRIFT_ALPHA", value_name = "RATIO", default_value = "0.0001", value_parser = alpha)]
    pub drift_alpha: f64,
}

/// What callers may send.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    /// The largest body that is read; larger ones get 413
    #[arg(long, env = "CANOPY_MAX_BODY", value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    pub max_body: ByteSize,
    /// File of the keys that inference servers send events with, written as that of --api-keys-file;
    /// without it the ordinary keys are theirs as well
    #[arg(long, env = "CANOPY_EVENTS_KEYS_FILE", value_name = "FILE")]
    pub events_keys_file: Option<PathBuf>,
}

/// Address and shutdown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ListenArgs {
    /// Where to listen
    #[arg(long, env = "CANOPY_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8001")]
    pub listen: SocketAddr,
    /// How long requests are still taken after /ready turned 503, so that load balancers notice
    #[arg(long, env = "CANOPY_DRAIN_DELAY", value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub drain_delay: Duration,
    /// How long requests in flight may take to finish after that
    #[arg(long, env = "CANOPY_DRAIN_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub drain_timeout: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_setting() {
        let help = Config::command().render_long_help().to_string();
        insta::assert_snapshot!(help);
    }

    #[test]
    fn what_the_defaults_keep_of_five_servers_fits_into_2_gib() {
        let config = Config::try_parse_from(["canopy-metrics", "--targets=http://a:1"]);
        let StoreArgs { retention, event_retention, .. } = config.expect("valid").store;
        let server = inference::Config::try_parse_from(["canopy-inference", "--model=m"]);
        let events_a_second = f64::from(server.expect("valid").events.event_rate) * 5.0;
        // 280 bytes for an event of nine features with its indexes, 120 for its actual; 250 MB for 30 days of minutes.
        let events = events_a_second * event_retention.as_secs_f64() * 400.0;
        let minutes = 250e6 * retention.as_secs_f64() / (30.0 * 86_400.0);
        assert!(events > 0.0 && events + minutes < 2.0 * 1024.0_f64.powi(3), "{events} {minutes}");
    }

    #[test]
    fn every_flag_is_an_environment_variable_of_its_name() {
        for argument in Config::command().get_arguments() {
            let Some(flag) = argument.get_long().filter(|flag| !["help", "version"].contains(flag))
            else {
                continue;
            };
            let variable = argument.get_env().and_then(|name| name.to_str());
            let expected = format!("CANOPY_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(variable, Some(expected.as_str()), "--{flag}");
        }
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let cases = [
            (["--targets", "host:8000"], "write it as http://host:8000"),
            (["--targets", "https://host"], "write it as http://host:8000"),
            (["--scrape-interval", "0s"], "it must be more than 0"),
            (["--windows", "90s"], "whole minutes"),
            (["--windows", "1h,0m"], "whole minutes"),
            (["--drift-alpha", "1"], "between 0 and 1"),
            (["--max-body", "big"], "write it as 16MiB"),
        ];
        for (flag, message) in cases {
            let arguments = ["canopy-metrics", "--targets=http://a:1"].into_iter().chain(flag);
            let error = Config::try_parse_from(arguments).expect_err(flag[0]).to_string();
            assert!(error.contains(message), "{flag:?}: {error}");
        }
        let error = Config::try_parse_from(["canopy-metrics"]).expect_err("no target").to_string();
        assert!(error.contains("--targets <URL>"), "{error}");
    }
}
