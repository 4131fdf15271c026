//! `canopy-metrics`: parses its settings, starts the log, serves until it is told to stop.

use canopy_metrics::{Config, Server};
use service_kit::spans;
use service_kit::telemetry::{self, Sink};

fn main() -> anyhow::Result<()> {
    let config = Config::read();
    let _telemetry = telemetry::init(&config.telemetry, Sink::Stdout)?;
    let _spans = spans::init("canopy-metrics")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(async {
        let server = Server::bind(config).await?;
        server.run_until(service_kit::shutdown::signal()).await
    });
    // Without waiting for a read of the registry that hangs: what was taken is stored.
    runtime.shutdown_background();
    result
}
