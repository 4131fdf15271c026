//! What every command needs from the process around it.

use std::future::Future;

use registry::Stamp;

use crate::clock::{Clock, SystemClock, unix_seconds};
use crate::stop::{Stop, Stopped};

/// The time, and whether to go on.
pub(crate) struct Context<'a> {
    pub(crate) clock: &'a SystemClock,
    pub(crate) stop: &'a Stop,
}

impl Context<'_> {
    /// Ends the command between two steps where a signal came.
    pub(crate) fn go_on(&self) -> anyhow::Result<()> {
        if self.stop.is_requested() { Err(Stopped.into()) } else { Ok(()) }
    }

    /// Who acts now.
    pub(crate) fn stamp<'s>(&self, by: &'s str) -> Stamp<'s> {
        Stamp { now: unix_seconds(self.clock.now()), by }
    }

    /// Waits for something of the registry.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.stop.runtime().block_on(work)
    }
}
