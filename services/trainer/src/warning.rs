//! What a person should know of a run although it goes on: of the data, the scores, the present champion.

use std::fmt;

use dataset::Note;
use serde::Serialize;

use crate::text::{counted, name, number};

/// Names listed in one sentence.
const LISTED: usize = 10;

/// Something unusual. Its `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Warning {
    /// Of the table.
    Data(Note),
    /// Of anything else.
    Run(RunWarning),
}

/// What the trainer itself found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(crate) enum RunWarning {
    /// A table that anybody on its way could have changed.
    PlainHttp { location: String },
    /// Rows to evaluate on that the model was fitted to.
    SeenTestRows { n_seen: u64, n_rows: u64 },
    /// A model that nobody needs.
    NoBetterThanTheMean { rmse: f64, constant_mean_rmse: f64 },
    /// A model that seems to answer the same for every row.
    NoFeatureMatters { is_penalised_away: bool },
    /// Requests that suit the champion may not suit this version.
    OtherFeatures { champion: u64, added: Vec<String>, removed: Vec<String>, retyped: Vec<String> },
    /// The version cannot be compared with the champion.
    UnreadableChampion { reason: String },
}

impl From<Note> for Warning {
    fn from(note: Note) -> Self {
        Self::Data(note)
    }
}

impl From<RunWarning> for Warning {
    fn from(warning: RunWarning) -> Self {
        Self::Run(warning)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(note) => note.fmt(f),
            Self::Run(warning) => warning.fmt(f),
        }
    }
}

impl fmt::Display for RunWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlainHttp { location } => write!(
                f,
                "`{location}` came over plain http: nobody vouches for it being the table that was sent; use https"
            ),
            Self::SeenTestRows { n_seen, n_rows } => write!(
                f,
                "{} of {} also stand in the training rows: the scores are too good",
                crate::text::count(*n_seen),
                counted(*n_rows, "test row"),
            ),
            Self::NoBetterThanTheMean { rmse, constant_mean_rmse } => write!(
                f,
                "the model is worth nothing: its RMSE on the test rows is {}, that of always answering with the mean {}",
                number(*rmse),
                number(*constant_mean_rmse),
            ),
            Self::NoFeatureMatters { is_penalised_away } => {
                write!(
                    f,
                    "every importance is 0: no prediction changes when a column of the test rows is shuffled"
                )?;
                if *is_penalised_away {
                    write!(f, ", because all coefficients are 0; lower --alpha")?;
                }
                Ok(())
            }
            Self::OtherFeatures { champion, added, removed, retyped } => {
                write!(f, "the features are not those of the champion, version {champion}: ")?;
                let changes = [("added", added), ("removed", removed), ("retyped", retyped)];
                let changes = changes.into_iter().filter(|(_, names)| !names.is_empty());
                let changes: Vec<_> =
                    changes.map(|(what, names)| format!("{what} {}", listed(names))).collect();
                write!(f, "{}; clients must send others", changes.join("; "))
            }
            Self::UnreadableChampion { reason } => {
                write!(f, "the present champion cannot be compared with: {reason}")
            }
        }
    }
}

fn listed(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(LISTED).map(|text| format!("`{}`", name(text))).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// Tells standard error.
pub(crate) fn log(warnings: &[Warning]) {
    for warning in warnings {
        tracing::warn!("{}", crate::text::clean(&warning.to_string()));
    }
}
