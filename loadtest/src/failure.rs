//! What counts as a failure, and how it is told.

use std::fmt;

use serde::{Serialize, Serializer};

/// Why a request failed; its name is what the summary counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FailureKind {
    /// No connection could be made.
    Connect,
    /// The connection ended before the whole answer was there.
    Closed,
    /// No whole answer within the time limit.
    Timeout,
    /// An answer that is not 200.
    Status(u16),
    /// A 200 that holds no prediction.
    Unreadable,
    /// A version gave another prediction for the same body than before.
    Inconsistent,
    /// Never sent: too many requests waited already, or this one waited too long for a connection.
    Overload,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("connect"),
            Self::Closed => f.write_str("closed"),
            Self::Timeout => f.write_str("timeout"),
            Self::Status(status) => write!(f, "status_{status}"),
            Self::Unreadable => f.write_str("unreadable"),
            Self::Inconsistent => f.write_str("inconsistent"),
            Self::Overload => f.write_str("overload"),
        }
    }
}

impl Serialize for FailureKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What hyper says went wrong after a request was handed to it.
    pub(crate) fn of(error: &hyper::Error) -> Self {
        let kind = if error.is_parse() { FailureKind::Unreadable } else { FailureKind::Closed };
        Self::new(kind, with_causes(error))
    }
}

/// An error and what caused it, on one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
