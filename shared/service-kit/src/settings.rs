//! What every command line of the project does with its variables.

use clap::builder::Resettable;
use clap::{Arg, Command};

/// Lets an empty variable count as none: a ConfigMap or a shell cannot always leave one out.
///
/// Reaches one level of subcommands.
///
/// # Examples
///
/// ```
/// use clap::{Arg, Command};
/// use service_kit::settings::without_empty_variables;
///
/// // A variable that is there in every shell, and is not empty.
/// let command = Command::new("x").arg(Arg::new("path").long("path").env("PATH"));
/// let matches = without_empty_variables(command).get_matches_from(["x"]);
/// assert!(matches.get_one::<String>("path").is_some());
/// ```
#[must_use]
pub fn without_empty_variables(command: Command) -> Command {
    let unset = |arg: Arg| {
        let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
        if arg.get_env().is_some_and(is_empty) { arg.env(Resettable::Reset) } else { arg }
    };
    command.mut_args(unset).mut_subcommands(|command| command.mut_args(unset))
}
