//! Events that wait to be sent: bounded in number and bytes, from the answer to the metrics service's own.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::SystemTime;

use super::columns::VersionColumns;

/// Events that may wait: with the default rate, those of 100 seconds without a metrics service.
pub(super) const MAX_WAITING: usize = 10_000;
/// What they may take together.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// A row that was answered.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) columns: Arc<VersionColumns>,
    pub(super) request_id: Arc<str>,
    pub(super) row: usize,
    pub(super) time: SystemTime,
    /// In signature order, as the model had them.
    pub(super) values: Box<[f64]>,
    pub(super) prediction: f64,
}

impl Event {
    fn n_bytes(&self) -> usize {
        size_of::<Waiting>() + self.request_id.len() + size_of_val(&*self.values)
    }
}

/// The end of the queue that events are put into; takes no lock.
#[derive(Debug)]
pub(super) struct Queue {
    sender: mpsc::Sender<Waiting>,
    held: Arc<Held>,
}

/// The other end.
pub(super) type Receiver = mpsc::Receiver<Waiting>;

/// An event with its place in the queue, which it has until it is dropped.
#[derive(Debug)]
pub(super) struct Waiting {
    event: Event,
    held: Arc<Held>,
    n_bytes: usize,
}

#[derive(Debug, Default)]
struct Held {
    n_events: AtomicUsize,
    n_bytes: AtomicUsize,
}

impl Queue {
    pub(super) fn new() -> (Self, Receiver) {
        let (sender, receiver) = mpsc::channel();
        (Self { sender, held: Arc::default() }, receiver)
    }

    /// Puts an event in; none where there is no room.
    pub(super) fn push(&self, event: Event) -> Option<()> {
        let n_bytes = event.n_bytes();
        let n_events_before = self.held.n_events.fetch_add(1, Ordering::Relaxed);
        let n_bytes_before = self.held.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        // Given back by its drop where it is too much.
        let waiting = Waiting { event, held: Arc::clone(&self.held), n_bytes };
        let has_room =
            n_events_before < MAX_WAITING && n_bytes_before + n_bytes <= MAX_WAITING_BYTES;
        has_room.then(|| self.sender.send(waiting).ok()).flatten()
    }
}

impl Deref for Waiting {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.held.n_events.fetch_sub(1, Ordering::Relaxed);
        self.held.n_bytes.fetch_sub(self.n_bytes, Ordering::Relaxed);
    }
}
