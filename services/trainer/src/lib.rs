#![doc = include_str!("../README.md")]

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use estimators::FitError;
use registry::RegistryError;
use schema::steers_display;
use service_kit::telemetry::{self, Sink};

mod config;

mod fit;

mod champion;
mod data;
mod evaluate;
mod golden;
mod progress;
mod publish;
mod remote;
mod report;
mod summary;
mod warning;

mod predict;

mod alias;
mod versions;

mod canary;
mod compare;
mod gates;
mod history;
mod keys;
mod promote;
mod prune;
mod rollback;

mod actor;
mod clock;
mod context;
mod stop;
mod text;

use clock::SystemClock;
use config::{Command, Output};
use context::Context;
use stop::{Stop, Stopped};
use text::clean;

/// The exit code where a gate refused a version: it may be published, but nothing is promoted.
const HELD_BACK: u8 = 3;

/// Runs the command line of this process.
///
/// 0: it did what it was told; 1: it failed, and standard error says why; 2: it was told something that makes
/// no sense; 3: a gate refused the version, which may be
/// published, and the champion stays; 130 and 143: it was stopped by SIGINT or SIGTERM.
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
        .and_then(|stop| {
            let answer = execute(&command, stop)?;
            answer.print()?;
            Ok(answer.is_held_back)
        });
    drop(guard); // what is logged stands before what went wrong
    let signal = stop.ok().and_then(|stop| stop.exit_code());
    match (result, signal) {
        (Ok(false), _) => ExitCode::SUCCESS,
        (Ok(true), _) => ExitCode::from(HELD_BACK),
        (Err(error), Some(exit_code)) => {
            if !is_stopped(&error) {
                eprintln!("{}", described(&error));
            }
            stop::say_stopped();
            ExitCode::from(exit_code)
        }
        (Err(error), None) => {
            eprintln!("{}", described(&error));
            ExitCode::FAILURE
        }
    }
}

/// Whether an error says only that a signal came.
fn is_stopped(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<Stopped>()
            || matches!(cause.downcast_ref(), Some(FitError::Cancelled))
            || matches!(cause.downcast_ref(), Some(RegistryError::Cancelled))
    })
}

/// The error and its causes, one a line. What the line before says already is not repeated.
fn described(error: &anyhow::Error) -> String {
    let mut lines: Vec<String> = error.chain().map(|cause| clean(&cause.to_string())).collect();
    lines.dedup_by(|cause, before| before.contains(cause.as_str()));
    format!("error: {}", lines.join("\n  because: "))
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
    Ok(execute(&config::parse(arguments), &Stop::listen()?)?.text)
}

/// What a command that may be refused says.
struct Said {
    text: String,
    /// Whether a gate refused.
    is_held_back: bool,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, is_held_back: false }
    }
}

/// What a command has to say.
struct Answer {
    text: String,
    /// What has changed for good, even if the text cannot be written.
    done: Option<String>,
    /// Whether a version was published that did not take the champion's place although that was asked for.
    is_held_back: bool,
}

fn execute(command: &Command, stop: &Stop) -> anyhow::Result<Answer> {
    let context = Context { clock: &SystemClock, stop };
    let mut is_held_back = false;
    let mut done = None;
    let text = match command {
        Command::Fit(args) => {
            let summary = fit::run(args, &context)?;
            is_held_back = summary.is_held_back();
            done = Some(summary.done());
            match args.common.output {
                Output::Text => summary.to_string(),
                Output::Json => to_json(&summary),
            }
        }
        Command::Predict(args) => {
            let said = predict::predict(args, &context)?;
            done = Some(said.done);
            said.text
        }
        Command::Promote(args) => {
            let said = promote::promote(args, &context)?;
            is_held_back = said.is_held_back;
            done = (!is_held_back)
                .then(|| format!("version {} of {} is the {}", args.version, args.model, args.to));
            said.text
        }
        Command::Canary(command) => {
            let said = canary::run(command, &context)?;
            is_held_back = said.is_held_back;
            done = (!is_held_back).then(|| "the challenger is as it was asked for".to_owned());
            said.text
        }
        Command::Rollback(args) => {
            let text = rollback::rollback(args, &context)?;
            done = Some(format!("the champion of {} is rolled back", args.model));
            text
        }
        Command::List(args) => versions::list(args, &context)?,
        Command::Show(args) => versions::show(args, &context)?,
        Command::Compare(args) => compare::compare(args, &context)?,
        Command::Verify(args) => versions::verify(args, &context)?,
        Command::History(args) => history::history(args, &context)?,
        Command::Prune(args) => prune::prune(args, &context)?,
        Command::Keygen(args) => keys::keygen(args)?,
        Command::Sign(args) => keys::sign(args, &context)?,
    };
    Ok(Answer { text, done, is_held_back })
}

impl Answer {
    fn print(&self) -> anyhow::Result<()> {
        if self.text.is_empty() {
            return Ok(()); // standard output has had something else
        }
        let mut stdout = std::io::stdout();
        match writeln!(stdout, "{}", self.text.trim_end()).and_then(|()| stdout.flush()) {
            // Whoever read the output has seen enough of it.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.with_context(|| {
                let done = self.done.as_ref().map(|done| format!(" ({done})"));
                format!("writing to standard output{}", done.unwrap_or_default())
            }),
        }
    }
}

/// One JSON document. What would steer a terminal is written as an escape.
fn to_json(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string_pretty(value).expect("what is printed is JSON");
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        // Only in strings: outside of them JSON has no such character but the line's end.
        if steers_display(c) && c != '\n' {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
