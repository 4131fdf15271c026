//! Who acts, for the ledger: `--by`, or the user and the host, which in a cluster is the pod.

use crate::text::clean;

/// The name that the ledger gets.
pub(crate) fn name(given: Option<&str>) -> String {
    match given.map(str::trim).filter(|given| !given.is_empty()) {
        Some(given) => clean(given),
        None => clean(&format!("{}@{}", user(), host())),
    }
}

fn user() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.trim().is_empty()));
    // A container has no such variable, and often no name for its user.
    named.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
