//! Log lines on their way out: gathered in memory, written many at a time by a thread of its own.
//!
//! A channel of lines would cost each an allocation, and mostly a call to wake the thread as well.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// What may wait at most, some 12,000 lines; further ones are dropped and counted.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// A buffer that grew larger than this is not kept.
const MAX_KEPT_BYTES: usize = 512 * 1024;
/// From the first waiting line to the writing: lines that come meanwhile are written with it. Each time the thread
/// wakes it takes a core from those that answer, so that a third of this costs a busy server 2 % of its requests.
const GATHERING: Duration = Duration::from_millis(15);

/// How long lines are waited for at the end: whoever reads them may stand still.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Where lines are put. It never waits for whoever reads them.
#[derive(Debug, Clone)]
pub(super) struct LineWriter(Arc<Lines>);

#[derive(Debug)]
struct Lines {
    waiting: Mutex<Vec<u8>>,
    max_waiting_bytes: usize,
    n_lost: AtomicU64,
    /// Whether lines were taken and are not written yet.
    is_writing: AtomicBool,
    is_ending: AtomicBool,
    /// Whom to wake.
    thread: Thread,
}

/// Ends the thread, once it has written what waits, when it is dropped.
#[derive(Debug)]
pub(super) struct WriterThread {
    lines: Arc<Lines>,
    handle: Option<JoinHandle<()>>,
}

impl LineWriter {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<(Self, WriterThread)> {
        Self::start_with(sink, MAX_WAITING_BYTES)
    }

    fn start_with(
        sink: impl Write + Send + 'static,
        max_waiting_bytes: usize,
    ) -> io::Result<(Self, WriterThread)> {
        let (to_thread, lines) = std::sync::mpsc::sync_channel::<Arc<Lines>>(1);
        let handle = thread::Builder::new().name("log".to_owned()).spawn(move || {
            if let Ok(lines) = lines.recv() {
                lines.write_to(sink);
            }
        })?;
        let lines = Arc::new(Lines {
            waiting: Mutex::default(),
            max_waiting_bytes,
            n_lost: AtomicU64::new(0),
            is_writing: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            thread: handle.thread().clone(),
        });
        to_thread.send(Arc::clone(&lines)).map_err(io::Error::other)?;
        let thread = WriterThread { lines: Arc::clone(&lines), handle: Some(handle) };
        Ok((Self(lines), thread))
    }

    /// Waits until all lines are written, for a second at most.
    pub(super) fn wait(&self) {
        self.0.wait();
    }

    /// Counts the lines that found no room, or could not be written.
    pub(super) fn n_lost(&self) -> u64 {
        self.0.n_lost.load(Ordering::Relaxed)
    }
}

impl Lines {
    fn put(&self, line: &[u8]) {
        let is_first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() + line.len() > self.max_waiting_bytes {
                self.n_lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            waiting.extend_from_slice(line);
            waiting.len() == line.len()
        };
        if is_first {
            self.thread.unpark();
        }
    }

    /// Waits until all lines are written, but not for ever.
    fn wait(&self) {
        let started = Instant::now();
        while !self.is_idle() && started.elapsed() < LAST_WAIT {
            self.thread.unpark();
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_empty() && !self.is_writing.load(Ordering::Acquire)
    }

    /// Takes what waits; from here on it is being written.
    fn take(&self, lines: &mut Vec<u8>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        mem::swap(lines, &mut *waiting);
        self.is_writing.store(!lines.is_empty(), Ordering::Release);
    }

    fn write_to(&self, mut sink: impl Write) {
        let mut lines = Vec::new();
        loop {
            let is_ending = self.is_ending.load(Ordering::Acquire);
            self.take(&mut lines);
            if !lines.is_empty() {
                if sink.write_all(&lines).and_then(|()| sink.flush()).is_err() {
                    // Nobody could be told by another line that lines cannot be written.
                    let n_lines = lines.iter().filter(|byte| **byte == b'\n').count();
                    self.n_lost.fetch_add(n_lines as u64, Ordering::Relaxed);
                }
                self.is_writing.store(false, Ordering::Release);
                lines.clear();
                lines.shrink_to(MAX_KEPT_BYTES);
            } else if is_ending {
                return;
            } else {
                thread::park();
            }
            if !self.is_ending.load(Ordering::Acquire) {
                thread::sleep(GATHERING);
            }
        }
    }
}

/// One event: the subscriber writes each as a whole.
impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.lines.is_ending.store(true, Ordering::Release);
        self.lines.wait();
        // It is left behind where its sink stands still: the process must end all the same.
        if self.lines.is_idle()
            && let Some(handle) = self.handle.take()
        {
            self.lines.thread.unpark();
            // It panicked, and the panic was told already.
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes what is written, and lets the writing wait until it is told to go on.
    struct Slow {
        written: Sender<Vec<u8>>,
        go_on: Receiver<()>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.send(bytes.to_vec()).unwrap();
            let _ = self.go_on.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(max_waiting_bytes: usize) -> (LineWriter, WriterThread, Receiver<Vec<u8>>, Sender<()>) {
        let ((written, seen), (goes_on, go_on)) = (channel(), channel());
        let (lines, thread) =
            LineWriter::start_with(Slow { written, go_on }, max_waiting_bytes).unwrap();
        (lines, thread, seen, goes_on)
    }

    #[test]
    fn lines_are_written_in_order_and_the_last_ones_at_the_end() {
        let (mut lines, thread, seen, goes_on) = slow(1_000);
        drop(goes_on);
        for n in 0..50 {
            writeln!(lines, "line {n}").unwrap();
        }
        drop(thread);
        let written = String::from_utf8(seen.iter().flatten().collect()).unwrap();
        assert_eq!(written, (0..50).map(|n| format!("line {n}\n")).collect::<String>());
        assert_eq!(lines.n_lost(), 0);
    }

    #[test]
    fn a_sink_that_stands_still_costs_lines_and_no_time() {
        let (mut lines, thread, seen, goes_on) = slow(10);
        lines.write_all(b"first\n").unwrap();
        assert_eq!(seen.recv().unwrap(), b"first\n");
        for _ in 0..3 {
            lines.write_all(b"later\n").unwrap();
        }
        assert_eq!(lines.n_lost(), 2, "one of them fits in");
        drop(goes_on);
        drop(thread);
        assert_eq!(seen.iter().collect::<Vec<_>>(), [b"later\n"]);
    }

    #[test]
    fn a_sink_that_never_goes_on_does_not_hold_up_the_end() {
        let (mut lines, thread, seen, goes_on) = slow(1_000);
        lines.write_all(b"first\n").unwrap();
        assert_eq!(seen.recv().unwrap(), b"first\n");
        drop(thread);
        drop(goes_on);
    }

    #[test]
    fn waiting_ends_with_the_last_line_written() {
        let (mut lines, _thread, seen, goes_on) = slow(1_000);
        drop(goes_on);
        lines.write_all(b"last\n").unwrap();
        lines.wait();
        assert_eq!(seen.try_recv().unwrap(), b"last\n");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut lines, thread) = LineWriter::start(Full).unwrap();
        lines.write_all(b"one\n").unwrap();
        lines.write_all(b"two\n").unwrap();
        drop(thread);
        assert_eq!(lines.n_lost(), 2);
    }
}
