//! What a version is held to before an alias moves to it.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

/// Limits of the gates.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Gates")]
pub(crate) struct GateArgs {
    /// By how much the RMSE may be above the champion's on the same held-out rows: a percentage or a fraction
    #[arg(long, env = "CANOPY_MAX_REGRESSION", value_name = "SHARE", default_value = "1%", value_parser = share)]
    pub(crate) max_regression: f64,

    /// How far predictions may move from the champion's on average, in standard deviations of the target
    #[arg(long, env = "CANOPY_MAX_DIVERGENCE", value_name = "N", default_value = "0.5", value_parser = factor)]
    pub(crate) max_divergence: f64,

    /// How many times as long as the champion the model may take for a row; below 20 µs it does not matter
    #[arg(long, env = "CANOPY_MAX_LATENCY_FACTOR", value_name = "FACTOR", default_value = "5", value_parser = factor)]
    pub(crate) max_latency_factor: f64,

    /// Let features be added, removed, retyped, reordered or required, once all clients have changed
    #[arg(long, env = "CANOPY_ALLOW_BREAKING", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(crate) allow_breaking: bool,

    /// Recent requests that the version must answer: a file that a server keeps with --request-sample
    #[arg(long, env = "CANOPY_REPLAY", value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
}

/// A share from a text such as `1%` or `0.01`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (digits, scale) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits, 100.0));
    match digits.trim().parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(value / scale),
        _ => Err("expected a share of 0 or more, such as 1% or 0.01".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value.is_finite() => Ok(value),
        _ => Err("expected a number above 0, such as 5".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_shares_as_percentages_or_fractions() {
        assert_eq!((share("1%"), share("0.01"), share("0")), (Ok(0.01), Ok(0.01), Ok(0.0)));
        for text in ["-1%", "many", "", "inf", "NaN%"] {
            assert!(share(text).is_err(), "{text}");
        }
        assert!(factor("0").is_err() && factor("2.5") == Ok(2.5));
    }
}
