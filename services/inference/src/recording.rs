//! Where what was answered is recorded: series and events, made once for all models.

use service_kit::metrics::Exporter;

use crate::config::EventArgs;
use crate::distribution_series::DistributionSeries;
use crate::events::Events;

/// What the versions of all models share.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    pub(crate) exporter: Exporter,
    pub(crate) distributions: DistributionSeries,
    /// None where no metrics service is named.
    pub(crate) events: Option<Events>,
}

impl Recording {
    /// # Errors
    ///
    /// As [`Events::start`].
    pub(crate) fn new(args: &EventArgs, exporter: &Exporter) -> anyhow::Result<Self> {
        Ok(Self {
            exporter: exporter.clone(),
            distributions: DistributionSeries::new(exporter),
            events: Events::start(args, exporter)?,
        })
    }
}
