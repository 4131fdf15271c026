#![doc = include_str!("../README.md")]

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use service_kit::telemetry::{self, Sink};

mod config;

mod fit;

mod data;
mod evaluate;
mod golden;
mod progress;
mod publish;
mod report;
mod summary;

mod versions;

mod clock;
mod context;
mod stop;
mod text;

use clock::SystemClock;
use config::{Command, Output};
use context::Context;
use stop::Stop;

/// Runs the command line of this process.
///
/// 0: it did what it was told; 1: it failed, and standard error says why; 2: it was told something that makes
/// no sense; 130 and 143: it was stopped by SIGINT or SIGTERM.
pub fn main() -> ExitCode {
    let command = config::parse(std::env::args_os());
    let started = telemetry::init(&command.telemetry(), Sink::Stderr);
    let guard = match started {
        Ok(guard) => guard,
        Err(error) => config::usage_error(&error.to_string()),
    };
    let stop = Stop::listen();
    let result = stop
        .as_ref()
        .map_err(|error| anyhow::anyhow!("signals cannot be listened for: {error}"))
        .and_then(|stop| print(&execute(&command, stop)?));
    drop(guard); // what is logged stands before what went wrong
    let signal = stop.ok().and_then(|stop| stop.exit_code());
    match (result, signal) {
        (Ok(()), _) => ExitCode::SUCCESS,
        (Err(_), Some(exit_code)) => {
            eprintln!("error: stopped by a signal");
            ExitCode::from(exit_code)
        }
        (Err(error), None) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

/// The error and its causes, one a line.
fn print_error(error: &anyhow::Error) {
    let mut causes = error.chain().map(ToString::to_string);
    eprintln!("error: {}", causes.next().unwrap_or_default());
    for cause in causes {
        eprintln!("  because: {cause}");
    }
}

/// Runs one command line, the program's name first, in this process and without a log: what it would print.
///
/// For tests of the whole path; a command line that makes no sense ends the process, as it does in [`main`].
///
/// # Errors
///
/// What [`main`] would print to standard error.
pub fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> anyhow::Result<String> {
    execute(&config::parse(arguments), &Stop::listen()?)
}

fn execute(command: &Command, stop: &Stop) -> anyhow::Result<String> {
    let context = Context { clock: &SystemClock, stop };
    match command {
        Command::Fit(args) => {
            let summary = fit::run(args, &context)?;
            Ok(match args.common.output {
                Output::Text => summary.to_string(),
                Output::Json => to_json(&summary),
            })
        }
        Command::List(args) => versions::list(args, &context),
        Command::Show(args) => versions::show(args, &context),
        Command::Verify(args) => versions::verify(args, &context),
        Command::Promote(args) => versions::promote(args, &context),
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        // Whoever read the output has seen enough of it.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// One JSON document.
fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("what is printed is JSON")
}
