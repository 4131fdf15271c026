//! A whole request: a server in this process, asked over one keep-alive connection of the loopback.
//!
//! Key, rate limit, metrics and parity-checked model as deployed; the log is not started, so that its lines do not
//! mix with the results. `bench/peers.py` measures the binary with its access log, under load.

mod data;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use inference::{Config, Server};
use testkit::TempRegistry;
use tokio::runtime::Runtime;

const KEY: &str = "bench";

fn handler(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let signature = data::signature(true);
    let temp = TempRegistry::new();
    runtime.block_on(temp.publish(data::draft()));
    let address = runtime.block_on(serve(&temp)).expect("a server");
    for n_rows in [1, 64, 1024] {
        let bodies = [
            ("objects", data::objects(&signature, n_rows, data::IN_ORDER)),
            ("arrays", data::arrays(n_rows)),
        ];
        for (form, body) in bodies {
            let mut connection = Connection::to(address, &body).expect("a connection");
            let mut group = criterion.benchmark_group(format!("handler/{form}"));
            group.throughput(Throughput::Elements(n_rows as u64));
            group.bench_function(format!("{n_rows}rows"), |bencher| {
                bencher.iter(|| connection.ask().expect("a prediction"));
            });
            group.finish();
        }
    }
}

/// Starts a server and waits until it is ready; it ends with the runtime.
async fn serve(temp: &TempRegistry) -> anyhow::Result<SocketAddr> {
    let registry = format!("--registry={}", temp.location());
    let mut config = Config::try_parse_from([
        "canopy-inference",
        "--model=diamonds",
        "--listen=127.0.0.1:0",
        // A limit that is never reached: it is checked for each request all the same.
        "--rate-limit=10000000",
        "--rate-burst=10000000",
        &registry,
    ])?;
    config.auth.plain_keys = KEY.into();
    let server = Server::bind(config).await?;
    let address = server.local_addr()?;
    tokio::spawn(server.run_until(std::future::pending()));
    Ok(address)
}

/// A keep-alive connection that sends the same request again and again.
struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects and asks until the server is ready, which takes it some milliseconds.
    fn to(address: SocketAddr, body: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let length = body.len();
        let request = format!(
            "POST /predict HTTP/1.1\r\nhost: bench\r\nx-api-key: {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut connection =
            Self { stream, request: request.into_bytes(), answer: vec![0; 64 * 1024] };
        for _ in 0..500 {
            if connection.ask().is_ok() {
                return Ok(connection);
            }
            thread::sleep(Duration::from_millis(10));
        }
        connection.ask().context("still not ready after 5 s")?;
        Ok(connection)
    }

    /// Sends the request and reads the whole answer, which must be a 200.
    fn ask(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request)?;
        let mut filled = 0;
        loop {
            let n_read = self.stream.read(&mut self.answer[filled..])?;
            ensure!(n_read > 0, "the connection ended before the answer did");
            filled += n_read;
            if let Some(length) = length_of(&self.answer[..filled])?
                && filled >= length
            {
                break;
            }
        }
        let answer = &self.answer[..filled];
        ensure!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
        Ok(())
    }
}

/// How long head and body are together; none while the head is not whole.
fn length_of(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&answer[..end])?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.context("the answer has no content-length")??;
    Ok(Some(end + 4 + length))
}

criterion_group!(benches, handler);
criterion_main!(benches);
