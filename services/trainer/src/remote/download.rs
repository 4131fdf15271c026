//! From an answer to a file: bytes are counted, a broken download begins anew, and the file has no name.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use dataset::{DatasetError, Input};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use indicatif::BinaryBytes;

use super::bucket::Object;
use super::trouble::Trouble;
use super::web::Page;
use crate::progress::FetchProgress;

const MAX_TRIES: u32 = 3;

/// How long to wait for others.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// For a connection.
    pub(super) connect: Duration,
    /// For the next byte.
    pub(super) idle: Duration,
    /// Before the second try; twice as long before the third.
    pub(super) pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            pause: Duration::from_millis(500),
        }
    }
}

/// What a table is fetched from.
#[derive(Debug)]
pub(super) enum Origin {
    Web(Page),
    Bucket(Object),
}

impl Origin {
    async fn get(&self) -> Result<Body, Trouble> {
        match self {
            Self::Web(page) => page.get().await,
            Self::Bucket(object) => object.get().await,
        }
    }
}

/// An answer that began well.
pub(super) struct Body {
    /// None where the server does not say.
    pub(super) n_bytes: Option<u64>,
    pub(super) chunks: BoxStream<'static, Result<Bytes, Trouble>>,
}

/// A table that was fetched. Its file has no name: it is gone with this process, whatever ends it.
#[derive(Debug)]
pub(crate) struct Fetched {
    location: String,
    file: File,
}

impl Input for Fetched {
    fn location(&self) -> &str {
        &self.location
    }

    fn open(&self) -> Result<Box<dyn Read + '_>, DatasetError> {
        Ok(Box::new(FromStart { file: &self.file, offset: 0 }))
    }

    fn n_bytes(&self) -> Option<u64> {
        self.file.metadata().ok().map(|metadata| metadata.len())
    }
}

/// Reads a file without moving its position, which all readers of it share.
struct FromStart<'f> {
    file: &'f File,
    offset: u64,
}

impl Read for FromStart<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(out, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

/// Fetches a whole table; tries again what may go better the next time.
pub(super) async fn download(
    origin: &Origin,
    shown: &str,
    limits: &Limits,
) -> anyhow::Result<Fetched> {
    let mut file = tempfile::tempfile().map_err(|error| {
        anyhow::anyhow!(
            "no temporary file can be made in `{}`: {error}; set TMPDIR to a folder that can be written to",
            folder()
        )
    })?;
    let mut progress = FetchProgress::new(shown);
    for n_tries in 1.. {
        file.set_len(0).and_then(|()| file.rewind()).context("emptying the temporary file")?;
        let trouble = match try_once(origin, &mut file, &mut progress).await? {
            Ok(n_bytes) => {
                tracing::info!(location = shown, n_bytes, "fetched the table");
                break;
            }
            Err(trouble) => trouble,
        };
        if !trouble.is_passing {
            anyhow::bail!(trouble.message);
        }
        if n_tries == MAX_TRIES {
            anyhow::bail!("{}; tried {MAX_TRIES} times", trouble.message);
        }
        tracing::warn!(location = shown, "{}; trying again", crate::text::clean(&trouble.message));
        tokio::time::sleep(trouble.wait.unwrap_or(limits.pause * n_tries)).await;
    }
    Ok(Fetched { location: shown.to_owned(), file })
}

/// The number of bytes, or why they did not come. Trouble with the disk ends all tries.
async fn try_once(
    origin: &Origin,
    file: &mut File,
    progress: &mut FetchProgress,
) -> anyhow::Result<Result<u64, Trouble>> {
    let mut body = match origin.get().await {
        Ok(body) => body,
        Err(trouble) => return Ok(Err(trouble)),
    };
    progress.start(body.n_bytes);
    let mut n_bytes = 0;
    loop {
        match body.chunks.try_next().await {
            Ok(Some(chunk)) => {
                file.write_all(&chunk).map_err(|error| full(&error, body.n_bytes))?;
                n_bytes += chunk.len() as u64;
                progress.advance(chunk.len() as u64);
            }
            Ok(None) => break,
            Err(Trouble { message, .. }) if n_bytes > 0 => {
                let of =
                    body.n_bytes.map(|all| format!(" of {}", BinaryBytes(all))).unwrap_or_default();
                let message =
                    format!("the download broke off after {}{of}: {message}", BinaryBytes(n_bytes));
                return Ok(Err(Trouble::passing(message)));
            }
            Err(trouble) => return Ok(Err(trouble)),
        }
    }
    // The client looks at this, too; it must never become a shorter table.
    Ok(match body.n_bytes {
        Some(all) if all != n_bytes => Err(Trouble::passing(format!(
            "the download broke off after {} of {}",
            BinaryBytes(n_bytes),
            BinaryBytes(all)
        ))),
        _ => Ok(n_bytes),
    })
}

fn full(error: &io::Error, n_bytes: Option<u64>) -> anyhow::Error {
    let room = n_bytes
        .map_or("enough room for the table".to_owned(), |n| format!("{} of room", BinaryBytes(n)));
    anyhow::anyhow!(
        "the table cannot be kept in `{}`: {error}; set TMPDIR to a folder with {room}",
        folder()
    )
}

fn folder() -> String {
    std::env::temp_dir().display().to_string()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Sends this to everybody and then nothing; the connections stay open.
    fn stalling(bytes: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            let mut kept = vec![];
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 1024]); // an answer before the question would be another trouble
                stream.write_all(bytes).expect("a client");
                kept.push(stream);
            }
        });
        address.to_string()
    }

    #[tokio::test]
    async fn a_server_that_falls_silent_is_given_up() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let limits =
            Limits { idle: Duration::from_millis(50), pause: Duration::ZERO, ..Limits::default() };
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\nsize,rent\n";
        for (bytes, said) in [(&b""[..], ""), (&half[..], "broke off after 10 B of 4.00 KiB: ")] {
            let host = stalling(bytes);
            let url = format!("http://{host}/rents.csv").parse().expect("a URL");
            let origin = Origin::Web(Page::new(url, &limits).expect("a client"));
            let error = download(&origin, "rents", &limits).await.expect_err("it never comes");
            let expected = format!("{said}`{host}` sends nothing any more; tried 3 times");
            assert!(error.to_string().ends_with(&expected), "{error}");
        }
    }
}
