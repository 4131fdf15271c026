//! The settings of a challenger: how it is tried, and what ends its trial.

use clap::{Args, ValueEnum};
use registry::Mode;

use super::parse::{Limit, limit, percent, ratio_limit};
use crate::window::WINDOW_REQUESTS;

/// How a challenger is tried.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Challenger")]
pub struct ChallengerArgs {
    /// How the version under the alias `challenger` is tried, unless the alias says so itself
    #[arg(long, env = "CANOPY_CHALLENGER", value_enum, default_value_t = OnChallenger::Shadow)]
    pub challenger: OnChallenger,
    /// The share of requests that a canary answers, in percent, unless the alias says so itself
    #[arg(long, env = "CANOPY_CANARY_PERCENT", value_name = "PERCENT", default_value = "5", value_parser = percent)]
    pub canary_percent: f64,
    /// What ends a trial.
    #[command(flatten)]
    pub veto: VetoArgs,
}

/// What ends a trial: the alias is taken away and nothing more is asked of the challenger.
#[derive(Debug, Clone, Args)]
pub struct VetoArgs {
    /// Compared requests before anything is judged; the last 1000 are
    #[arg(long, env = "CANOPY_VETO_MIN_REQUESTS", value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(1..=WINDOW_REQUESTS as u64))]
    pub veto_min_requests: u64,
    /// The largest share of requests that it may fail to answer where the champion does; or `none`
    #[arg(long, env = "CANOPY_VETO_ERROR_RATE", value_name = "RATIO", default_value = "1%", value_parser = ratio_limit)]
    pub veto_error_rate: Limit,
    /// How many times the champion's time its own may be, median against median, once it is 1 ms;
    /// or `none`
    #[arg(long, env = "CANOPY_VETO_LATENCY_FACTOR", value_name = "FACTOR", default_value = "5", value_parser = limit)]
    pub veto_latency_factor: Limit,
    /// How far its predictions may lie from the champion's on average, in standard deviations of
    /// the champion's training target; or `none`
    #[arg(long, env = "CANOPY_VETO_DIVERGENCE", value_name = "DEVIATIONS", default_value = "0.5", value_parser = limit)]
    pub veto_divergence: Limit,
}

/// How a challenger is tried where its alias does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnChallenger {
    /// It predicts beside the champion and never answers
    Shadow,
    /// It answers a share of the requests
    Canary,
    /// No challenger is ever loaded, whatever the alias says
    Off,
}

impl OnChallenger {
    /// The mode it stands for; none where there is to be no challenger.
    pub(crate) fn mode(self) -> Option<Mode> {
        match self {
            Self::Shadow => Some(Mode::Shadow),
            Self::Canary => Some(Mode::Canary),
            Self::Off => None,
        }
    }
}
