//! Every setting, with default and unit. Each is a flag and an environment variable; the API key itself is only a variable.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use service_kit::settings::without_empty_variables;

/// Requests waiting or in flight for each connection, where `--max-in-flight` says nothing.
const IN_FLIGHT_PER_CONNECTION: usize = 128;

/// Sends one request again and again at a constant rate, and says what became of each.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "canopy-loadtest",
    version,
    max_term_width = 100,
    after_help = "The API key comes from --api-key-file or the variable CANOPY_LOADTEST_API_KEY, and is never printed.\n\
                  Exit code: 0 every threshold holds, 1 one is broken, 2 a setting makes no sense."
)]
pub struct Config {
    /// What is sent, and to whom.
    #[command(flatten)]
    pub request: RequestArgs,
    /// How much is sent.
    #[command(flatten)]
    pub load: LoadArgs,
    /// When the run counts as failed.
    #[command(flatten)]
    pub thresholds: ThresholdArgs,
    /// What is printed.
    #[command(flatten)]
    pub report: ReportArgs,
}

impl Config {
    /// Reads the command line and the variables; ends the process on `--help` and on what makes no sense.
    pub fn read() -> Self {
        let matches = without_empty_variables(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Ends the process as for a flag that makes no sense: exit code 2.
    pub fn usage_error(error: &anyhow::Error) -> ! {
        Self::command().error(ErrorKind::ValueValidation, format!("{error:#}")).exit()
    }
}

/// What is sent, and to whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Request")]
pub struct RequestArgs {
    /// Where requests are sent with POST: plain http
    #[arg(
        long,
        env = "CANOPY_LOADTEST_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8000/predict"
    )]
    pub url: String,
    /// A file with the JSON body of every request [default: a diamond]
    #[arg(long, env = "CANOPY_LOADTEST_BODY", value_name = "FILE", conflicts_with = "data")]
    pub body: Option<PathBuf>,
    /// The JSON body of every request
    #[arg(long, env = "CANOPY_LOADTEST_DATA", value_name = "JSON")]
    pub data: Option<String>,
    /// A file with the API key, sent as X-API-Key
    #[arg(long, env = "CANOPY_LOADTEST_API_KEY_FILE", value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// The longest a request may take, connecting included
    #[arg(long, env = "CANOPY_LOADTEST_TIMEOUT", value_name = "TIME", default_value = "5s", value_parser = interval)]
    pub timeout: Duration,
}

/// How much is sent.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Requests a second, spread evenly, however fast the answers come; 0: as fast as the connections allow
    #[arg(long, env = "CANOPY_LOADTEST_RATE", value_name = "N", default_value = "200", value_parser = rate)]
    pub rate: f64,
    /// Keep-alive connections; each carries one request at a time
    #[arg(long, env = "CANOPY_LOADTEST_CONNECTIONS", value_name = "N", default_value = "8", value_parser = at_least_one)]
    pub connections: usize,
    /// How long requests are sent and counted; 0: until SIGTERM or Ctrl-C
    #[arg(long, env = "CANOPY_LOADTEST_DURATION", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub duration: Duration,
    /// How long requests are sent before they are counted
    #[arg(long, env = "CANOPY_LOADTEST_WARM_UP", value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub warm_up: Duration,
    /// How long to wait until the server's /ready answers 200; 0: start at once
    #[arg(long, env = "CANOPY_LOADTEST_WAIT_READY", value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub wait_ready: Duration,
    /// Requests that wait for a connection or are in flight; further ones fail as `overload` [default: 128 a connection]
    #[arg(long, env = "CANOPY_LOADTEST_MAX_IN_FLIGHT", value_name = "N", value_parser = at_least_one)]
    pub max_in_flight: Option<usize>,
}

impl LoadArgs {
    /// The bound of requests that wait or are in flight; never less than there are connections.
    pub(crate) fn max_in_flight(&self) -> usize {
        let default = self.connections.saturating_mul(IN_FLIGHT_PER_CONNECTION);
        self.max_in_flight.unwrap_or(default).max(self.connections)
    }
}

/// When the run counts as failed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Thresholds")]
pub struct ThresholdArgs {
    /// How many requests may fail
    #[arg(long, env = "CANOPY_LOADTEST_MAX_FAILURES", value_name = "N", default_value_t = 0)]
    pub max_failures: u64,
    /// The greatest 99th percentile of latency; 0: not checked
    #[arg(long, env = "CANOPY_LOADTEST_MAX_P99", value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub max_p99: Duration,
}

/// What is printed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Report")]
pub struct ReportArgs {
    /// How the summary is written to standard output
    #[arg(long, env = "CANOPY_LOADTEST_OUTPUT", value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// How often a line about the last interval goes to standard error; 0: never
    #[arg(long, env = "CANOPY_LOADTEST_REPORT_INTERVAL", value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub report_interval: Duration,
}

/// How the summary is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables for people
    Text,
    /// One JSON document
    Json,
}

/// More than what can be timed: an `Instant` so far ahead may not exist.
const LONGEST: Duration = Duration::from_hours(24 * 365);

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration > LONGEST => Err("it must be at most 365 days".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write it as 5s, 500ms or 1m30s")),
    }
}

fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be more than 0, such as 5s".to_owned()),
        duration => Ok(duration),
    }
}

/// Up to a million a second: further ones could not be spaced apart, and no client here sends them.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate == 0.0 || (0.001..=1e6).contains(&rate) => Ok(rate.abs()),
        Ok(_) => Err("it must be 0 or from 0.001 to 1000000 requests a second".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    const MOST: usize = 1_000_000;
    match text.parse::<usize>() {
        Ok(n) if (1..=MOST).contains(&n) => Ok(n),
        Ok(_) => Err(format!("it must be from 1 to {MOST}")),
        Err(error) => Err(error.to_string()),
    }
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
    fn every_flag_is_an_environment_variable_of_its_name() {
        for argument in Config::command().get_arguments() {
            let Some(flag) = argument.get_long().filter(|flag| !["help", "version"].contains(flag))
            else {
                continue;
            };
            let variable = argument.get_env().and_then(|name| name.to_str());
            let expected = format!("CANOPY_LOADTEST_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(variable, Some(expected.as_str()), "--{flag}");
        }
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let cases = [
            ("--rate=-1", "it must be 0 or from 0.001"),
            ("--rate=NaN", "it must be 0 or from 0.001"),
            ("--connections=0", "it must be from 1"),
            ("--timeout=0s", "it must be more than 0"),
            ("--duration=soon", "write it as 5s"),
            ("--duration=999999years", "it must be at most 365 days"),
        ];
        for (flag, message) in cases {
            let error = Config::try_parse_from(["x", flag]).expect_err(flag).to_string();
            assert!(error.contains(message), "{flag}: {error}");
        }
    }

    #[test]
    fn every_connection_may_be_in_flight() {
        let of = |flags: &[&str]| {
            let flags = ["x"].iter().chain(flags);
            Config::try_parse_from(flags).expect("valid").load.max_in_flight()
        };
        assert_eq!(of(&[]), 1024);
        assert_eq!(of(&["--max-in-flight=2"]), 8);
        assert_eq!(of(&["--max-in-flight=20"]), 20);
    }
}
