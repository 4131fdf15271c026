//! What a trial has shown so far, and whether that ends it.
//!
//! The window is filled by the comparison thread alone. That thread has the lowest priority, so no request ever
//! waits for its lock: what requests add and read is in atomics beside it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use arc_swap::ArcSwap;

use crate::veto::{Veto, VetoLimits};
use crate::window::{Compared, Divergence, Window};

/// The state of one trial.
#[derive(Debug)]
pub(crate) struct Trial {
    limits: VetoLimits,
    window: Mutex<Window>,
    /// How many requests the window holds.
    n_requests: AtomicU64,
    /// How many of them failed.
    n_errors: AtomicU64,
    /// Canary requests that the champion had to answer instead, and that are not in the window yet.
    n_failed: AtomicU64,
    figures: ArcSwap<Figures>,
}

/// What is shown of a trial.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) n_requests: usize,
    pub(crate) error_ratio: f64,
    pub(crate) divergence: Option<Divergence>,
    /// Medians of the model alone, champion first.
    pub(crate) median_seconds: Option<(f64, f64)>,
}

impl Trial {
    pub(crate) fn new(limits: VetoLimits) -> Self {
        Self {
            limits,
            window: Mutex::default(),
            n_requests: AtomicU64::new(0),
            n_errors: AtomicU64::new(0),
            n_failed: AtomicU64::new(0),
            figures: ArcSwap::default(),
        }
    }

    /// Notes a canary request that the champion had to answer; the share of such ones, and whether it ends the trial.
    ///
    /// Never waits.
    pub(crate) fn note_failure(&self) -> (f64, Option<Veto>) {
        let n_failed = self.n_failed.fetch_add(1, Ordering::Relaxed) + 1;
        let n_errors = self.n_errors.load(Ordering::Relaxed) + n_failed;
        let n_requests = self.n_requests.load(Ordering::Relaxed) + n_failed;
        let error_ratio = n_errors as f64 / n_requests as f64;
        (error_ratio, self.limits.judge_errors(n_errors, n_requests))
    }

    /// Notes what a comparison showed: for the comparison thread.
    pub(crate) fn note(&self, compared: Compared) -> Option<Veto> {
        self.with_window(|window| {
            window.push(compared);
            self.limits.judge(window)
        })
    }

    /// Works out what is shown: for the comparison thread.
    pub(crate) fn work_out(&self) -> Figures {
        let figures = self.with_window(|window| Figures {
            n_requests: window.n_requests(),
            error_ratio: window.n_errors() as f64 / window.n_requests().max(1) as f64,
            divergence: window.divergence(),
            median_seconds: window.median_seconds(),
        });
        self.figures.store(figures.into());
        figures
    }

    /// What was worked out last. Never waits.
    pub(crate) fn figures(&self) -> Figures {
        **self.figures.load()
    }

    fn with_window<T>(&self, use_window: impl FnOnce(&mut Window) -> T) -> T {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..self.n_failed.swap(0, Ordering::Relaxed) {
            window.push(Compared::Failed);
        }
        let used = use_window(&mut window);
        self.n_requests.store(window.n_requests() as u64, Ordering::Relaxed);
        self.n_errors.store(window.n_errors() as u64, Ordering::Relaxed);
        used
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::VetoArgs;
    use crate::veto::VetoReason;
    use crate::window::{Measured, WINDOW_REQUESTS};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        veto: VetoArgs,
    }

    fn trial() -> Trial {
        Trial::new((&Command::parse_from(["test"]).veto).into())
    }

    const ALIKE: Compared = Compared::Both(Measured {
        divergence: 0.0,
        n_rows: 1,
        champion_seconds: 1e-6,
        challenger_seconds: 1e-6,
    });

    #[test]
    fn failures_count_at_once_and_once() {
        let trial = trial();
        for n in 1..100 {
            assert_eq!(trial.note_failure(), (1.0, None), "request {n}");
        }
        let veto = trial.note_failure().1.expect("the hundredth ends it");
        assert_eq!((veto.reason, veto.n_requests), (VetoReason::Errors, 100));
        let figures = trial.work_out();
        assert_eq!((figures.n_requests, figures.error_ratio), (100, 1.0));
        assert_eq!(trial.work_out().n_requests, 100, "they are not counted again");
    }

    #[test]
    fn old_failures_are_forgotten() {
        let trial = trial();
        trial.note_failure();
        (0..WINDOW_REQUESTS).for_each(|_| assert_eq!(trial.note(ALIKE), None));
        assert_eq!(trial.work_out().error_ratio, 0.0);
        assert_eq!(trial.figures().n_requests, WINDOW_REQUESTS);
    }
}
