//! Settings of the commands that compare versions, move aliases and look after what is published.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, Subcommand, ValueEnum};
use registry::{CHAMPION, Mode, ModelName};

use super::{ActArgs, CommonArgs, GateArgs, VersionArgs};

/// Settings of `compare`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareArgs {
    /// The one version
    #[arg(value_name = "MODEL@VERSION")]
    pub(crate) a: String,

    /// The other; a number alone is a version of the same model
    #[arg(value_name = "MODEL@VERSION")]
    pub(crate) b: String,

    /// Rows to compare on, a CSV with the target; without: those that the newer version has set aside
    #[arg(long, env = "CANOPY_HELD_OUT", value_name = "FILE")]
    pub(crate) held_out: Option<PathBuf>,

    /// Where the intervals' resampling starts to draw from
    #[arg(long, env = "CANOPY_SEED", value_name = "N", default_value_t = 42)]
    pub(crate) seed: u64,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Settings of `verify`.
#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) version: VersionArgs,

    /// Check the ledger of the model as well: that no entry was changed, removed or put in between
    #[arg(
        long,
        env = "CANOPY_LEDGER",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new(),
        help_heading = "Checks",
    )]
    pub(crate) ledger: bool,
}

/// Settings of `promote`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PromoteArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelName,

    /// The version's number
    #[arg(value_name = "VERSION", value_parser = version)]
    pub(crate) version: u64,

    /// The alias that names the version from then on
    #[arg(long, env = "CANOPY_TO", value_name = "ALIAS", default_value = CHAMPION, value_parser = alias)]
    pub(crate) to: String,

    #[command(flatten)]
    pub(crate) judged: JudgedArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// How a version is judged, and what happens to one that is refused.
#[derive(Debug, Clone, Args)]
pub(crate) struct JudgedArgs {
    #[command(flatten)]
    pub(crate) gates: GateArgs,

    /// Rows to compare on, a CSV with the target; without: those that the version has set aside
    #[arg(long, env = "CANOPY_HELD_OUT", value_name = "FILE", help_heading = "Gates")]
    pub(crate) held_out: Option<PathBuf>,

    /// Move although a gate says no (never if the version fails its own checks); needs --reason
    #[arg(
        long,
        env = "CANOPY_FORCE",
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new(),
        help_heading = "Gates",
    )]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) act: ActArgs,
}

/// Settings of `rollback`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RollbackArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelName,

    /// The version to go back to; without: the champion before the present one
    #[arg(long, env = "CANOPY_TO", value_name = "VERSION", value_parser = version)]
    pub(crate) to: Option<u64>,

    #[command(flatten)]
    pub(crate) act: ActArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// What to do with the challenger.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum CanaryCommand {
    /// Make a version the challenger if it passes the gates, or set how the present one is tried
    Set(Box<CanarySetArgs>),
    /// Take the challenger away: the champion answers everything
    Stop(CanaryStopArgs),
}

/// Settings of `canary set`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CanarySetArgs {
    #[command(flatten)]
    pub(crate) promote: ChallengerArgs,

    /// shadow: it predicts beside the champion and never answers; canary: it answers a share of the requests
    #[arg(
        long,
        env = "CANOPY_MODE",
        value_enum,
        default_value_t = TrialMode::Canary,
        help_heading = "Trial",
    )]
    pub(crate) mode: TrialMode,

    /// The share of requests that a canary answers, 0 to 100; without: as it is, or else as the server has it
    #[arg(
        long,
        env = "CANOPY_PERCENT",
        value_name = "N",
        value_parser = percent,
        help_heading = "Trial",
    )]
    pub(crate) percent: Option<f64>,
}

/// Which version is to be tried.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChallengerArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelName,

    /// The version's number; without: the present challenger
    #[arg(value_name = "VERSION", value_parser = version)]
    pub(crate) version: Option<u64>,

    #[command(flatten)]
    pub(crate) judged: JudgedArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// How a challenger is tried, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TrialMode {
    /// It never answers.
    Shadow,
    /// It answers a share.
    Canary,
}

impl JudgedArgs {
    /// What clap cannot see: a variable may say that nothing is forced.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_explained = self.act.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        if self.force && !is_explained {
            return Err(
                "--force needs --reason: the ledger keeps why a gate was overruled".to_owned()
            );
        }
        Ok(())
    }
}

impl CanarySetArgs {
    /// What clap cannot see: a share of what is never answered.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.mode == TrialMode::Shadow && self.percent.is_some() {
            return Err("--percent is the share of a canary; a shadow never answers".to_owned());
        }
        self.promote.judged.check()
    }
}

impl From<TrialMode> for Mode {
    fn from(mode: TrialMode) -> Self {
        match mode {
            TrialMode::Shadow => Self::Shadow,
            TrialMode::Canary => Self::Canary,
        }
    }
}

/// Settings of `canary stop`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CanaryStopArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelName,

    #[command(flatten)]
    pub(crate) act: ActArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Settings of `history`.
#[derive(Debug, Clone, Args)]
pub(crate) struct HistoryArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelName,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Settings of `prune`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PruneArgs {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(crate) model: ModelName,

    /// How many of the newest versions stay, 1 or more
    #[arg(long, env = "CANOPY_KEEP", value_name = "N", value_parser = super::fit::whole(1, 1_000_000))]
    pub(crate) keep: usize,

    /// Say what would be removed, and remove nothing
    #[arg(long, env = "CANOPY_DRY_RUN", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) act: ActArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Settings of `keygen`.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeygenArgs {
    /// Where the private key goes, readable by its owner alone; the public one goes beside it, with .pub behind it
    #[arg(long, env = "CANOPY_SIGNING_KEY", value_name = "FILE")]
    pub(crate) signing_key: PathBuf,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Settings of `sign`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignArgs {
    /// The model, and after an @ the version's number or alias; without: the champion, or else the newest
    #[arg(value_name = "MODEL[@VERSION]")]
    pub(crate) version: String,

    /// The private key, as `keygen` makes it
    #[arg(long, env = "CANOPY_SIGNING_KEY", value_name = "FILE")]
    pub(crate) signing_key: PathBuf,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

fn version(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "expected the number of a version, such as 3".to_owned())
}

/// Checked as a model's name is; a number would be taken for a version.
fn alias(text: &str) -> Result<String, String> {
    let is_name = text.parse::<ModelName>().is_ok() && text.parse::<u64>().is_err();
    is_name.then(|| text.to_owned()).ok_or_else(|| {
        "expected a name of 1 to 63 of a-z, 0-9, `.`, `_` and `-`, a letter or digit first and last, and no number"
            .to_owned()
    })
}

fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("expected a percentage from 0 to 100, such as 5".to_owned()),
    }
}
