//! Servers that answer as they are told, well or badly; each ends with its test's process.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is sent for a request, whose place among all of them is given from 0.
pub(crate) type Answer = Box<dyn Fn(&str, usize) -> Reply + Send + Sync>;

pub(crate) enum Reply {
    /// These bytes, and then the end of the connection.
    Whole(Vec<u8>),
    /// These bytes, and then nothing for as long as the client waits.
    Stall(Vec<u8>),
}

/// `200 OK` with this body.
pub(crate) fn ok(body: &[u8]) -> Reply {
    answer("200 OK", "Content-Type: text/csv\r\n", body)
}

pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Reply {
    let length = body.len();
    Reply::Whole(with_length(status, headers, length, body))
}

/// An answer that says how long it is, truly or not.
pub(crate) fn with_length(status: &str, headers: &str, length: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A certificate authority that nobody knows but through its file.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    pub(crate) fn file(&self, folder: &Path) -> PathBuf {
        let path = folder.join("authority.pem");
        std::fs::write(&path, self.issuer.pem()).expect("a file");
        path
    }

    fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.expect("a key that fits"))
    }
}

pub(crate) struct Server {
    pub(crate) port: u16,
    /// The heads of all requests.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn http(answer: Answer) -> Self {
        Self::start(answer, None)
    }

    /// Its certificate is one of `localhost`.
    pub(crate) fn https(authority: &Authority, answer: Answer) -> Self {
        Self::start(answer, Some(authority.server("localhost")))
    }

    fn start(answer: Answer, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let requests = Arc::new(Mutex::new(vec![]));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer, tls) = (seen.clone(), answer.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, &seen, &answer),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a configuration");
                        serve(StreamOwned::new(connection, stream), &seen, &answer);
                    }
                });
            }
        });
        Self { port, requests }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic").clone()
    }
}

trait Close: Read + Write {
    fn close(&mut self);
}

impl Close for TcpStream {
    fn close(&mut self) {
        let _ = self.shutdown(std::net::Shutdown::Write);
    }
}

impl Close for StreamOwned<ServerConnection, TcpStream> {
    fn close(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
        self.sock.close();
    }
}

fn serve(mut stream: impl Close, seen: &Mutex<Vec<String>>, answer: &Answer) {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return, // such as a client that does not trust this server
        }
    }
    let head = String::from_utf8(head).expect("a request's head");
    let place = {
        let mut seen = seen.lock().expect("no panic");
        seen.push(head.clone());
        seen.len() - 1
    };
    match answer(&head, place) {
        Reply::Whole(bytes) => {
            let _ = stream.write_all(&bytes);
            let _ = stream.flush();
            stream.close();
        }
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes);
            let _ = stream.flush();
        }
    }
    // Until the client goes, so that no reset overtakes the answer.
    let _ = stream.read(&mut [0]);
}
