//! Who does what, and why.

use clap::Args;

/// What the ledger is told of a move.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Ledger")]
pub(crate) struct ActArgs {
    /// Why, in words
    #[arg(long, env = "CANOPY_REASON", value_name = "TEXT")]
    pub(crate) reason: Option<String>,

    /// Who; without: the user and the host, which in a cluster is the pod
    #[arg(long, env = "CANOPY_BY", value_name = "NAME")]
    pub(crate) by: Option<String>,
}
