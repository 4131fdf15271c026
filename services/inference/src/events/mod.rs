//! Prediction events: a sample of what was answered, sent to the metrics service in batches.
//!
//! An answer never waits for it: whoever answers copies some numbers into a bounded queue, or counts that they were
//! dropped. All else happens on a thread of its own.

mod batch;
mod budget;
mod columns;
mod post;
mod private;
mod queue;
mod sender;
mod series;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use registry::Manifest;
use service_kit::metrics::Exporter;
use tokio::sync::{oneshot, watch};

use crate::answered::AnsweredRows;
use crate::config::EventArgs;
use crate::machine::{host, now};

use budget::Budget;
use columns::VersionColumns;
pub(crate) use post::MetricsUrl;
use post::Post;
pub(crate) use private::PrivateFeature;
use private::PrivateFeatures;
use queue::{Event, Queue};
use sender::Sender;
use series::EventSeries;

/// How long what is waiting is still sent once everybody has been answered.
const FLUSH: Duration = Duration::from_secs(3);

/// The way to the sender's thread, which ends with the last copy of this value.
#[derive(Debug, Clone)]
pub(crate) struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Queue,
    budget: Budget,
    private: PrivateFeatures,
    series: EventSeries,
    /// How the head of a batch begins: who sends it.
    replica: String,
    started_at: String,
    started: Instant,
    /// Tells the sender until when it may go on.
    stop: watch::Sender<Option<Instant>>,
    ended: std::sync::Mutex<Option<oneshot::Receiver<()>>>,
}

impl Events {
    /// Starts the sender; none where the settings name no metrics service, or no rate.
    ///
    /// # Errors
    ///
    /// Where a private feature is named twice, the key cannot be used, or the system gives no thread.
    pub(crate) fn start(args: &EventArgs, exporter: &Exporter) -> anyhow::Result<Option<Self>> {
        let series = EventSeries::new(exporter);
        let private = PrivateFeatures::new(&args.private_features)?;
        let (Some(url), Some(budget)) = (&args.metrics_url, Budget::new(args.event_rate)) else {
            return Ok(None);
        };
        let post = Post::new(url, args.metrics_key_file.as_deref())
            .context("reading --metrics-key-file")?;
        private.warn_without(post.has_key());
        let (queue, receiver) = Queue::new();
        let (stop, stopped) = watch::channel(None);
        let (tell, ended) = oneshot::channel();
        let sender = Sender::new(receiver, post, series.clone(), stopped);
        sender.start(tell).context("starting the thread that sends prediction events")?;
        Ok(Some(Self(Arc::new(Inner {
            queue,
            budget,
            private,
            series,
            replica: host(),
            started_at: humantime::format_rfc3339_millis(now()).to_string(),
            started: Instant::now(),
            stop,
            ended: std::sync::Mutex::new(Some(ended)),
        }))))
    }

    /// What a version's events need, made once when it is loaded.
    pub(crate) fn of_version(&self, manifest: &Manifest) -> VersionEvents {
        let Inner { private, replica, started_at, .. } = &*self.0;
        private.meet(manifest);
        let columns = VersionColumns::new(manifest, private, replica, started_at);
        VersionEvents { events: self.clone(), columns: Arc::new(columns) }
    }

    /// Sends what is waiting, until `deadline` at the latest.
    pub(crate) async fn finish(&self, deadline: Instant) {
        let deadline = deadline.min(Instant::now() + FLUSH);
        self.0.stop.send_replace(Some(deadline));
        let ended = self.0.ended.lock().ok().and_then(|mut ended| ended.take());
        if let Some(ended) = ended {
            let _ = tokio::time::timeout_at(deadline.into(), ended).await;
        }
    }
}

/// The way of one version's events.
#[derive(Debug)]
pub(crate) struct VersionEvents {
    events: Events,
    columns: Arc<VersionColumns>,
}

impl VersionEvents {
    /// Says which private features the version does without, now that it answers.
    pub(crate) fn begin(&self, manifest: &Manifest) {
        self.events.0.private.warn_of_absent(manifest);
    }

    /// Takes as many of the rows as the budget and the queue have room for, spread over all of them.
    pub(crate) fn offer(&self, answered: &AnsweredRows<'_>) {
        let inner = &*self.events.0;
        let n_rows = answered.predictions.len();
        let n_wanted = match inner.private.are_known() {
            true => inner.budget.take(n_rows, inner.started.elapsed()),
            false => 0,
        };
        let n_taken = if n_wanted > 0 { self.take(answered, n_wanted) } else { 0 };
        inner.series.dropped.increment((n_rows - n_taken) as u64);
    }

    /// Queues some of the rows; returns how many.
    fn take(&self, answered: &AnsweredRows<'_>, n_wanted: usize) -> usize {
        let n_rows = answered.predictions.len();
        // A copy: the caller's id is a part of its connection's whole read buffer.
        let request_id: Arc<str> = answered.request_id.as_str().into();
        let time = now();
        let event = |row_idx: usize| Event {
            columns: Arc::clone(&self.columns),
            request_id: Arc::clone(&request_id),
            row: answered.first_row + row_idx,
            time,
            values: answered.rows.row(row_idx).into(),
            prediction: answered.predictions[row_idx],
        };
        let rows = (0..n_wanted).map(|n| n * n_rows / n_wanted);
        rows.map_while(|row_idx| self.events.0.queue.push(event(row_idx))).count()
    }
}
