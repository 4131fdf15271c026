//! Panics: one in a request ends that request only, and each is in the log exactly once.
//!
//! [`catch`] is what [`crate::edge`] polls handlers through; the hook, which
//! [`crate::telemetry::init`] installs, sends panics of every other thread to the log.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, PanicHookInfo},
};

thread_local! {
    /// Whether this thread is inside [`catch`], whose caller logs the panic with the request's id.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// Where the panic that [`catch`] is about to return happened.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What a caught panic said, and where, if the hook is installed.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
}

/// Runs a closure and returns its panic as a value.
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Caught> {
    let outer = CAUGHT.replace(true);
    // The caller drops what panicked and never uses it again, so broken invariants go nowhere.
    let result = std::panic::catch_unwind(AssertUnwindSafe(run));
    CAUGHT.set(outer);
    result
        .map_err(|payload| Caught { message: message(payload.as_ref()), location: LOCATION.take() })
}

/// Sends panics to the log instead of standard error.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let location = info.location().map(ToString::to_string);
        if CAUGHT.get() {
            LOCATION.set(location);
        } else {
            let message = message(info.payload());
            tracing::error!(panic.message = message, panic.location = location, "panicked");
        }
    }));
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_value() {
        assert_eq!(catch(|| 3).unwrap(), 3);
        let row = 7;
        assert_eq!(catch(|| panic!("row {row}")).unwrap_err().message, "row 7");
        assert_eq!(catch(|| panic!("no row")).unwrap_err().message, "no row");
        assert!(!CAUGHT.get());
    }
}
