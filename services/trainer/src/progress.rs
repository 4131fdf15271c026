//! How far the fit is: a bar on a terminal, a log line for each tenth elsewhere.

use std::fmt;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use estimators::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::stop::Stop;

const TEMPLATE: &str = "fitting {bar:40} {pos}/{len} {msg} · {elapsed} · {left}";
/// How often the elapsed time moves.
const TICK: Duration = Duration::from_millis(200);
/// Log lines of a whole fit.
const LOG_LINES: usize = 10;

/// The time left, once there is something to tell it from.
fn left(state: &ProgressState, text: &mut dyn fmt::Write) {
    if state.pos() > 0 {
        let _ = write!(text, "{} left", HumanDuration(state.eta()));
    }
}

/// Shows how far a fit is, and stops it when a signal came.
pub(crate) struct FitProgress<'a> {
    stop: &'a Stop,
    /// None where there is no terminal.
    bar: Option<ProgressBar>,
    total: AtomicUsize,
    done: AtomicUsize,
    unit: Mutex<String>,
}

impl<'a> FitProgress<'a> {
    pub(crate) fn new(stop: &'a Stop) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(TEMPLATE).expect("a valid template");
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
            bar.with_style(style.with_key("left", left))
        });
        let (total, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { stop, bar, total, done, unit: Mutex::default() }
    }

    fn unit(&self) -> String {
        self.unit.lock().map(|unit| unit.clone()).unwrap_or_default()
    }
}

impl Progress for FitProgress<'_> {
    fn start(&self, total: usize, unit: &str) {
        self.total.store(total, Ordering::Relaxed);
        if let Ok(mut stored) = self.unit.lock() {
            unit.clone_into(&mut stored);
        }
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_message(unit.to_owned());
            bar.tick();
        }
    }

    fn advance(&self, n: usize) {
        let before = self.done.fetch_add(n, Ordering::Relaxed);
        let (done, total) = (before + n, self.total.load(Ordering::Relaxed).max(1));
        match &self.bar {
            Some(bar) => bar.inc(n as u64),
            None if before * LOG_LINES / total < done * LOG_LINES / total => {
                tracing::info!(n_done = done, n_total = total, unit = self.unit(), "fitting");
            }
            None => {}
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stop.is_requested()
    }
}

impl Drop for FitProgress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
