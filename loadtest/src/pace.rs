//! When each request is due: evenly spread (open loop), or whenever a connection is free (closed loop).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// A request that is to be sent.
#[derive(Debug)]
pub(crate) struct Due {
    /// When it should be sent, which is where its latency begins.
    pub(crate) at: Instant,
    /// Its place among those that wait or are in flight, given back with this value.
    _place: Option<OwnedSemaphorePermit>,
}

/// From when to when requests are sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: Instant,
    /// None: until stopped.
    pub(crate) end: Option<Instant>,
}

impl Span {
    fn holds(&self, at: Instant) -> bool {
        self.end.is_none_or(|end| at < end)
    }
}

/// Where a connection gets its requests from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// From [`spread`].
    Open(Arc<Mutex<mpsc::UnboundedReceiver<Due>>>),
    /// One after the other.
    Closed { span: Span, stop: CancellationToken },
}

impl Source {
    /// Waits for the next request; none once the run is over.
    pub(crate) async fn next(&self) -> Option<Due> {
        match self {
            Self::Open(queue) => queue.lock().await.recv().await,
            Self::Closed { span, stop } => {
                let at = Instant::now();
                (span.holds(at) && !stop.is_cancelled()).then_some(Due { at, _place: None })
            }
        }
    }

    /// Waits after a failed connect where nothing else spaces requests apart, so that a dead server does not cost a whole core.
    pub(crate) async fn rest(&self) {
        const REST: Duration = Duration::from_millis(50);
        if let Self::Closed { stop, .. } = self {
            let _ = stop.run_until_cancelled(tokio::time::sleep(REST)).await;
        }
    }
}

/// Requests spread evenly, and how many may wait or be in flight.
#[derive(Debug)]
pub(crate) struct Spread {
    pub(crate) span: Span,
    pub(crate) rate: f64,
    pub(crate) max_in_flight: usize,
}

impl Spread {
    /// Gives the queue, and what fills it until the span is over or `stop` is cancelled.
    ///
    /// `overflow` hears of each request for which there was no place.
    pub(crate) fn start(
        self,
        stop: CancellationToken,
        overflow: impl Fn(Instant) + Send,
    ) -> (Source, impl Future<Output = ()> + Send) {
        // Bounded by the places.
        let (queue, requests) = mpsc::unbounded_channel();
        let filling = async move {
            let places = Arc::new(Semaphore::new(self.max_in_flight));
            for i in 0_u64.. {
                let at = self.span.start + offset(i, self.rate);
                if !self.span.holds(at) {
                    break;
                }
                if stop.run_until_cancelled(sleep_until(at)).await.is_none() {
                    return;
                }
                match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => drop(queue.send(Due { at, _place: Some(place) })),
                    Err(_) => overflow(at),
                }
            }
            if let Some(end) = self.span.end {
                let _ = stop.run_until_cancelled(sleep_until(end)).await;
            }
        };
        (Source::Open(Arc::new(Mutex::new(requests))), filling)
    }
}

/// When the request of this index is due, after the start.
fn offset(i: u64, rate: f64) -> Duration {
    Duration::from_secs_f64(i as f64 / rate)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn spread(seconds: f64, rate: f64, max_in_flight: usize) -> Spread {
        // Long ago: everything is due at once, and nothing is waited for.
        let end = Instant::now();
        let start = end - Duration::from_secs_f64(seconds);
        Spread { span: Span { start, end: Some(end) }, rate, max_in_flight }
    }

    #[tokio::test]
    async fn spreads_as_many_requests_as_rate_and_duration_say() {
        let spread = spread(3.0, 200.0, 1000);
        let start = spread.span.start;
        let (source, filling) = spread.start(CancellationToken::new(), |_| panic!("no place"));
        filling.await;
        let mut offsets = Vec::new();
        while let Some(due) = source.next().await {
            offsets.push(due.at - start);
        }
        assert_eq!(offsets.len(), 600);
        assert_eq!(offsets[1], Duration::from_millis(5));
        assert_eq!(offsets[599], Duration::from_millis(2995));
    }

    #[tokio::test]
    async fn tells_of_requests_for_which_there_is_no_place() {
        let n_without_place = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&n_without_place);
        let overflow = move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let (source, filling) = spread(1.0, 100.0, 7).start(CancellationToken::new(), overflow);
        filling.await;
        assert_eq!(n_without_place.load(Ordering::Relaxed), 93);
        let mut n_queued = 0;
        while source.next().await.is_some() {
            n_queued += 1;
        }
        assert_eq!(n_queued, 7);
    }

    #[tokio::test]
    async fn stops_when_told_to() {
        let span = Span { start: Instant::now(), end: None };
        let stop = CancellationToken::new();
        stop.cancel();
        assert!(Source::Closed { span, stop: stop.clone() }.next().await.is_none());
        let spread = Spread { span, rate: 0.001, max_in_flight: 1 };
        let (source, filling) = spread.start(stop, |_| {});
        filling.await;
        assert!(source.next().await.is_none());
    }
}
