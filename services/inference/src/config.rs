//! Every setting of the server, with default and unit. Each is a flag and an environment variable.

mod challenger;
mod events;
mod parse;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use registry::ModelName;
use schema::UnknownFeatures;
use service_kit::auth::AuthArgs;
use service_kit::settings::without_empty_variables;
use service_kit::telemetry::TelemetryArgs;

pub(crate) use challenger::{ChallengerArgs, VetoArgs};
pub(crate) use events::EventArgs;
pub(crate) use parse::Limit;
use parse::{at_least_one, interval, size};

/// Answers predictions from model versions over HTTP.
#[derive(Debug, Clone, Parser)]
#[command(name = "canopy-inference", version, max_term_width = 100)]
pub struct Config {
    /// Which models, and where they are.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How a challenger is tried.
    #[command(flatten)]
    pub challenger: ChallengerArgs,
    /// What callers may send.
    #[command(flatten)]
    pub requests: RequestArgs,
    /// What is sent to the metrics service.
    #[command(flatten)]
    pub events: EventArgs,
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

/// Which models, and where they are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct SourceArgs {
    /// A model to serve: its `champion`; give it again for each further model, or names with commas.
    /// The first one is the default: /predict is its
    #[arg(long, env = "CANOPY_MODEL", value_name = "NAME", value_delimiter = ',', required = true)]
    pub model: Vec<ModelName>,
    /// Where model versions are: a folder, or s3://bucket/prefix with settings from the AWS_… variables
    #[arg(long, env = "CANOPY_REGISTRY", value_name = "LOCATION", default_value = "./models")]
    pub registry: String,
    /// How often to look which version is champion, and which challenger
    #[arg(long, env = "CANOPY_REGISTRY_POLL_INTERVAL", value_name = "TIME", default_value = "5s", value_parser = interval)]
    pub registry_poll_interval: Duration,
    /// What the files of a version may take together; a larger one is refused before it is read
    #[arg(long, env = "CANOPY_MAX_MODEL_SIZE", value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub max_model_size: ByteSize,
    /// A public key (PEM) that versions must be signed with, as `canopy-trainer keygen` makes it;
    /// give it again, or paths with commas, to trust several while keys rotate. The files are read
    /// again at each look at the registry. Without one, unsigned versions are served
    #[arg(long, env = "CANOPY_TRUSTED_KEY", value_name = "FILE", value_delimiter = ',')]
    pub trusted_key: Vec<PathBuf>,
    /// Keep the latest 1000 JSON bodies that each champion answered in FOLDER/MODEL.jsonl, for
    /// `canopy-trainer promote --replay`. The rows are kept in clear
    #[arg(long, env = "CANOPY_REQUEST_SAMPLE", value_name = "FOLDER")]
    pub request_sample: Option<PathBuf>,
}

/// What callers may send.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Requests")]
pub struct RequestArgs {
    /// What happens to a feature the model does not know
    #[arg(long, env = "CANOPY_UNKNOWN_FEATURES", value_enum, default_value_t = OnUnknown::Reject)]
    pub unknown_features: OnUnknown,
    /// The largest body that is read; larger ones get 413
    #[arg(long, env = "CANOPY_MAX_BODY", value_name = "SIZE", default_value = "16MiB", value_parser = size)]
    pub max_body: ByteSize,
    /// What all bodies that are being answered may take together; further ones get 503
    #[arg(long, env = "CANOPY_MAX_BODY_MEMORY", value_name = "SIZE", default_value = "128MiB", value_parser = size)]
    pub max_body_memory: ByteSize,
    /// The longest a request may take, its body included; then it gets 504
    #[arg(long, env = "CANOPY_REQUEST_TIMEOUT", value_name = "TIME", default_value = "10s", value_parser = interval)]
    pub request_timeout: Duration,
    /// How long a client may read nothing of its answer, or send nothing of the rows it streams (CSV in and out, to
    /// which --max-body and, once its answer has begun, --request-timeout do not apply); then it is cut off
    #[arg(long, env = "CANOPY_STALL_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = interval)]
    pub stall_timeout: Duration,
    /// Requests answered at once; further ones get 503
    #[arg(long, env = "CANOPY_MAX_IN_FLIGHT", value_name = "N", default_value_t = 512, value_parser = at_least_one)]
    pub max_in_flight: usize,
    /// Compress answers with gzip for callers that accept it; costs CPU, helps only large batches over slow links
    #[arg(long, env = "CANOPY_COMPRESSION", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub compression: bool,
}

/// Address and shutdown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ListenArgs {
    /// Where to listen
    #[arg(long, env = "CANOPY_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8000")]
    pub listen: SocketAddr,
    /// How long requests are still taken after /ready turned 503, so that load balancers notice
    #[arg(long, env = "CANOPY_DRAIN_DELAY", value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub drain_delay: Duration,
    /// How long requests in flight may take to finish after that
    #[arg(long, env = "CANOPY_DRAIN_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub drain_timeout: Duration,
}

/// What happens to a feature the model does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnUnknown {
    /// The request gets 422: the name may be misspelt
    Reject,
    /// The feature is left out
    Ignore,
}

impl From<OnUnknown> for UnknownFeatures {
    fn from(on_unknown: OnUnknown) -> Self {
        match on_unknown {
            OnUnknown::Reject => Self::Reject,
            OnUnknown::Ignore => Self::Ignore,
        }
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
            let expected = format!("CANOPY_{}", flag.to_uppercase().replace('-', "_"));
            assert_eq!(variable, Some(expected.as_str()), "--{flag}");
        }
    }

    #[test]
    fn takes_several_models_in_both_ways() {
        let models = |arguments: &[&str]| {
            let config = Config::parse_from([&["canopy-inference"], arguments].concat());
            config.source.model.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(models(&["--model", "a", "--model", "b"]), ["a", "b"]);
        assert_eq!(models(&["--model=a,b"]), ["a", "b"]);
    }

    #[test]
    fn refuses_settings_that_cannot_work() {
        let cases = [
            (["--registry-poll-interval", "0s"], "it must be more than 0"),
            (["--request-timeout", "soon"], "write it as 5s"),
            (["--max-body", "big"], "write it as 16MiB"),
            (["--max-in-flight", "0"], "it must be at least 1"),
            (["--model", "../etc"], "cannot be a model's name"),
            (["--max-model-size", "0"], "it must be more than 0"),
            (["--canary-percent", "101"], "it must be 0 to 100"),
            (["--veto-error-rate", "5"], "it must be 0% to 100%"),
            (["--veto-min-requests", "1001"], "1001 is not in 1..=1000"),
            (["--metrics-url", "metrics:8001"], "it must begin with http://"),
            (["--event-rate", "10001"], "10001 is not in 0..=10000"),
            (["--private-features", "age=clear"], "write it as NAME, NAME=omit or NAME=hash"),
        ];
        for (flag, message) in cases {
            let arguments = ["canopy-inference", "--model", "m"].into_iter().chain(flag);
            let arguments: Vec<_> = if flag[0] == "--model" {
                ["canopy-inference"].into_iter().chain(flag).collect()
            } else {
                arguments.collect()
            };
            let error = Config::try_parse_from(arguments).expect_err(flag[0]).to_string();
            assert!(error.contains(message), "{flag:?}: {error}");
        }
    }
}
