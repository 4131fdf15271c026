//! How serious a difference is: thresholds on effects that chance alone does not explain.

use serde::{Deserialize, Serialize};

/// From this PSI above chance on, a significant difference is a warning.
pub const PSI_WARNING: f64 = 0.1;
/// From this PSI above chance on, it is an alarm.
pub const PSI_ALARM: f64 = 0.25;
/// From this rise on, a significantly greater share of missing or unseen values is a warning.
pub const RISE_WARNING: f64 = 0.02;
/// From this rise on, it is an alarm.
pub const RISE_ALARM: f64 = 0.1;

/// How serious a difference from training is; the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftLevel {
    /// Too few rows to tell.
    Unknown,
    /// No more than chance explains, or too little to matter.
    Ok,
    /// Not by chance, and worth a look.
    Warning,
    /// Not by chance, and large.
    Alarm,
}

/// What a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// How the values that are present are spread.
    Values,
    /// The share of rows without a value.
    Missing,
    /// The share of rows with a category that training never saw.
    Unseen,
}

/// One test's p-value and the size of what it found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding {
    /// What was tested.
    pub found: Found,
    /// The chance of it without any change.
    pub p_value: f64,
    /// How large it is, in the unit of the thresholds.
    pub effect: f64,
    /// The effect that is worth a look.
    pub warning: f64,
    /// The effect that is an alarm.
    pub alarm: f64,
}

impl Finding {
    /// The level: a finding has to be significant and large, either alone is not enough.
    pub(super) fn level(&self, significance: f64) -> DriftLevel {
        if !self.significant(significance) || !self.matters() {
            DriftLevel::Ok
        } else if self.effect >= self.alarm {
            DriftLevel::Alarm
        } else {
            DriftLevel::Warning
        }
    }

    pub(super) fn significant(&self, significance: f64) -> bool {
        self.p_value < significance
    }

    pub(super) fn matters(&self) -> bool {
        self.effect >= self.warning
    }

    /// The effect by which findings of different kinds are ranked: 1 is just an alarm.
    pub(super) fn severity(&self) -> f64 {
        self.effect / self.alarm
    }
}
