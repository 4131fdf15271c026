//! A real S3 server in the test's own process.
//!
//! It is `s3s-fs`: a package of crates.io, so that `cargo test` needs no other program and no container, and it speaks
//! what the registry relies on (signatures, lists with a delimiter, `If-None-Match`, `If-Match`). Garage is no library,
//! and moto needs Python.
//!
//! One thing is added. S3 promises that a conditional put compares and writes as one, and that whoever reads sees an
//! object with its own ETag; `s3s-fs` looks, renames and notes the ETag in steps. So a lock lets each write through
//! alone.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

/// A server over a folder that is removed with this value.
#[derive(Debug)]
pub struct S3Server {
    folder: TempDir,
    bucket: String,
    address: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl S3Server {
    /// What it takes as `AWS_ACCESS_KEY_ID`.
    pub const ACCESS_KEY: &str = "canopy";
    /// What it takes as `AWS_SECRET_ACCESS_KEY`.
    pub const SECRET_KEY: &str = "hunter2hunter2";

    /// Starts a server with one empty bucket, on a free port.
    pub fn start(bucket: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(bucket)).expect("a bucket");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut server = Self { folder, bucket: bucket.to_owned(), address, running: None };
        server.serve(listener);
        server
    }

    /// The bucket, as the command lines take it.
    pub fn url(&self) -> String {
        format!("s3://{}", self.bucket)
    }

    /// Where it listens, as a URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The `AWS_…` variables that lead a client to it.
    pub fn variables(&self) -> Vec<(String, String)> {
        let endpoint = self.endpoint();
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ACCESS_KEY_ID", Self::ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", Self::SECRET_KEY),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// Where the content of an object lies, to be written or damaged behind the server's back.
    pub fn object(&self, key: &str) -> PathBuf {
        let path = self.folder.path().join(&self.bucket).join(key);
        std::fs::create_dir_all(path.parent().expect("it lies in the bucket")).expect("a folder");
        path
    }

    /// Takes it away: connections break, and new ones are refused.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
            running.thread.join().expect("the server's thread ends");
        }
    }

    /// Brings it back on the same port, with what it held.
    pub fn start_again(&mut self) {
        self.stop();
        self.serve(TcpListener::bind(self.address).expect("its port is still free"));
    }

    fn serve(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).expect("a listener for tokio");
        let store = FileSystem::new(self.folder.path()).expect("a store");
        let mut service = S3ServiceBuilder::new(store);
        service.set_auth(SimpleAuth::from_single(Self::ACCESS_KEY, Self::SECRET_KEY));
        let service = service.build();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            // What is still connected ends with the runtime.
            runtime
                .expect("a runtime")
                .block_on(stopped.run_until_cancelled_owned(accept(listener, service)));
        });
        self.running = Some(Running { stop, thread });
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let turns = Arc::new(RwLock::new(()));
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let (service, turns) = (service.clone(), Arc::clone(&turns));
        let answer = service_fn(move |request: Request<Incoming>| {
            let (service, turns) = (service.clone(), Arc::clone(&turns));
            async move {
                let (_reads, _writes) = match *request.method() {
                    Method::GET | Method::HEAD => (Some(turns.read().await), None),
                    _ => (None, Some(turns.write().await)),
                };
                hyper::service::Service::call(&service, request).await
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(async move { drop(connection.await) });
    }
}
