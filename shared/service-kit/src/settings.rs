//! What every command line of the project does with its variables, and how settings are written.

use std::time::Duration;

use bytesize::ByteSize;
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

/// Reads a duration that is not zero, such as `5s` or `500ms`; clap's `value_parser`.
///
/// # Errors
///
/// Where it is zero or no duration.
pub fn interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it must be more than 0, such as 5s".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{error}; write it as 5s, 500ms or 1m30s")),
    }
}

/// Reads a number of bytes that is not zero, such as `16MiB`; clap's `value_parser`.
///
/// # Errors
///
/// Where it is zero or no size.
pub fn size(text: &str) -> Result<ByteSize, String> {
    match text.parse::<ByteSize>() {
        Ok(ByteSize(0)) => Err("it must be more than 0, such as 16MiB".to_owned()),
        Ok(size) => Ok(size),
        Err(error) => Err(format!("{error}; write it as 16MiB, 512KiB or 1GB")),
    }
}

/// Reads a count from 1; clap's `value_parser`.
///
/// # Errors
///
/// Where it is 0 or no number.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(n) => Ok(n),
        Err(error) => Err(error.to_string()),
    }
}
