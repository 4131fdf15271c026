//! How far a download, the fit or a prediction is: a bar on a terminal, a log line for each tenth elsewhere.

use std::fmt;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use estimators::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::stop::Stop;
use crate::text::counted;

/// Of a table whose server says how long it is, and of one whose server does not.
const FETCH: &str =
    "fetching {bar:40} {binary_bytes}/{binary_total_bytes} · {binary_bytes_per_sec} · {left}";
const FETCH_OPEN: &str = "fetching {binary_bytes} · {binary_bytes_per_sec} · {elapsed}";
/// What is logged of, where the whole length is not known: 64 MiB.
const LOG_BYTES: u64 = 64 << 20;

/// Of a file, and of standard input, whose length nobody knows.
const PREDICT: &str =
    "predicting {bar:40} {binary_bytes}/{binary_total_bytes} · {msg} · {elapsed} · {left}";
const PREDICT_OPEN: &str = "predicting {msg} · {elapsed}";

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

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a valid template").with_key("left", left)
}

/// A bar, where there is a terminal.
fn bar(template: &str) -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.enable_steady_tick(TICK);
        bar.with_style(style(template))
    })
}

/// Shows how much of a table is there.
pub(crate) struct FetchProgress {
    location: String,
    /// None where there is no terminal.
    bar: Option<ProgressBar>,
    n_total: Option<u64>,
    n_done: u64,
}

impl FetchProgress {
    /// Waits for the server's answer.
    pub(crate) fn new(location: &str) -> Self {
        Self { location: location.to_owned(), bar: bar(FETCH_OPEN), n_total: None, n_done: 0 }
    }

    /// Begins, or begins anew, with the length of the table where the server says it.
    pub(crate) fn start(&mut self, n_total: Option<u64>) {
        (self.n_total, self.n_done) = (n_total, 0);
        if let Some(bar) = &self.bar {
            bar.reset();
            if let Some(n_total) = n_total {
                bar.set_length(n_total);
                bar.set_style(style(FETCH));
            }
        }
    }

    pub(crate) fn advance(&mut self, n_bytes: u64) {
        let before = self.n_done;
        self.n_done += n_bytes;
        let step = self.n_total.map_or(LOG_BYTES, |n_total| n_total.div_ceil(LOG_LINES as u64));
        match &self.bar {
            Some(bar) => bar.inc(n_bytes),
            None if before / step.max(1) < self.n_done / step.max(1) => {
                let (location, n_done, n_total) = (&self.location, self.n_done, self.n_total);
                tracing::info!(location, n_bytes = n_done, n_total_bytes = n_total, "fetching");
            }
            None => {}
        }
    }
}

impl Drop for FetchProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows how far a prediction is.
pub(crate) struct PredictProgress {
    /// None where there is no terminal.
    bar: Option<ProgressBar>,
    n_total_bytes: Option<u64>,
    n_bytes: u64,
    n_rows: u64,
}

impl PredictProgress {
    /// Begins with the length of the file, where it is known.
    pub(crate) fn new(n_total_bytes: Option<u64>) -> Self {
        let bar = bar(if n_total_bytes.is_some() { PREDICT } else { PREDICT_OPEN });
        if let (Some(bar), Some(n_total)) = (&bar, n_total_bytes) {
            bar.set_length(n_total);
        }
        Self { bar, n_total_bytes, n_bytes: 0, n_rows: 0 }
    }

    /// So many rows are written; so many bytes of the file are read by now.
    pub(crate) fn advance(&mut self, n_rows: u64, n_bytes: u64) {
        let before = std::mem::replace(&mut self.n_bytes, n_bytes);
        self.n_rows += n_rows;
        let step = self.n_total_bytes.map_or(LOG_BYTES, |all| all.div_ceil(LOG_LINES as u64));
        match &self.bar {
            Some(bar) => {
                bar.set_position(n_bytes);
                bar.set_message(counted(self.n_rows, "row"));
            }
            None if before / step.max(1) < n_bytes / step.max(1) => {
                let (n_rows, n_total) = (self.n_rows, self.n_total_bytes);
                tracing::info!(n_rows, n_bytes, n_total_bytes = n_total, "predicting");
            }
            None => {}
        }
    }
}

impl Drop for PredictProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
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
        let bar = bar(TEMPLATE);
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
