//! When to stop: on SIGTERM or SIGINT. How to stop is in [`crate::serve`].

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal as listen};

use crate::telemetry;

/// Resolves on the first SIGTERM or SIGINT; a second one ends the process at once.
///
/// The second one's exit code is 128 plus the signal's number, as a shell would say: 130 for
/// SIGINT, 143 for SIGTERM.
/// Where no signal can be listened for, that is logged, and the system's own handling stays.
pub async fn signal() {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::error!(%error, "signals cannot be listened for");
            return std::future::pending().await;
        }
    };
    let (name, _) = signals.next().await;
    tracing::info!(signal = name, "stopping; a second signal ends the process at once");
    tokio::spawn(async move {
        let (name, exit_code) = signals.next().await;
        tracing::warn!(signal = name, "ending at once");
        telemetry::flush();
        std::process::exit(exit_code);
    });
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let terminate = listen(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for a signal; gives its name and the exit code it stands for.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", 143),
            _ = self.interrupt.recv() => ("SIGINT", 130),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Child, Command, Stdio},
    };

    use super::*;

    /// Runs only as the child process of the tests below: signals concern a whole process.
    #[tokio::test]
    #[ignore = "a child process of the other tests"]
    async fn child() {
        let first = tokio::spawn(signal());
        // The handlers are there once the task has been polled.
        tokio::task::yield_now().await;
        eprintln!("listening");
        first.await.unwrap();
        eprintln!("first");
        std::future::pending::<()>().await;
    }

    fn send(signal: &str, child: &Child) {
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn exit_code(first: &str, second: &str) -> Option<i32> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shutdown::tests::child", "--ignored", "--nocapture"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "listening"));
        send(first, &child);
        assert!(lines.any(|line| line == "first"));
        send(second, &child);
        child.wait().unwrap().code()
    }

    #[test]
    fn the_first_signal_resolves_and_the_second_ends_the_process() {
        assert_eq!(exit_code("-TERM", "-INT"), Some(130));
        assert_eq!(exit_code("-INT", "-TERM"), Some(143));
    }
}
