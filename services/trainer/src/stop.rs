//! SIGINT and SIGTERM: the work stops at its next look, and the process soon after whatever it does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the work has to clean up after itself.
const GRACE: Duration = Duration::from_millis(800);

/// 128 + the signal's number, as a shell would say.
const SIGINT_EXIT: u8 = 130;
const SIGTERM_EXIT: u8 = 143;

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
                    std::process::exit(received.into());
                }
                code.store(received, Ordering::Relaxed);
                cancelled.cancel();
                // A thread of its own: the runtime may be as busy as the fit.
                std::thread::spawn(move || {
                    std::thread::sleep(GRACE);
                    std::process::exit(received.into());
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
