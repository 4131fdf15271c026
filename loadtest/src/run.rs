//! A run from start to end: wait until the server is ready, send, count, sum up.

use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::config::Config;
use crate::connection::Connection;
use crate::failure::{Failure, FailureKind};
use crate::pace::{Due, Source, Span, Spread};
use crate::ready;
use crate::summary::Summary;
use crate::tally::{Outcome, Tally};
use crate::target::Target;
use crate::text::duration;

/// A load test that can be run.
#[derive(Debug)]
pub struct Load {
    config: Config,
    target: Arc<Target>,
}

impl Load {
    /// Reads the body and the key.
    ///
    /// # Errors
    ///
    /// Where they cannot be read, or the URL makes no sense.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let target = Arc::new(Target::new(&config.request)?);
        Ok(Self { config: config.clone(), target })
    }

    /// Sends requests until the duration is over or `shutdown` resolves, waits for their answers, and sums up.
    ///
    /// What is in flight or waits then has as long as every request: at most twice `--timeout`.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Summary {
        let stop = CancellationToken::new();
        let run = self.run(stop.clone());
        tokio::pin!(run);
        tokio::select! {
            summary = &mut run => return summary,
            () = shutdown => stop.cancel(),
        }
        run.await
    }

    async fn run(&self, stop: CancellationToken) -> Summary {
        let not_ready = self.wait_ready(&stop).await.err();
        let start = Instant::now();
        let load = &self.config.load;
        let counted_from = start + load.warm_up;
        let end = (!load.duration.is_zero()).then(|| counted_from + load.duration);
        let tally = Arc::new(Tally::new(counted_from));
        if not_ready.is_none() && !stop.is_cancelled() {
            let _report = self.report(&tally);
            self.send(Span { start, end }, &tally, &stop).await;
        }
        let counts = tally.finish(Instant::now());
        Summary::new(&self.config, self.target.url(), counts, stop.is_cancelled(), not_ready)
    }

    async fn wait_ready(&self, stop: &CancellationToken) -> Result<(), String> {
        let limit = self.config.load.wait_ready;
        if limit.is_zero() {
            return Ok(());
        }
        // Stopped before the start: no request succeeded, which the summary says.
        stop.run_until_cancelled(ready::wait(&self.target, limit)).await.unwrap_or(Ok(()))
    }

    /// Sends until the span is over, over all connections, and waits for the last answer.
    async fn send(&self, span: Span, tally: &Arc<Tally>, stop: &CancellationToken) {
        let load = &self.config.load;
        let mut tasks = JoinSet::new();
        let source = if load.rate == 0.0 {
            Source::Closed { span, stop: stop.clone() }
        } else {
            let max_in_flight = load.max_in_flight();
            let spread = Spread { span, rate: load.rate, max_in_flight };
            let overflow = {
                let tally = Arc::clone(tally);
                move |at| {
                    let message = format!("{max_in_flight} requests waited or were in flight");
                    tally.record(not_sent(at, message));
                }
            };
            let (source, filling) = spread.start(stop.clone(), overflow);
            tasks.spawn(filling);
            source
        };
        for _ in 0..load.connections {
            let sender = Sender {
                target: Arc::clone(&self.target),
                tally: Arc::clone(tally),
                source: source.clone(),
                timeout: self.config.request.timeout,
            };
            tasks.spawn(sender.run());
        }
        tasks.join_all().await;
    }

    /// Starts to write a line to standard error for each interval.
    fn report(&self, tally: &Arc<Tally>) -> Option<AbortOnDrop> {
        let period = self.config.report.report_interval;
        if period.is_zero() {
            return None;
        }
        let tally = Arc::clone(tally);
        let task = tokio::spawn(async move {
            let mut ticks = interval_at(Instant::now() + period, period);
            loop {
                eprintln!("{}", tally.next_interval(ticks.tick().await));
            }
        });
        Some(AbortOnDrop(task.abort_handle()))
    }
}

/// What one connection does.
struct Sender {
    target: Arc<Target>,
    tally: Arc<Tally>,
    source: Source,
    timeout: std::time::Duration,
}

impl Sender {
    async fn run(self) {
        let mut connection = Connection::to(&self.target.address);
        while let Some(due) = self.source.next().await {
            let outcome = self.send(&mut connection, &due).await;
            let is_refused =
                matches!(&outcome.result, Err(failure) if failure.kind == FailureKind::Connect);
            self.tally.record(outcome);
            if is_refused {
                self.source.rest().await;
            }
        }
    }

    async fn send(&self, connection: &mut Connection, due: &Due) -> Outcome {
        let sent = Instant::now();
        if sent - due.at > self.timeout {
            let waited = duration(self.timeout);
            return not_sent(due.at, format!("no connection was free for {waited}"));
        }
        let result = timeout(self.timeout, connection.send(self.target.predict())).await;
        let result = match result {
            Ok(Ok((status, body))) => Answer::read(status, &body),
            Ok(Err(failure)) => Err(failure),
            Err(_) => {
                let message = format!("no answer within {}", duration(self.timeout));
                Err(Failure::new(FailureKind::Timeout, message))
            }
        };
        let result = result.map_err(|failure| self.without_key(failure));
        Outcome { due: due.at, sent: Some(sent), ended: Instant::now(), result }
    }

    /// A server may repeat what it was sent.
    fn without_key(&self, mut failure: Failure) -> Failure {
        if let Some(key) = &self.target.api_key {
            failure.message = key.removed_from(&failure.message);
        }
        failure
    }
}

fn not_sent(due: Instant, message: String) -> Outcome {
    let failure = Failure::new(FailureKind::Overload, message);
    Outcome { due, sent: None, ended: Instant::now(), result: Err(failure) }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
