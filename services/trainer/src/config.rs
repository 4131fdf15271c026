//! Every setting: flags, their variables, defaults, units and ranges.

mod act;
mod estimator;
mod fit;
mod gates;
mod moves;
mod predict;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use registry::{Registry, RegistryError, TrustedKey};
use service_kit::settings::without_empty_variables;
use service_kit::telemetry::{LogFormat, TelemetryArgs};

pub(crate) use act::ActArgs;
pub(crate) use fit::FitArgs;
pub(crate) use gates::GateArgs;
pub(crate) use moves::{
    CanaryCommand, CanarySetArgs, CanaryStopArgs, CompareArgs, HistoryArgs, JudgedArgs, KeygenArgs,
    PromoteArgs, PruneArgs, RollbackArgs, SignArgs, VerifyArgs,
};
pub(crate) use predict::PredictArgs;

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
    /// Predict a file's rows: the same CSV with one more column
    Predict(PredictArgs),
    /// List models and their versions
    List(ListArgs),
    /// Show what a version is and where it comes from
    Show(VersionArgs),
    /// Compare two versions on the same held-out rows
    Compare(CompareArgs),
    /// Check a version as a server does: seal, digests, structure, golden rows; with --ledger the ledger, too
    Verify(VerifyArgs),
    /// Put a version under an alias if it passes the gates; the champion is what is served
    Promote(Box<PromoteArgs>),
    /// Bring back the champion before the present one
    Rollback(RollbackArgs),
    /// Try a version beside the champion on live requests, or end that
    #[command(subcommand)]
    Canary(CanaryCommand),
    /// Show who moved which alias when and why, and what the gates said
    History(HistoryArgs),
    /// Remove old versions; never one that an alias names or a rollback needs
    Prune(PruneArgs),
    /// Make a pair of keys to sign versions with and to check signatures by
    Keygen(KeygenArgs),
    /// Sign a version that is published already
    Sign(SignArgs),
}

/// What all commands share.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Registry, output and log")]
pub(crate) struct CommonArgs {
    /// Where model versions are kept: a folder, or s3://bucket/prefix with the usual AWS_… variables
    #[arg(long, env = "CANOPY_REGISTRY", default_value = "./models", value_name = "LOCATION")]
    pub(crate) registry: String,

    /// A public key: versions that no trusted key has signed are refused; repeat the flag (in the variable: commas)
    #[arg(long, env = "CANOPY_TRUSTED_KEY", value_name = "FILE", value_delimiter = ',')]
    pub(crate) trusted_key: Vec<PathBuf>,

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

/// Settings of `show`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VersionArgs {
    /// The model, and after an @ the version's number or alias; without: the champion, or else the newest
    #[arg(value_name = "MODEL[@VERSION]")]
    pub(crate) version: String,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl CommonArgs {
    /// The registry, to read from it.
    pub(crate) fn open(&self) -> anyhow::Result<Registry> {
        self.trusting(Registry::open(&self.registry)?)
    }

    /// A registry that takes only what the trusted keys have signed.
    pub(crate) fn trusting(&self, registry: Registry) -> anyhow::Result<Registry> {
        Ok(registry.trusting(self.trusted_keys()?))
    }

    /// The keys whose signatures are trusted; none where versions need no signature.
    pub(crate) fn trusted_keys(&self) -> Result<Vec<TrustedKey>, RegistryError> {
        self.trusted_key.iter().map(|path| TrustedKey::from_file(path)).collect()
    }
}

impl Command {
    fn common(&self) -> &CommonArgs {
        match self {
            Self::Fit(args) => &args.common,
            Self::Predict(args) => &args.common,
            Self::List(args) => &args.common,
            Self::Show(args) => &args.common,
            Self::Compare(args) => &args.common,
            Self::Verify(args) => &args.version.common,
            Self::Promote(args) => &args.common,
            Self::Rollback(args) => &args.common,
            Self::Canary(CanaryCommand::Set(args)) => &args.promote.common,
            Self::Canary(CanaryCommand::Stop(args)) => &args.common,
            Self::History(args) => &args.common,
            Self::Prune(args) => &args.common,
            Self::Keygen(args) => &args.common,
            Self::Sign(args) => &args.common,
        }
    }

    pub(crate) fn telemetry(&self) -> TelemetryArgs {
        self.common().telemetry.clone()
    }

    fn common_mut(&mut self) -> &mut CommonArgs {
        match self {
            Self::Fit(args) => &mut args.common,
            Self::Predict(args) => &mut args.common,
            Self::List(args) => &mut args.common,
            Self::Show(args) => &mut args.common,
            Self::Compare(args) => &mut args.common,
            Self::Verify(args) => &mut args.version.common,
            Self::Promote(args) => &mut args.common,
            Self::Rollback(args) => &mut args.common,
            Self::Canary(CanaryCommand::Set(args)) => &mut args.promote.common,
            Self::Canary(CanaryCommand::Stop(args)) => &mut args.common,
            Self::History(args) => &mut args.common,
            Self::Prune(args) => &mut args.common,
            Self::Keygen(args) => &mut args.common,
            Self::Sign(args) => &mut args.common,
        }
    }
}

/// Reads the command line and the variables; ends the process on `--help` and on what makes no sense.
pub(crate) fn parse(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Command {
    let matches = without_empty_variables(Cli::command()).get_matches_from(arguments);
    let mut command = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    let Some((_, mut matches)) = matches.subcommand() else { return command };
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    // A person at a terminal reads lines; a collector reads JSON.
    if matches.value_source("log_format") == Some(ValueSource::DefaultValue)
        && std::io::stderr().is_terminal()
    {
        command.common_mut().telemetry.log_format = LogFormat::Pretty;
    }
    let (path, checked): (&[&str], _) = match &mut command {
        Command::Fit(args) => (&["fit"], args.settle(matches)),
        Command::Promote(args) => (&["promote"], args.judged.check()),
        Command::Canary(CanaryCommand::Set(args)) => (&["canary", "set"], args.check()),
        _ => (&[], Ok(())),
    };
    if let Err(message) = checked {
        let mut cli = Cli::command();
        cli.build(); // so that the message shows how the command is used
        let command = path.iter().fold(&mut cli, |command, name| {
            command.find_subcommand_mut(name).expect("it is a command")
        });
        command.error(ErrorKind::ValueValidation, message).exit();
    }
    command
}

/// Ends the process with exit code 2.
pub(crate) fn usage_error(message: &str) -> ! {
    Cli::command().error(ErrorKind::ValueValidation, message).exit()
}
