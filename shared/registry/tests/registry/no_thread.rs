//! A process that gets no thread: nothing is wrong with the version then, and nothing panics.

use registry::{Registry, RegistryError};
use testkit::{TempRegistry, draft};

const LOCATION: &str = "CANOPY_TEST_REGISTRY";

/// Runs only as the child process of the test below.
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
    testkit::pass_without_threads("no_thread::child", (LOCATION, temp.location()));
}
