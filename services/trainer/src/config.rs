//! Every setting: flags, their variables, defaults, units and ranges.

mod estimator;
mod fit;

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use registry::ModelName;
use service_kit::settings::without_empty_variables;
use service_kit::telemetry::{LogFormat, TelemetryArgs};

pub(crate) use fit::FitArgs;

/// Fits a model to a table, evaluates it and publishes it as a version; looks after published versions
///
/// Every flag is also a variable, CANOPY_ and its name (CANOPY_MAX_DEPTH); the flag wins.
#[derive(Debug, Parser)]
#[command(name = "canopy-trainer", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Fit a model to a table and publish it as the next version
    Fit(Box<FitArgs>),
    /// List models and their versions
    List(ListArgs),
    /// Show what a version is and where it comes from
    Show(VersionArgs),
    /// Check a version as a server does: seal, digests, structure, golden rows
    Verify(VersionArgs),
    /// Verify a version, then make it the champion, which is served
    Promote(PromoteArgs),
}

/// What all commands share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Registry, output and log")]
pub(crate) struct CommonArgs {
    /// Where model versions are kept: a folder
    #[arg(long, env = "CANOPY_REGISTRY", default_value = "./models", value_name = "FOLDER")]
    pub(crate) registry: String,

    /// What standard output gets: a text for people, or one JSON document
    #[arg(long, env = "CANOPY_OUTPUT", value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,

    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A text for people.
    Text,
    /// One JSON document.
    Json,
}

/// Settings of `list`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Settings of `show` and `verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VersionArgs {
    /// The model, and after an @ the version's number or alias; without: the champion, or else the newest
    #[arg(value_name = "MODEL[@VERSION]")]
    pub(crate) version: String,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Settings of `promote`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PromoteArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelName,

    /// The version's number
    #[arg(value_name = "VERSION")]
    pub(crate) version: u64,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl Command {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::Fit(args) => &args.common,
            Self::List(args) => &args.common,
            Self::Show(args) | Self::Verify(args) => &args.common,
            Self::Promote(args) => &args.common,
        }
    }

    pub(crate) fn telemetry(&self) -> TelemetryArgs {
        self.common().telemetry.clone()
    }

    fn common_mut(&mut self) -> &mut CommonArgs {
        match self {
            Self::Fit(args) => &mut args.common,
            Self::List(args) => &mut args.common,
            Self::Show(args) | Self::Verify(args) => &mut args.common,
            Self::Promote(args) => &mut args.common,
        }
    }
}

/// Reads the command line and the variables; ends the process on `--help` and on what makes no sense.
pub(crate) fn parse(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Command {
    let matches = without_empty_variables(Cli::command()).get_matches_from(arguments);
    let mut command = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    let Some((_, matches)) = matches.subcommand() else { return command };
    // A person at a terminal reads lines; a collector reads JSON.
    if matches.value_source("log_format") == Some(ValueSource::DefaultValue)
        && std::io::stderr().is_terminal()
    {
        command.common_mut().telemetry.log_format = LogFormat::Pretty;
    }
    if let Command::Fit(args) = &mut command
        && let Err(message) = args.settle(matches)
    {
        let mut cli = Cli::command();
        cli.build(); // so that the message shows how `fit` is used
        let fit = cli.find_subcommand_mut("fit").expect("`fit` is a command");
        fit.error(ErrorKind::ValueValidation, message).exit();
    }
    command
}

/// Ends the process with exit code 2.
pub(crate) fn usage_error(message: &str) -> ! {
    Cli::command().error(ErrorKind::ValueValidation, message).exit()
}
