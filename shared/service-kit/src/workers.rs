//! The threads that answer: each drives connections of its own, from their first byte to their last.
//!
//! In tokio's usual runtime any thread goes on with any connection. Small answers take less time than waking another
//! thread for them does: on two cores a server with a runtime for each thread answered an eighth more requests.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Threads with a runtime each; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    n_connections: Arc<AtomicUsize>,
    /// None once it is told to end.
    lives: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A connection's place on a thread, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Workers {
    /// Starts threads.
    ///
    /// # Errors
    ///
    /// The system gives no thread, or no runtime.
    pub(crate) fn start(n_threads: usize) -> io::Result<Self> {
        (0..n_threads).map(|_| Worker::start()).collect::<io::Result<_>>().map(Self)
    }

    /// Gives the runtime with the fewest connections, and a place there; none without a thread.
    pub(crate) fn place(&self) -> Option<(&Handle, Place)> {
        let n_connections = |worker: &&Worker| worker.n_connections.load(Ordering::Relaxed);
        let worker = self.0.iter().min_by_key(n_connections)?;
        worker.n_connections.fetch_add(1, Ordering::Relaxed);
        Some((&worker.runtime, Place(Arc::clone(&worker.n_connections))))
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (lives, ends) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("worker".to_owned()).spawn(move || {
            // It is not sent anything: it is dropped.
            let _ = runtime.block_on(ends);
            // Work that was given up goes on to its end, and nobody waits for it.
            runtime.shutdown_background();
        })?;
        let n_connections = Arc::default();
        Ok(Self { runtime: handle, n_connections, lives: Some(lives), thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.lives.take();
        if let Some(thread) = self.thread.take() {
            // It panicked, and the panic was told already.
            let _ = thread.join();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_go_where_the_fewest_are() {
        let workers = Workers::start(2).unwrap();
        let counts = || workers.0.iter().map(|w| w.n_connections.load(Ordering::Relaxed));
        let mut places: Vec<_> = (0..4).map(|_| workers.place().unwrap().1).collect();
        assert!(counts().eq([2, 2]));
        drop(places.drain(..1));
        drop(places.drain(1..2));
        assert!(counts().eq([0, 2]));
        let _place = workers.place();
        assert!(counts().eq([1, 2]));
    }

    #[test]
    fn each_runtime_has_a_thread_of_its_own_and_ends_with_it() {
        let workers = Workers::start(2).unwrap();
        let (told, tells) = std::sync::mpsc::channel();
        let places: Vec<_> = (0..2).map(|_| workers.place().unwrap()).collect();
        for (runtime, _) in &places {
            let told = told.clone();
            runtime.spawn(async move { told.send(thread::current().id()).unwrap() });
        }
        assert_ne!(tells.recv(), tells.recv());
        let endless = places[0].0.spawn(std::future::pending::<()>());
        drop(places);
        drop(workers);
        assert!(endless.is_finished());
    }

    #[test]
    fn without_threads_there_is_no_place() {
        assert!(Workers::start(0).unwrap().place().is_none());
    }
}
