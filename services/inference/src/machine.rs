//! The machine it runs on: its name, and the server's one real clock.

use std::time::SystemTime;

/// The name of this machine, which is the pod's on Kubernetes.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What a ledger's entry and an event say of when they were made.
#[expect(clippy::disallowed_methods, reason = "the server's one real clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
