//! The log of a process: JSON for machines or lines for people, never in a request's way.
//!
//! What a request leaves in the log is decided in [`crate::edge`]; series are in [`crate::metrics`].

mod json_line;
mod line_writer;

use std::{
    io::{self, Write},
    sync::OnceLock,
};

use clap::{Args, ValueEnum};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, layer::SubscriberExt};

use crate::panic;
use json_line::JsonLines;
use line_writer::{LineWriter, WriterThread};

/// The process has one subscriber, and so one writer of its lines.
static LINES: OnceLock<LineWriter> = OnceLock::new();

/// Settings of the log.
#[derive(Debug, Clone, Args)]
pub struct TelemetryArgs {
    /// How log lines look
    #[arg(long, env = "CANOPY_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,

    /// What is logged: a level, or `target=level` pairs, such as `info,access=warn`
    #[arg(long = "log", env = "CANOPY_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, times in UTC
    Json,
    /// One line for people
    Pretty,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Servers, whose log is their only output.
    Stdout,
    /// Commands, whose result goes to standard output.
    Stderr,
}

/// Says why no log could be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter has a part that is neither a level nor a `target=level` pair.
    #[error("`{filter}` is not a log filter: {reason}; try `info` or `info,access=warn`")]
    Filter {
        /// The whole filter.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The process has a subscriber already.
    #[error("the log is already started")]
    AlreadyStarted,
    /// The system gives no thread.
    #[error("the log's thread could not be started: {0}")]
    NoThread(#[from] io::Error),
}

/// Writes the waiting lines when it is dropped: keep it until the end of `main`.
#[derive(Debug)]
#[must_use]
pub struct TelemetryGuard {
    _thread: WriterThread,
}

/// Starts the process's log and sends panics to it.
///
/// A thread of its own writes; a request never waits for it. When lines come faster than they can
/// be written they are dropped, and [`lost_lines`] says how many.
///
/// # Errors
///
/// The filter cannot be read, the log is already started, or the system gives no thread.
pub fn init(args: &TelemetryArgs, sink: Sink) -> Result<TelemetryGuard, TelemetryError> {
    let filter = filter(&args.log)?;
    let sink: Box<dyn Write + Send> = match sink {
        Sink::Stdout => Box::new(io::stdout()),
        Sink::Stderr => Box::new(io::stderr()),
    };
    let (lines, thread) = LineWriter::start(sink)?;
    let result = match args.log_format {
        LogFormat::Json => tracing::subscriber::set_global_default(json(filter, lines.clone())),
        LogFormat::Pretty => tracing::subscriber::set_global_default(pretty(filter, lines.clone())),
    };
    result.map_err(|_| TelemetryError::AlreadyStarted)?;
    LINES.get_or_init(|| lines);
    panic::install_hook();
    Ok(TelemetryGuard { _thread: thread })
}

/// Waits until the lines so far are written, for a second at most: for those who end the process themselves.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.wait();
    }
}

/// Counts the lines this process could not write since it started.
#[must_use]
pub fn lost_lines() -> u64 {
    LINES.get().map_or(0, LineWriter::n_lost)
}

/// Reads a filter, and refuses what would silently switch the log off, such as `inof`.
fn filter(text: &str) -> Result<EnvFilter, TelemetryError> {
    let error = |reason: String| TelemetryError::Filter { filter: text.to_owned(), reason };
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    for part in text.split(',').map(str::trim) {
        let is_pair = part.contains('=') || part.contains('[');
        if !is_pair && !levels.iter().any(|level| level.eq_ignore_ascii_case(part)) {
            return Err(error(format!("`{part}` is none of {}", levels.join(", "))));
        }
    }
    EnvFilter::try_new(text).map_err(|e| error(e.to_string()))
}

pub(crate) fn json<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(filter).with(JsonLines(writer))
}

fn pretty<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .compact()
        .finish()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::testing::Captured;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        telemetry: TelemetryArgs,
    }

    #[test]
    fn json_lines_are_flat_and_in_utc() {
        let captured = Captured::default();
        let subscriber = json(filter("info,quiet=warn").unwrap(), captured.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "loud", n_rows = 3, model.version = 7, "loaded");
            tracing::info!(target: "quiet", "not to be seen");
        });
        let text = captured.text();
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "loaded");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["target"], "loud");
        assert_eq!(line["n_rows"], 3);
        assert_eq!(line["model.version"], 7);
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{text}");
    }

    #[test]
    fn pretty_lines_are_one_line_each() {
        let captured = Captured::default();
        let subscriber = pretty(filter("info").unwrap(), captured.clone());
        tracing::subscriber::with_default(subscriber, || tracing::info!(n_rows = 3, "loaded"));
        let text = captured.text();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("loaded") && text.contains("n_rows=3"), "{text}");
    }

    #[test]
    fn a_misspelt_level_is_an_error_that_names_it() {
        let error = filter("inof").unwrap_err().to_string();
        assert!(error.contains("`inof` is none of off, error"), "{error}");
        assert!(filter("access=loud").is_err());
        assert!(filter("INFO,access=warn").is_ok());
    }

    #[test]
    fn the_defaults_are_json_and_info() {
        let args = Command::parse_from(["test"]).telemetry;
        assert_eq!(args.log_format, LogFormat::Json);
        assert_eq!(args.log, "info");
    }
}
