//! SIGINT and SIGTERM: the work stops at its next look, and the process soon after whatever it does.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the work has to clean up after itself.
const GRACE: Duration = Duration::from_millis(800);

/// 128 + the signal's number, as a shell would say.
const SIGINT_EXIT: u8 = 130;
const SIGTERM_EXIT: u8 = 143;

/// How long to wait for a standard error that nobody reads.
const SAY: Duration = Duration::from_millis(100);

/// Why a command ended before its end.
#[derive(Debug)]
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by a signal")
    }
}

impl std::error::Error for Stopped {}

/// Whether the process was asked to stop, and the runtime that hears of it.
#[derive(Debug)]
pub(crate) struct Stop {
    token: CancellationToken,
    exit_code: Arc<AtomicU8>,
    runtime: Runtime,
}

impl Stop {
    /// Starts to listen. A second signal ends the process at once.
    pub(crate) fn listen() -> io::Result<Self> {
        // One thread beside that of the command: it must hear signals while all cores fit.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let token = CancellationToken::new();
        let exit_code = Arc::new(AtomicU8::new(0));
        let _entered = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (cancelled, code) = (token.clone(), exit_code.clone());
        runtime.spawn(async move {
            loop {
                let received = tokio::select! {
                    _ = interrupt.recv() => SIGINT_EXIT,
                    _ = terminate.recv() => SIGTERM_EXIT,
                };
                if cancelled.is_cancelled() {
                    exit_now(received);
                }
                code.store(received, Ordering::Relaxed);
                cancelled.cancel();
                // A thread of its own: the runtime may be as busy as the fit.
                std::thread::spawn(move || {
                    std::thread::sleep(GRACE);
                    exit_now(received);
                });
            }
        });
        drop(_entered);
        Ok(Self { token, exit_code, runtime })
    }

    /// Whether a signal came.
    pub(crate) fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// The same for those who wait.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The exit code of the signal that came.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        Some(self.exit_code.load(Ordering::Relaxed)).filter(|&code| code != 0)
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}

/// Whether [`say_stopped`] was called: the command may end in the moment in which its time is up.
static SAID: AtomicBool = AtomicBool::new(false);

/// Says once why the process ends.
pub(crate) fn say_stopped() {
    if !SAID.swap(true, Ordering::Relaxed) {
        eprintln!("error: {Stopped}");
    }
}

/// Ends the process whatever the command does.
fn exit_now(exit_code: u8) -> ! {
    let (said, heard) = mpsc::channel();
    // Standard error may be a pipe that is full, and its lock held by somebody who waits for that.
    std::thread::spawn(move || {
        say_stopped();
        service_kit::telemetry::flush();
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(SAY);
    std::process::exit(exit_code.into())
}
