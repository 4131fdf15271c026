//! When a trial is ended: the limits, and the judgement over what was compared.

use std::fmt;

use crate::config::{Limit, VetoArgs};
use crate::window::Window;

/// A challenger this fast may be any number of times slower than the champion: nobody can notice beside the network.
///
/// Not less: on a quiet server each comparison finds cold caches, and a forest of 50 trees takes 0.1 ms instead of 2 µs.
const NOTICEABLE_SECONDS: f64 = 1e-3;

/// What a challenger may not do.
#[derive(Debug, Clone)]
pub(crate) struct VetoLimits {
    min_requests: u64,
    error_rate: Limit,
    latency_factor: Limit,
    divergence: Limit,
}

/// Why a trial ends: the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VetoReason {
    /// It failed to answer what the champion answered.
    Errors,
    /// It was too slow.
    Latency,
    /// Its predictions lay too far from the champion's.
    Divergence,
}

impl VetoReason {
    pub(crate) const ALL: [Self; 3] = [Self::Errors, Self::Latency, Self::Divergence];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Latency => "latency",
            Self::Divergence => "divergence",
        }
    }
}

/// The judgement that ends a trial, with the figures and the limit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Veto {
    pub(crate) reason: VetoReason,
    pub(crate) figure: f64,
    pub(crate) limit: f64,
    pub(crate) n_requests: u64,
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, figure, limit, n_requests } = self;
        match reason {
            VetoReason::Errors => write!(f, "error rate {figure:.4}"),
            VetoReason::Latency => write!(f, "latency {figure:.1} times the champion's"),
            VetoReason::Divergence => write!(f, "divergence {figure:.3}"),
        }?;
        write!(f, " above {limit} over {n_requests} requests")
    }
}

impl From<&VetoArgs> for VetoLimits {
    fn from(args: &VetoArgs) -> Self {
        Self {
            min_requests: args.veto_min_requests,
            error_rate: args.veto_error_rate,
            latency_factor: args.veto_latency_factor,
            divergence: args.veto_divergence,
        }
    }
}

impl VetoLimits {
    /// Judges by all that was compared; the worst for callers first.
    pub(crate) fn judge(&self, window: &mut Window) -> Option<Veto> {
        let n_requests = window.n_requests() as u64;
        let errors = self.judge_errors(window.n_errors() as u64, n_requests);
        if errors.is_some() || n_requests < self.min_requests {
            return errors;
        }
        let veto = |reason, limit: Limit, figure| {
            let limit = limit.crossed_by(figure)?;
            Some(Veto { reason, figure, limit, n_requests })
        };
        let divergence = window
            .mean_divergence()
            .and_then(|mean| veto(VetoReason::Divergence, self.divergence, mean));
        divergence.or_else(|| {
            let (champion, challenger) = window.median_seconds()?;
            let is_noticeable = challenger >= NOTICEABLE_SECONDS;
            let factor = is_noticeable.then(|| challenger / champion)?;
            veto(VetoReason::Latency, self.latency_factor, factor)
        })
    }

    /// Judges by the requests that it failed to answer alone.
    pub(crate) fn judge_errors(&self, n_errors: u64, n_requests: u64) -> Option<Veto> {
        if n_requests < self.min_requests.max(1) {
            return None;
        }
        let figure = n_errors as f64 / n_requests as f64;
        let limit = self.error_rate.crossed_by(figure)?;
        Some(Veto { reason: VetoReason::Errors, figure, limit, n_requests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::{Compared, Measured};

    const LIMITS: VetoLimits = VetoLimits {
        min_requests: 100,
        error_rate: Limit::Above(0.01),
        latency_factor: Limit::Above(5.0),
        divergence: Limit::Above(0.5),
    };

    fn alike() -> Measured {
        let seconds = 100e-6;
        Measured {
            divergence: 0.1,
            n_rows: 1,
            champion_seconds: seconds,
            challenger_seconds: seconds,
        }
    }

    /// Which of the first requests ends the trial, and why.
    fn ended_at(limits: &VetoLimits, request: impl Fn(usize) -> Compared) -> Option<(usize, Veto)> {
        let mut window = Window::default();
        (1..=300).find_map(|n| {
            window.push(request(n));
            limits.judge(&mut window).map(|veto| (n, veto))
        })
    }

    #[test]
    fn one_that_is_like_the_champion_stays() {
        assert_eq!(ended_at(&LIMITS, |_| Compared::Both(alike())), None);
        let one_error = |n| if n == 1 { Compared::Failed } else { Compared::Both(alike()) };
        assert_eq!(ended_at(&LIMITS, one_error), None, "1 % is not above 1 %");
    }

    #[test]
    fn a_wrong_one_goes_at_the_first_request_that_counts() {
        let far = Compared::Both(Measured { divergence: 3.2, ..alike() });
        let (n, veto) = ended_at(&LIMITS, |_| far).expect("it is vetoed");
        assert_eq!((n, veto.reason), (100, VetoReason::Divergence));
        assert_eq!(veto.to_string(), "divergence 3.200 above 0.5 over 100 requests");

        let slow = Compared::Both(Measured { challenger_seconds: 1_200e-6, ..alike() });
        let (n, veto) = ended_at(&LIMITS, |_| slow).expect("it is vetoed");
        assert_eq!((n, veto.reason), (100, VetoReason::Latency));

        let (n, veto) = ended_at(&LIMITS, |_| Compared::Failed).expect("it is vetoed");
        assert_eq!((n, veto.reason), (100, VetoReason::Errors));
        assert_eq!(veto.to_string(), "error rate 1.0000 above 0.01 over 100 requests");
    }

    #[test]
    fn a_prediction_beyond_all_bounds_counts() {
        let infinite = Compared::Both(Measured { divergence: f64::INFINITY, ..alike() });
        assert!(ended_at(&LIMITS, |_| infinite).is_some());
    }

    #[test]
    fn slower_than_anybody_notices_is_not_too_slow() {
        let quick = Measured { champion_seconds: 1e-6, challenger_seconds: 990e-6, ..alike() };
        assert_eq!(ended_at(&LIMITS, |_| Compared::Both(quick)), None);
        let noticed = Measured { challenger_seconds: 1_010e-6, ..quick };
        assert!(ended_at(&LIMITS, |_| Compared::Both(noticed)).is_some());
    }

    #[test]
    fn a_limit_can_be_switched_off() {
        let off = VetoLimits { divergence: Limit::Off, ..LIMITS };
        let far = Compared::Both(Measured { divergence: 1e9, ..alike() });
        assert_eq!(ended_at(&off, |_| far), None);
    }
}
