//! Binding and running: `bind` before `run_until`, so that a test can bind port 0 and read the address.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use service_kit::auth::{AuthArgs, Authenticator, PlainKeys, WATCH_INTERVAL};
use service_kit::connection_series::ConnectionSeries;
use service_kit::serve::{self, ServeLimits};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::Config;
use crate::app::{self, App};
use crate::observer;

/// A service that is bound and not yet running.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    callers: Arc<Authenticator>,
    /// Who may send events.
    senders: Arc<Authenticator>,
    listener: TcpListener,
}

impl Server {
    /// Opens the database, reads the keys and binds the address.
    ///
    /// # Errors
    ///
    /// Where the data folder cannot be used, no key is configured and anonymous callers are not allowed, a key file is
    /// wrong, or the address is taken.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        tracing::info!(?config, "starting");
        let app = Arc::new(App::new(config)?);
        let callers = Authenticator::from_args(&app.config.auth, &app.exporter)?;
        let senders = senders(&app, &callers)?;
        let address = app.config.listen.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address}; choose another with --listen"))?;
        Ok(Self { app, callers, senders, listener })
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
        let Self { app, callers, senders, listener } = self;
        let stop = CancellationToken::new();
        let _stops_the_tasks = stop.clone().drop_guard();
        tokio::spawn(Arc::clone(&callers).watch(WATCH_INTERVAL, stop.clone()));
        if !Arc::ptr_eq(&callers, &senders) {
            tokio::spawn(Arc::clone(&senders).watch(WATCH_INTERVAL, stop.clone()));
        }
        observer::start(&app, &stop);
        let closing = app.closing.clone();
        let shutdown = async move {
            shutdown.await;
            closing.cancel();
        };
        let server = serve::Server {
            listener,
            routes: app::routes(&app, callers, senders),
            readiness: app.readiness.clone(),
            limits: ServeLimits {
                drain_delay: app.config.listen.drain_delay,
                grace: app.config.listen.drain_timeout,
                ..ServeLimits::default()
            },
            // People and one scraper: the runtime that follows the fleet answers them as well.
            n_threads: 0,
        };
        let connections = ConnectionSeries::new(&app.exporter);
        Ok(server.run_counted_until(connections, shutdown).await?)
    }
}

/// Those with a key of the events' own file; where there is none, those who may call.
fn senders(app: &App, callers: &Arc<Authenticator>) -> anyhow::Result<Arc<Authenticator>> {
    let Some(file) = &app.config.requests.events_keys_file else { return Ok(Arc::clone(callers)) };
    let args = AuthArgs {
        api_keys_file: Some(file.clone()),
        plain_keys: PlainKeys::default(),
        // The dashboard may be for everybody; what it shows is not.
        allow_anonymous: false,
        ..app.config.auth.clone()
    };
    Authenticator::from_args(&args, &app.exporter).context("the keys for events")
}
