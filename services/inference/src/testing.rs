//! What unit tests share.

use registry::{Draft, Manifest};
use testkit::TempRegistry;

/// The manifest that a draft gets when it is published.
pub(crate) fn manifest(draft: Draft) -> Manifest {
    let temp = TempRegistry::new();
    let model = draft.model.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let version = temp.publish(draft).await;
        temp.registry.manifest(&model, version).await.expect("it is there")
    })
}
