//! How settings of this service alone are written: windows and the chance of a false alarm.

use std::fmt;
use std::time::Duration;

/// A span of time that ends now, in whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// How many minutes, from 1.
    pub minutes: u32,
}

impl fmt::Display for Window {
    /// As people write it: `1h`, `24h`, `7d`; up to two days in hours.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minutes {
            minutes if minutes % 1440 == 0 && minutes > 2880 => write!(f, "{}d", minutes / 1440),
            minutes if minutes % 60 == 0 => write!(f, "{}h", minutes / 60),
            minutes => write!(f, "{minutes}m"),
        }
    }
}

pub(super) fn window(text: &str) -> Result<Window, String> {
    let span = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it as 1h, 90m or 7d"))?;
    let minutes = u32::try_from(span.as_secs() / 60).unwrap_or(u32::MAX);
    if span.is_zero() || Duration::from_secs(60 * u64::from(minutes)) != span {
        return Err("it must be whole minutes, at least one, such as 1h".to_owned());
    }
    Ok(Window { minutes })
}

pub(super) fn alpha(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(alpha) if alpha > 0.0 && alpha < 1.0 => Ok(alpha),
        _ => Err("it must be between 0 and 1, such as 0.0001".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_shown_as_people_write_it() {
        for (given, shown) in [("60m", "1h"), ("1d", "24h"), ("7d", "7d"), ("90m", "90m")] {
            assert_eq!(window(given).unwrap().to_string(), shown);
        }
    }
}
