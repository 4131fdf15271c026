//! The comparison thread: asks challenger and champion the same question, off the request path.
//!
//! A request is offered once its answer is computed. It is never waited for: what does not fit is dropped and counted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Instant;

use bytes::Bytes;
use schema::{ReadOptions, Request};
use tokio::sync::mpsc::{self, error::TryRecvError};

use crate::active_model::{ActiveModel, BodyFormat};
use crate::challenger::Challenger;
use crate::challenger_series::{Dropped, Outcome};
use crate::served_model::ServedModel;
use crate::window::{Compared, Measured};

/// Requests that may wait: more would only be compared later, and traffic of a second ago says as much.
const MAX_WAITING: usize = 64;
/// What their bodies may take together. They are copies, so the budget of bodies has nothing to do with them.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// Longer bodies are not compared: to copy one would be felt in its answer.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Rows of a request that are compared: the first ones stand for the rest.
const MAX_ROWS: usize = 1_000;
/// Comparisons after which figures are shown, though more requests wait.
const SHOW_EVERY: usize = 100;
/// The least urgent there is (`nice`): whatever answers goes first.
const LEAST_URGENT: i32 = 19;

/// A request that was answered, or given up by whoever waited for a canary's answer.
#[derive(Clone)]
pub(crate) struct Answered<'a> {
    pub(crate) served: &'a Arc<ServedModel>,
    pub(crate) champion: Arc<ActiveModel>,
    pub(crate) challenger: Arc<Challenger>,
    pub(crate) body: &'a [u8],
    pub(crate) format: BodyFormat,
    pub(crate) options: ReadOptions,
}

/// The way to the comparison thread, which ends with this value.
#[derive(Debug)]
pub(crate) struct Comparison {
    sender: Option<mpsc::Sender<Job>>,
    waiting_bytes: Arc<AtomicUsize>,
    thread: Thread,
}

/// What the thread holds of a request.
#[derive(Debug)]
struct Job {
    served: Arc<ServedModel>,
    champion: Arc<ActiveModel>,
    challenger: Arc<Challenger>,
    body: Bytes,
    format: BodyFormat,
    options: ReadOptions,
    _paid: Paid,
}

/// Bytes of waiting bodies, given back when their job is dropped.
#[derive(Debug)]
struct Paid {
    waiting_bytes: Arc<AtomicUsize>,
    n_bytes: usize,
}

impl Drop for Paid {
    fn drop(&mut self) {
        self.waiting_bytes.fetch_sub(self.n_bytes, Ordering::Relaxed);
    }
}

impl Comparison {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let work = move || {
            become_least_urgent();
            Worker { receiver, challenger_first: false, unshown: Vec::new(), n_unshown: 0 }.run();
        };
        let thread = std::thread::Builder::new().name("canopy-compare".to_owned()).spawn(work)?;
        let thread = thread.thread().clone();
        Ok(Self { sender: Some(sender), waiting_bytes: Arc::default(), thread })
    }

    /// Hands a request over if there is room for it; takes no lock, as the thread might hold it for long.
    pub(crate) fn offer(&self, answered: Answered<'_>) {
        let Answered { served, champion, challenger, body, format, options } = answered;
        let series = &served.challenger.series;
        if body.len() > MAX_BODY_BYTES {
            return series.count_dropped(Dropped::BodyTooLarge);
        }
        let place = self.sender.as_ref().and_then(|sender| sender.try_reserve().ok());
        let (Some(place), Some(paid)) = (place, self.pay(body.len())) else {
            return series.count_dropped(Dropped::QueueFull);
        };
        place.send(Job {
            served: Arc::clone(served),
            champion,
            challenger,
            // Not a reference: it would keep the connection's whole read buffer from being used again.
            body: Bytes::copy_from_slice(body),
            format,
            options,
            _paid: paid,
        });
        self.thread.unpark();
    }

    fn pay(&self, n_bytes: usize) -> Option<Paid> {
        let before = self.waiting_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        // Given back by its drop where it is too much.
        let paid = Paid { waiting_bytes: Arc::clone(&self.waiting_bytes), n_bytes };
        (before + n_bytes <= MAX_WAITING_BYTES).then_some(paid)
    }
}

/// Offers a request when it is dropped, unless that is called off.
///
/// A canary so slow that all its requests are given up would never be judged otherwise.
pub(crate) struct OfferOnDrop<'a> {
    offer: Option<(&'a Comparison, Answered<'a>)>,
}

impl<'a> OfferOnDrop<'a> {
    pub(crate) fn new(comparison: &'a Comparison, answered: Answered<'a>) -> Self {
        Self { offer: Some((comparison, answered)) }
    }

    pub(crate) fn call_off(mut self) {
        self.offer = None;
    }
}

impl Drop for OfferOnDrop<'_> {
    fn drop(&mut self) {
        if let Some((comparison, answered)) = self.offer.take() {
            comparison.offer(answered);
        }
    }
}

impl Drop for Comparison {
    fn drop(&mut self) {
        self.sender = None;
        self.thread.unpark(); // to see that nobody sends any more
    }
}

#[cfg(target_os = "linux")]
fn become_least_urgent() {
    // Where it is forbidden, the bounds of the queue still hold.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LEAST_URGENT);
}

#[cfg(not(target_os = "linux"))]
fn become_least_urgent() {
    let _ = LEAST_URGENT; // elsewhere a thread has no priority of its own
}

/// The thread's own state.
struct Worker {
    receiver: mpsc::Receiver<Job>,
    /// Turns with each request: whoever comes second finds the row in the cache.
    challenger_first: bool,
    /// Those whose figures have changed since they were shown.
    unshown: Vec<Arc<Challenger>>,
    n_unshown: usize,
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.receiver.try_recv() {
                Ok(job) => self.take(&job),
                Err(TryRecvError::Empty) => {
                    self.show();
                    std::thread::park(); // a job that came meanwhile ends it at once
                }
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, job: &Job) {
        let (slot, challenger) = (&job.served.challenger, &job.challenger);
        // A request from before the trial ended, or before the champion changed, says nothing of it.
        if !slot.is_running(challenger) || challenger.champion != job.champion.identity {
            return;
        }
        self.challenger_first = !self.challenger_first;
        let Some(compared) = job.compare(self.challenger_first) else { return };
        let veto = challenger.trial.note(compared);
        if !self.unshown.iter().any(|unshown| Arc::ptr_eq(unshown, challenger)) {
            self.unshown.push(Arc::clone(challenger));
        }
        self.n_unshown += 1;
        if veto.is_some() || self.n_unshown >= SHOW_EVERY {
            self.show();
        }
        if let Some(veto) = veto {
            slot.veto(challenger, veto);
        }
    }

    fn show(&mut self) {
        for challenger in self.unshown.drain(..) {
            challenger.series.show(&challenger.trial.work_out());
        }
        self.n_unshown = 0;
    }
}

/// What a model said to a request, and what it alone took.
struct Predicted {
    predictions: Vec<f64>,
    seconds: f64,
}

impl Job {
    /// Asks both and records what they said; none where the champion refuses.
    fn compare(&self, challenger_first: bool) -> Option<Compared> {
        let Self { body, format, options, .. } = self;
        let read = || self.champion.read(body, *format, *options).ok();
        let read_instead =
            || self.challenger.model.read_instead_of(&self.champion, body, *format, *options);
        let ask_challenger = || ask(&self.challenger.model, read_instead);
        let early = challenger_first.then(ask_challenger);
        let champion = ask(&self.champion, read).ok()?;
        let challenger = early.unwrap_or_else(ask_challenger);
        let series = &self.challenger.series;
        series.count(challenger.as_ref().err().copied().unwrap_or(Outcome::Ok));
        let Ok(challenger) = challenger else { return Some(Compared::Failed) };
        let measured = self.measure(&champion, &challenger);
        series.record_seconds(&measured);
        Some(Compared::Both(measured))
    }

    fn measure(&self, champion: &Predicted, challenger: &Predicted) -> Measured {
        let mut sum = 0.0;
        for (expected, found) in champion.predictions.iter().zip(&challenger.predictions) {
            let divergence = (found - expected).abs() / self.challenger.scale;
            self.challenger.series.record_divergence(divergence);
            sum += divergence;
        }
        let n_rows = champion.predictions.len();
        Measured {
            divergence: sum / n_rows as f64,
            n_rows,
            champion_seconds: champion.seconds,
            challenger_seconds: challenger.seconds,
        }
    }
}

fn ask(model: &ActiveModel, read: impl FnOnce() -> Option<Request>) -> Result<Predicted, Outcome> {
    let answer = || {
        let rows = read().ok_or(Outcome::Refused)?.rows;
        let n_rows = rows.n_rows().min(MAX_ROWS);
        let mut predictions = vec![0.0; n_rows];
        let started = Instant::now();
        let values = &rows.values()[..n_rows * rows.n_features()];
        model.pipeline.predict_into(values, &mut predictions);
        let seconds = started.elapsed().as_secs_f64();
        match predictions.iter().all(|prediction| prediction.is_finite()) {
            true => Ok(Predicted { predictions, seconds }),
            false => Err(Outcome::NotFinite),
        }
    };
    // Nothing of it is used again after a panic.
    catch_unwind(AssertUnwindSafe(answer)).unwrap_or(Err(Outcome::Panicked))
}

#[cfg(test)]
mod tests;
