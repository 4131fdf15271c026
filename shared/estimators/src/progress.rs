//! How a fit tells how far it is, and how it is told to stop.

/// What watches a fit; called from any thread.
pub trait Progress: Sync {
    /// The fit begins: it has `total` parts, each a `unit` ("trees").
    fn start(&self, total: usize, unit: &str);
    /// `n` more parts are done.
    fn advance(&self, n: usize);
    /// Whether the fit is to stop: it is asked between blocks of work.
    fn is_cancelled(&self) -> bool;
}

/// Watches nothing and never stops a fit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _total: usize, _unit: &str) {}
    fn advance(&self, _n: usize) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}
