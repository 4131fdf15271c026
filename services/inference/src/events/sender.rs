//! The thread that sends events: twice a second what has come, and again what was not taken.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use super::batch::Batch;
use super::post::{Post, Refusal};
use super::queue::{Receiver, Waiting};
use super::series::EventSeries;
use crate::patience::Complaint;

/// Between two looks at the queue. Nobody who answers has to wake this thread.
const TICK: Duration = Duration::from_millis(500);
/// A batch is tried again after this long, then each time after twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// And given up after this: a metrics service that is replaced is back by then, and what waits meanwhile is bounded.
const TRY_FOR: Duration = Duration::from_secs(60);

/// The thread's own state.
pub(super) struct Sender {
    receiver: Receiver,
    waiting: VecDeque<Waiting>,
    post: Post,
    series: EventSeries,
    complaint: Complaint,
    key_complaint: Complaint,
    /// Until when it may go on, once it is to stop.
    stop: watch::Receiver<Option<Instant>>,
}

impl Sender {
    pub(super) fn new(
        receiver: Receiver,
        post: Post,
        series: EventSeries,
        stop: watch::Receiver<Option<Instant>>,
    ) -> Self {
        Self {
            receiver,
            waiting: VecDeque::new(),
            post,
            series,
            complaint: Complaint::default(),
            key_complaint: Complaint::default(),
            stop,
        }
    }

    /// Starts the thread; `tell` says that it has ended.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread, or no runtime.
    pub(super) fn start(self, tell: oneshot::Sender<()>) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            runtime.block_on(self.run());
            drop(tell);
            // A name that is still being looked up is nobody's concern any more.
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("canopy-events".to_owned()).spawn(work)?;
        Ok(())
    }

    async fn run(mut self) {
        loop {
            let told = tokio::time::timeout(TICK, self.stop.wait_for(Option::is_some)).await;
            // Nobody being left to tell is as good as being told.
            let is_last = told.is_ok();
            drop(told);
            self.waiting.extend(self.receiver.try_iter());
            if !self.waiting.is_empty() {
                self.refresh_key();
            }
            while let Some(batch) = Batch::next(&mut self.waiting, self.post.hash_key()) {
                self.series.dropped.increment(batch.n_too_long as u64);
                if batch.n_events > 0 {
                    self.deliver(batch).await;
                }
                self.waiting.extend(self.receiver.try_iter());
            }
            if is_last {
                return;
            }
        }
    }

    /// Sends a batch until it is taken, refused for good, or given up.
    async fn deliver(&mut self, batch: Batch) {
        let n_events = batch.n_events as u64;
        let give_up_at = Instant::now() + TRY_FOR;
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = match self.left(give_up_at) {
                Duration::ZERO => return self.series.failed.increment(n_events),
                left => tokio::time::timeout(left, self.post.send(batch.body.clone())).await,
            };
            match sent {
                Ok(Ok(())) => {
                    if self.complaint.settle().is_some() {
                        tracing::info!("prediction events are taken again");
                    }
                    return self.series.sent.increment(n_events);
                }
                Ok(Err(Refusal { reason, is_final })) => {
                    self.complain(&reason);
                    if is_final {
                        return self.series.failed.increment(n_events);
                    }
                }
                Err(_) => {} // there is no time left
            }
            self.pause(pause.min(self.left(give_up_at))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            self.refresh_key();
        }
    }

    /// Waits before the next try; a stop is one more reason to try.
    async fn pause(&mut self, pause: Duration) {
        if self.stop.borrow().is_some() {
            tokio::time::sleep(pause).await;
        } else {
            let _ = tokio::time::timeout(pause, self.stop.changed()).await;
        }
    }

    /// How long a batch may still be tried; no longer where nobody is left who could say so.
    fn left(&self, give_up_at: Instant) -> Duration {
        let stop = *self.stop.borrow();
        let until = match stop {
            Some(stop) => stop.min(give_up_at),
            None if self.stop.has_changed().is_err() => return Duration::ZERO,
            None => give_up_at,
        };
        until.saturating_duration_since(Instant::now())
    }

    fn complain(&mut self, reason: &str) {
        if self.complaint.is_new(reason) {
            tracing::warn!(reason, "the metrics service does not take prediction events");
        }
    }

    fn refresh_key(&mut self) {
        match self.post.refresh_key() {
            Ok(()) => drop(self.key_complaint.settle()),
            Err(reason) if self.key_complaint.is_new(&reason) => {
                tracing::warn!(reason, "the metrics key stays as it was");
            }
            Err(_) => {}
        }
    }
}
