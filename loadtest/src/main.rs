//! `canopy-loadtest`: reads its settings, sends requests until it is over or told to stop, says what became of them.

use std::process::ExitCode;

use loadtest::{Config, Load};

fn main() -> anyhow::Result<ExitCode> {
    let config = Config::read();
    let load = Load::new(&config).unwrap_or_else(|error| Config::usage_error(&error));
    let runtime = tokio::runtime::Runtime::new()?;
    let summary = runtime.block_on(load.run_until(service_kit::shutdown::signal()));
    // Without waiting for a name that is still being resolved.
    runtime.shutdown_background();
    summary.print(config.report.output)?;
    Ok(if summary.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
