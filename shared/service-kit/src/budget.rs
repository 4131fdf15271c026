//! How many bytes of request bodies may be held at once, by all requests together.
//!
//! How long one body may be is the limit of [`crate::body`]; how many requests may be in flight is
//! decided in [`crate::shed`]. Their product can be far more than a machine has: 512 requests of
//! 16 MiB are 8 GiB.

use std::{
    fmt,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::{Body, Bytes, HttpBody};
use metrics::{describe_gauge, gauge};

use crate::{body, metrics::Exporter, problem::Problem};

/// Bodies are paid for in steps of this size, so that a body in small pieces is not counted often.
const STEP_BYTES: usize = 64 * 1024;

/// Holds the bytes that request bodies may take together; nothing ever waits for some.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::body::Body;
/// use service_kit::{budget::BodyBudget, metrics::Exporter};
///
/// let budget = BodyBudget::new(10, &Exporter::new());
/// let held = budget.read(Body::from("six of"), 8).await.unwrap();
/// assert_eq!(held.len(), 6);
/// let refused = budget.read(Body::from("eight more"), 10).await.unwrap_err();
/// assert_eq!(refused.code(), "overloaded");
/// drop(held);
/// assert!(budget.read(Body::from("eight more"), 10).await.is_ok());
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BodyBudget(Arc<Account>);

struct Account {
    max_bytes: usize,
    held_bytes: AtomicUsize,
}

impl BodyBudget {
    /// Lets bodies take `max_bytes` together, and shows them as `http_request_body_bytes`.
    #[must_use]
    pub fn new(max_bytes: usize, exporter: &Exporter) -> Self {
        let gauge = exporter.register(|| {
            describe_gauge!(
                "http_request_body_bytes",
                "Bytes set aside for request bodies that are being read or handled."
            );
            gauge!("http_request_body_bytes")
        });
        let account = Arc::new(Account { max_bytes, held_bytes: AtomicUsize::new(0) });
        let sampled = Arc::clone(&account);
        exporter.sample(gauge, move || sampled.held_bytes.load(Ordering::Relaxed) as f64);
        Self(account)
    }

    /// Reads a body of at most `limit_bytes`, as [`body::read`] does, and pays for what it holds.
    ///
    /// A body under 64 KiB with a `Content-Length` is paid for once, before it comes; any other in
    /// steps of 64 KiB as it comes, so that a client that announces much and sends little holds
    /// little.
    ///
    /// # Errors
    ///
    /// 503 `overloaded` at once when the budget is used up; 413 `payload_too_large` over
    /// `limit_bytes`, or over the whole budget, for which no time would be right; 400
    /// `body_read_failed` when the body breaks off.
    pub async fn read(&self, body: Body, limit_bytes: usize) -> Result<Held<Bytes>, Problem> {
        let limit_bytes = limit_bytes.min(self.0.max_bytes);
        let mut share = self.share();
        let size = body.size_hint();
        if let Some(n_bytes) = size.exact().and_then(|n| usize::try_from(n).ok())
            && n_bytes <= STEP_BYTES.min(limit_bytes)
        {
            share.grow_to(n_bytes)?;
        } else if size.lower() <= limit_bytes as u64 && size.lower() > self.0.free_bytes() as u64 {
            // What is announced would not fit: better said before it is sent than after.
            return Err(Problem::bodies_overloaded());
        }
        let admit = |n_bytes: usize| match n_bytes > share.n_bytes {
            true => share.grow_to(n_bytes.next_multiple_of(STEP_BYTES).min(limit_bytes)),
            false => Ok(()),
        };
        let value = body::read_with(body, limit_bytes, admit).await?;
        share.shrink_to(value.len());
        Ok(Held { value, share })
    }

    /// Gives the bytes that are held at the moment.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.0.held_bytes.load(Ordering::Relaxed)
    }

    /// Makes a share of nothing, for what is held piece by piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use service_kit::{budget::BodyBudget, metrics::Exporter};
    ///
    /// let budget = BodyBudget::new(10, &Exporter::new());
    /// let mut share = budget.share();
    /// share.hold(8).unwrap();
    /// assert_eq!(share.hold(11).unwrap_err().code(), "overloaded");
    /// share.hold(3).unwrap();
    /// assert_eq!(budget.held_bytes(), 3);
    /// ```
    pub fn share(&self) -> Share {
        Share { account: Arc::clone(&self.0), n_bytes: 0 }
    }
}

impl Account {
    fn free_bytes(&self) -> usize {
        self.max_bytes.saturating_sub(self.held_bytes.load(Ordering::Relaxed))
    }

    /// The counter guards no other memory, so that its order with other accesses does not matter.
    fn take(&self, n_bytes: usize) -> Result<(), Problem> {
        let add = |held: usize| held.checked_add(n_bytes).filter(|held| *held <= self.max_bytes);
        match self.held_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => Ok(()),
            Err(_) => Err(Problem::bodies_overloaded()),
        }
    }

    fn give_back(&self, n_bytes: usize) {
        if n_bytes > 0 {
            self.held_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("max_bytes", &self.max_bytes)
            .field("held_bytes", &self.held_bytes)
            .finish_non_exhaustive()
    }
}

/// A part of a [`BodyBudget`], given back when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Share {
    account: Arc<Account>,
    n_bytes: usize,
}

impl Share {
    /// Holds this many bytes from now on, more or fewer than before.
    ///
    /// # Errors
    ///
    /// 503 `overloaded` at once when the budget is used up; then it holds what it held.
    pub fn hold(&mut self, n_bytes: usize) -> Result<(), Problem> {
        self.grow_to(n_bytes)?;
        self.shrink_to(n_bytes);
        Ok(())
    }

    fn grow_to(&mut self, n_bytes: usize) -> Result<(), Problem> {
        self.account.take(n_bytes.saturating_sub(self.n_bytes))?;
        self.n_bytes = n_bytes.max(self.n_bytes);
        Ok(())
    }

    fn shrink_to(&mut self, n_bytes: usize) {
        self.account.give_back(self.n_bytes.saturating_sub(n_bytes));
        self.n_bytes = n_bytes.min(self.n_bytes);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.account.give_back(self.n_bytes);
    }
}

/// A value that is paid for from a [`BodyBudget`] until it is dropped.
#[derive(Debug)]
pub struct Held<T> {
    value: T,
    share: Share,
}

impl<T> Held<T> {
    /// Parts the value from its share, which is then kept for as long as the value is.
    pub fn into_parts(self) -> (T, Share) {
        (self.value, self.share)
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use http_body_util::channel::Channel;

    use super::*;
    use crate::testing::eventually;

    const MIB: usize = 1024 * 1024;

    fn budget(max_bytes: usize) -> (BodyBudget, impl Fn(usize) -> bool) {
        let exporter = Exporter::new();
        let budget = BodyBudget::new(max_bytes, &exporter);
        (budget, move |n| exporter.render().contains(&format!("http_request_body_bytes {n}\n")))
    }

    #[tokio::test]
    async fn a_body_holds_its_length_until_it_is_dropped() {
        let (budget, shown) = budget(MIB);
        assert!(shown(0));
        let small = budget.read(Body::from("a row"), MIB).await.unwrap();
        let large = budget.read(Body::from(vec![0; 100_000]), MIB).await.unwrap();
        assert_eq!(&small[..], b"a row");
        assert!(shown(100_005));
        let (bytes, share) = large.into_parts();
        drop(bytes);
        assert!(shown(100_005));
        drop(share);
        assert!(shown(5));
        drop(small);
        assert!(shown(0));
        assert_eq!(budget.held_bytes(), 0);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_refused_at_once_and_fits_later() {
        let (budget, shown) = budget(10);
        let held = budget.read(Body::from("seven b"), 10).await.unwrap();
        let refused = budget.read(Body::from("four"), 10).await.unwrap_err();
        assert_eq!((refused.status().as_u16(), refused.code()), (503, "overloaded"));
        let response = axum::response::IntoResponse::into_response(refused);
        assert_eq!(response.headers()["retry-after"], "1");
        let chunked = {
            let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
            sender.try_send(hyper::body::Frame::data(Bytes::from("four"))).unwrap();
            Body::new(body)
        };
        assert_eq!(budget.read(chunked, 10).await.unwrap_err().code(), "overloaded");
        assert!(shown(7));
        drop(held);
        assert!(budget.read(Body::from("four"), 10).await.is_ok());
    }

    #[tokio::test]
    async fn what_can_never_fit_is_too_large() {
        let (budget, _) = budget(10);
        let never = budget.read(Body::from("eleven byte"), 20).await.unwrap_err();
        assert_eq!(never.code(), "payload_too_large");
        assert!(never.detail().contains("10 bytes"), "{never}");
    }

    #[tokio::test]
    async fn bytes_are_taken_as_they_come_and_given_back_when_the_reader_leaves() {
        let (budget, shown) = budget(10 * MIB);
        let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
        let reader = tokio::spawn({
            let budget = budget.clone();
            async move { budget.read(Body::new(body), 10 * MIB).await }
        });
        sender.send_data(Bytes::from("a")).await.unwrap();
        eventually(async || shown(STEP_BYTES)).await;
        sender.send_data(Bytes::from(vec![0; STEP_BYTES])).await.unwrap();
        eventually(async || shown(2 * STEP_BYTES)).await;
        reader.abort();
        eventually(async || shown(0)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_at_once_never_take_more_than_there_is() {
        let (budget, shown) = budget(100);
        let tasks = (0..64).map(|_| {
            let budget = budget.clone();
            tokio::spawn(async move {
                for _ in 0..200 {
                    let held = budget.read(Body::from("thirty bytes, or nearly so, of"), 30).await;
                    assert!(budget.held_bytes() <= 90);
                    tokio::task::yield_now().await;
                    drop(held);
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(budget.held_bytes(), 0);
        assert!(shown(0));
    }
}
