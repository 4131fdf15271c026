//! A process that gets no thread.

use std::process::Command;

/// So much stack for each thread that no machine has room for one: each start of a thread fails.
const MIN_STACK: (&str, &str) = ("RUST_MIN_STACK", "4611686018427387904");

/// Runs an ignored test of the calling binary in a process of its own, since the variable counts for a whole process.
///
/// # Panics
///
/// The test is not there, or it fails.
pub fn pass_without_threads(test: &str, variable: (&str, &str)) {
    let child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs([MIN_STACK, variable])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}{child:?}");
}
