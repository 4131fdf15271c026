//! How settings are written: shares and limits; times, sizes and counts are those of `service_kit`.

use std::fmt;

pub(super) use service_kit::settings::{at_least_one, interval, size};

/// A limit that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// More than this crosses it.
    Above(f64),
    /// Nothing crosses it.
    Off,
}

impl Limit {
    /// The limit that a value crosses; none where it does not.
    pub(crate) fn crossed_by(self, value: f64) -> Option<f64> {
        match self {
            Self::Above(limit) if value > limit => Some(limit),
            Self::Above(_) | Self::Off => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Above(limit) => write!(f, "{limit}"),
            Self::Off => f.write_str("none"),
        }
    }
}

/// A share of requests in percent, 0 to 100.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("it must be 0 to 100, such as 5".to_owned()),
    }
}

/// A limit on a ratio: `1%`, `0.01` or `none`.
pub(super) fn ratio_limit(text: &str) -> Result<Limit, String> {
    let ratio = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None if text == "none" => return Ok(Limit::Off),
        None => text.parse(),
    };
    match ratio {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Limit::Above(ratio)),
        _ => Err("it must be 0% to 100%, such as 1% or 0.01, or none".to_owned()),
    }
}

/// A limit on a number: `5` or `none`.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::Off);
    }
    match text.parse::<f64>() {
        Ok(limit) if limit >= 0.0 && limit.is_finite() => Ok(Limit::Above(limit)),
        _ => Err("it must be 0 or more, such as 0.5, or none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_limits_as_people_write_them() {
        assert_eq!(ratio_limit("1%"), Ok(Limit::Above(0.01)));
        assert_eq!(ratio_limit("0.01"), Ok(Limit::Above(0.01)));
        assert_eq!(ratio_limit("none"), Ok(Limit::Off));
        assert!(ratio_limit("5").is_err(), "a ratio of 5 is a slip for 5%");
        assert_eq!(limit("0.5"), Ok(Limit::Above(0.5)));
        assert_eq!(limit("none"), Ok(Limit::Off));
        assert!(limit("-1").is_err() && limit("inf").is_err() && limit("NaN").is_err());
        assert_eq!((percent("5"), percent("12.5%")), (Ok(5.0), Ok(12.5)));
        assert!(percent("101").is_err() && percent("-1").is_err() && percent("NaN").is_err());
    }

    #[test]
    fn only_more_than_a_limit_crosses_it() {
        assert_eq!(Limit::Above(0.5).crossed_by(0.5), None);
        assert_eq!(Limit::Above(0.5).crossed_by(f64::INFINITY), Some(0.5));
        assert_eq!(Limit::Off.crossed_by(f64::INFINITY), None);
    }
}
