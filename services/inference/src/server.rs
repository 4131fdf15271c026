//! Binding and running: `bind` before `run_until`, so that a test can bind port 0 and read the address.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use service_kit::auth::{Authenticator, WATCH_INTERVAL};
use service_kit::connection_series::ConnectionSeries;
use service_kit::metrics::UPKEEP_INTERVAL;
use service_kit::serve::{self, ServeLimits};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::app::{self, App};
use crate::registry_watcher::RegistryWatcher;

/// A server that is bound and not yet running.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    authenticator: Arc<Authenticator>,
    listener: TcpListener,
}

impl Server {
    /// Reads the keys and binds the address.
    ///
    /// # Errors
    ///
    /// Where no key is configured and anonymous callers are not allowed, a key file is wrong, a model is named twice,
    /// or the address is taken.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        tracing::info!(?config, "starting");
        let app = Arc::new(App::new(config)?);
        let authenticator = Authenticator::from_args(&app.config.auth, &app.exporter)?;
        let address = app.config.listen.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address}; choose another with --listen"))?;
        Ok(Self { app, authenticator, listener })
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// Where the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `shutdown` resolves, then drains.
    ///
    /// # Errors
    ///
    /// Where the listener is lost.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { app, authenticator, listener } = self;
        let stop = CancellationToken::new();
        let _stops_the_tasks = stop.clone().drop_guard();
        let poll_interval = app.config.source.registry_poll_interval;
        for served in app.models.iter() {
            tokio::spawn(RegistryWatcher::new(&app, served).run(poll_interval, stop.clone()));
        }
        tokio::spawn(Arc::clone(&authenticator).watch(WATCH_INTERVAL, stop.clone()));
        tokio::spawn(stop.run_until_cancelled_owned(app.exporter.upkeep(UPKEEP_INTERVAL)));
        let server = serve::Server {
            listener,
            routes: app::routes(&app, authenticator),
            readiness: app.readiness.clone(),
            limits: ServeLimits {
                drain_delay: app.config.listen.drain_delay,
                grace: app.config.listen.drain_timeout,
                write_timeout: app.config.requests.stall_timeout,
                ..ServeLimits::default()
            },
            n_threads: std::thread::available_parallelism().map_or(1, usize::from),
        };
        let connections = ConnectionSeries::new(&app.exporter);
        let (events, listen) = (app.recording.events.clone(), app.config.listen.clone());
        let mut stopped_at = None;
        let shutdown = async {
            shutdown.await;
            stopped_at = Some(Instant::now());
        };
        server.run_counted_until(connections, shutdown).await?;
        if let (Some(events), Some(stopped_at)) = (events, stopped_at) {
            events.finish(stopped_at + listen.drain_delay + listen.drain_timeout).await;
        }
        Ok(())
    }
}
