//! How long a connection may keep the server waiting: for a request's head, between requests, and
//! for its answers to be read.
//!
//! hyper's own `header_read_timeout` counts both as one, sets a timer for each request, and so has
//! to choose between slow heads that are held open and idle connections that are cut under a
//! proxy's hands. How long a request may take is decided in [`crate::shed`].

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{Notify, futures::Notified},
    time::{Instant, Sleep, sleep_until},
};

/// How long to wait for a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From a head's first byte, or the connection's start, to its last.
    pub(crate) head: Duration,
    /// From an answer to the next head's first byte.
    pub(crate) idle: Duration,
    /// From a write that finds no room to the next one that does.
    pub(crate) write: Duration,
}

/// How long a half-sent head is waited for once the server is closing.
const CLOSING_HEAD: Duration = Duration::from_secs(1);

/// Tells every connection that the server is closing, and wakes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Closing(Arc<(AtomicBool, Notify)>);

impl Closing {
    pub(crate) fn begin(&self) {
        let (has_begun, beginning) = &*self.0;
        has_begun.store(true, Ordering::Release);
        beginning.notify_waiters();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.0.load(Ordering::Acquire)
    }

    /// Resolves when the closing begins after this call.
    pub(crate) fn beginning(&self) -> Notified<'_> {
        self.0.1.notified()
    }
}

/// Tells a connection which of its requests is being answered: odd while one is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy(Arc<AtomicU64>);

impl Busy {
    /// The head is complete: from here on the request's own time limit counts.
    pub(crate) fn start(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// The answer is ready and the body taken: the connection waits for the client again.
    pub(crate) fn end(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// The rest of a body was read after its answer: what comes next is a head, in its own time.
    pub(crate) fn pass(&self) {
        self.0.fetch_add(2, Ordering::AcqRel);
    }
}

/// One request of a connection, busy until both its answer's head is ready and its body is taken or given up: an answer
/// may begin while the body still comes, and then what comes is no head.
#[derive(Debug, Clone)]
pub(crate) struct Answering(Arc<(Busy, AtomicBool)>);

impl Answering {
    pub(crate) fn start(busy: &Busy) -> Self {
        busy.start();
        Self(Arc::new((busy.clone(), AtomicBool::new(false))))
    }

    /// Ends with the answer: at once where it is whole, or with its body where that is still being made.
    pub(crate) fn until_written(self, answer: Response) -> Response {
        if answer.body().size_hint().exact().is_some() {
            self.end_of_one();
            return answer;
        }
        answer.map(|body| Body::new(Unfinished { body, answering: self }))
    }

    /// The body is read to its end, or nobody wants it any more.
    pub(crate) fn end_of_body(&self) {
        self.end_of_one();
    }

    fn end_of_one(&self) {
        let (busy, is_other_ended) = &*self.0;
        if is_other_ended.swap(true, Ordering::AcqRel) {
            busy.end();
        }
    }
}

/// The body of an answer that is still being made: its request is answered until it is dropped.
struct Unfinished {
    body: Body,
    answering: Answering,
}

impl HttpBody for Unfinished {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.answering.end_of_one();
    }
}

/// A stream that fails with [`io::ErrorKind::TimedOut`] once patience is at its end.
pub(crate) struct Timed<T> {
    stream: T,
    patience: Patience,
    busy: Busy,
    /// The last state of `busy` that this stream has seen.
    seen: u64,
    waiting: Waiting,
    /// None from a head's first bytes until the rest of it is waited for: most heads come whole, and ask no clock.
    deadline: Option<Instant>,
    /// Made when the client is first waited for, then moved on: most requests touch no timer.
    timer: Option<Pin<Box<Sleep>>>,
    /// Runs while a write finds no room: most answers touch no timer.
    write_timer: Option<Pin<Box<Sleep>>>,
    closing: Closing,
    /// Whether the deadline was moved because the server is closing.
    is_hurried: bool,
}

/// What the connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Head,
    Idle,
    /// For the server itself, at least when last looked at.
    Answer,
}

impl<T> Timed<T> {
    pub(crate) fn new(stream: T, patience: Patience, busy: Busy, closing: Closing) -> Self {
        Self {
            stream,
            patience,
            busy,
            seen: 0,
            waiting: Waiting::Head,
            deadline: Some(Instant::now() + patience.head),
            timer: None,
            write_timer: None,
            closing,
            is_hurried: false,
        }
    }

    /// Tells whether a request is being answered, and notes one that came and went unseen.
    fn is_busy(&mut self) -> bool {
        let now = self.busy.0.load(Ordering::Acquire);
        if now != self.seen {
            self.seen = now;
            self.waiting = Waiting::Answer;
        }
        now % 2 == 1
    }

    /// Notes that bytes have come: the first ones after an answer begin the next head.
    fn on_bytes(&mut self) {
        if !self.is_busy() && self.waiting != Waiting::Head {
            self.waiting = Waiting::Head;
            self.deadline = None;
        }
    }

    /// Fails when the client has been waited for long enough.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // An answer that the client has yet to read has a time limit of its own.
        if self.is_busy() || self.write_timer.is_some() {
            self.waiting = Waiting::Answer;
            return Poll::Pending;
        }
        if self.waiting == Waiting::Answer {
            self.waiting = Waiting::Idle;
            self.deadline = Some(Instant::now() + self.patience.idle);
        }
        let mut deadline = self.deadline.unwrap_or_else(|| Instant::now() + self.patience.head);
        if self.closing.has_begun() && !self.is_hurried {
            self.is_hurried = true;
            deadline = deadline.min(Instant::now() + CLOSING_HEAD);
        }
        self.deadline = Some(deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // A timer that is set too early wakes the connection once, and is then set anew.
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// Fails a write that has found no room for long enough: the client does not read its answer.
    fn timed_write<R>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.write_timer = None;
            return written;
        }
        let deadline = Instant::now() + self.patience.write;
        let timer = self.write_timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Timed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(result) => {
                self.on_bytes();
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_patience(cx).map(Err),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Timed<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.timed_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.timed_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        write: Duration::from_secs(30),
    };

    fn connection() -> (DuplexStream, Timed<DuplexStream>, Busy, Instant) {
        let (client, server) = duplex(64);
        let busy = Busy::default();
        let timed = Timed::new(server, PATIENCE, busy.clone(), Closing::default());
        (client, timed, busy, Instant::now())
    }

    async fn read(server: &mut Timed<DuplexStream>) -> io::Result<u8> {
        server.read_u8().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_head_is_cut_however_often_a_byte_comes() {
        let (mut client, mut server, _busy, started) = connection();
        let drip = async {
            loop {
                client.write_u8(b'x').await.unwrap();
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        };
        let read = async { while read(&mut server).await.is_ok() {} };
        tokio::select! { () = drip => {}, () = read => {} }
        assert_eq!(started.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_held_longer_than_a_slow_head() {
        let (mut client, mut server, busy, _) = connection();
        client.write_u8(b'x').await.unwrap();
        read(&mut server).await.unwrap();
        busy.start();
        busy.end();
        let answered = Instant::now();
        assert_eq!(read(&mut server).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(answered.elapsed().as_secs(), 75);
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_after_an_idle_time_has_its_own_deadline() {
        let (mut client, mut server, busy, _) = connection();
        client.write_u8(b'x').await.unwrap();
        read(&mut server).await.unwrap();
        busy.start();
        busy.end();
        let later = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            client.write_u8(b'y').await.unwrap();
            Instant::now()
        };
        let (began, byte) = tokio::join!(later, read(&mut server));
        assert_eq!(byte.unwrap(), b'y');
        assert!(read(&mut server).await.is_err());
        assert_eq!(began.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_answer_is_not_the_client_s_fault() {
        let (mut client, mut server, busy, _) = connection();
        client.write_u8(b'x').await.unwrap();
        read(&mut server).await.unwrap();
        busy.start();
        let hour = tokio::time::timeout(Duration::from_secs(3_600), read(&mut server));
        assert!(hour.await.is_err(), "the read should still be waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_a_body_leaves_the_whole_idle_time() {
        let (mut client, mut server, busy, _) = connection();
        busy.start();
        busy.end();
        client.write_u8(b'x').await.unwrap();
        read(&mut server).await.unwrap();
        busy.pass();
        let passed = Instant::now();
        assert_eq!(read(&mut server).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(passed.elapsed().as_secs(), 75);
    }

    #[tokio::test(start_paused = true)]
    async fn a_half_sent_head_is_hurried_when_the_server_closes() {
        let (mut client, mut server, _busy, started) = connection();
        client.write_u8(b'x').await.unwrap();
        read(&mut server).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(3), read(&mut server)).await.is_err());
        server.closing.begin();
        assert_eq!(read(&mut server).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_a_little_has_its_time_anew() {
        let (mut client, mut server, _busy, started) = connection();
        let write = async { server.write_all(&[0; 128]).await.unwrap_err() };
        let reader = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            client.read_u8().await.unwrap();
            std::future::pending::<()>().await;
        };
        let error = tokio::select! { error = write => error, () = reader => unreachable!() };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), 50);
    }
}
