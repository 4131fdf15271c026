//! A process that gets no thread: nothing is wrong with the version then, and nothing panics.

use std::process::Command;

use registry::{Registry, RegistryError};
use testkit::{TempRegistry, draft};

const LOCATION: &str = "CANOPY_TEST_REGISTRY";
/// So much stack for each thread that no machine has room for one: each start of a thread fails.
const MIN_STACK: (&str, &str) = ("RUST_MIN_STACK", "4611686018427387904");

/// Runs only as the child process of the test below: the variable counts for a whole process.
#[test]
#[ignore = "a child process of another test"]
fn child() {
    let Ok(location) = std::env::var(LOCATION) else { return };
    let registry = Registry::open(&location).expect("it is there");
    let model = "diamonds".parse().expect("a name");
    let error = futures::executor::block_on(registry.load(&model, 1)).expect_err("no thread");
    assert!(matches!(error, RegistryError::Thread(_)), "{error:?}");
    assert_eq!(error.to_string(), "cannot start a thread");
}

#[tokio::test]
async fn a_thread_that_cannot_be_started_is_an_error_of_its_own() {
    let temp = TempRegistry::new();
    temp.publish(draft("diamonds", 100.0)).await;
    let child = Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "no_thread::child", "--ignored", "--nocapture"])
        .envs([MIN_STACK, (LOCATION, temp.location())])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}{child:?}");
}
