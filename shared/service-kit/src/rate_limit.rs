//! One token bucket for each key.
//!
//! A bucket holds `burst` requests and is filled again at `rate` requests a second. The headers are
//! those of the IETF's draft: `RateLimit-Limit` is what a full bucket holds, `RateLimit-Remaining`
//! what is in it, `RateLimit-Reset` the whole seconds until it is full again.
//! Limits whoever asks are in [`crate::shed`]; [`crate::guard`] applies both key and rate.

use std::{fmt, num::NonZeroU32, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::{StateInformationMiddleware, StateSnapshot},
    state::{InMemoryState, NotKeyed},
};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How often a key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, over time; this many come back into the bucket.
    pub per_second: NonZeroU32,
    /// Requests at once; this many are in a full bucket.
    pub burst: NonZeroU32,
}

impl Rate {
    /// Makes a rate; 0 requests a second stand for no limit, and a burst is at least 1.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Option<Self> {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        NonZeroU32::new(per_second).map(|per_second| Self { per_second, burst })
    }
}

/// Decides whether a request still fits into a key's rate.
pub struct Limiter<C: Clock = DefaultClock> {
    rate: Rate,
    bucket: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
    limit: HeaderValue,
}

/// What a limiter decided, and what the client is told either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// How long to wait, if the request is refused.
    pub retry_after: Option<Duration>,
    /// Requests that could follow at once.
    pub remaining: u32,
    /// Whole seconds until the bucket is full again.
    pub reset_seconds: u64,
}

impl Limiter {
    /// Starts with a full bucket.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let bucket: DefaultDirectRateLimiter<_> =
            RateLimiter::direct(quota(rate)).with_middleware();
        Self { rate, bucket, limit: HeaderValue::from(rate.burst.get()) }
    }
}

impl<C: Clock> Limiter<C> {
    /// Gives the rate this limiter keeps.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes one request out of the bucket, if there is one.
    pub fn check(&self) -> Decision {
        let (remaining, retry_after) = match self.bucket.check() {
            Ok(state) => (StateSnapshot::remaining_burst_capacity(&state), None),
            Err(not_until) => (0, Some(not_until.wait_time_from(self.bucket.clock().now()))),
        };
        let missing = u64::from(self.rate.burst.get().saturating_sub(remaining));
        let reset_seconds = missing.div_ceil(u64::from(self.rate.per_second.get()));
        Decision { retry_after, remaining, reset_seconds }
    }

    /// Writes a decision into a response's headers.
    pub fn write_headers(&self, decision: Decision, headers: &mut HeaderMap) {
        headers.insert(LIMIT, self.limit.clone());
        headers.insert(REMAINING, HeaderValue::from(decision.remaining));
        headers.insert(RESET, seconds(decision.reset_seconds));
    }
}

impl<C: Clock> fmt::Debug for Limiter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("rate", &self.rate).finish_non_exhaustive()
    }
}

/// The usual values need no memory of their own.
fn seconds(seconds: u64) -> HeaderValue {
    match seconds {
        0 => HeaderValue::from_static("0"),
        1 => HeaderValue::from_static("1"),
        _ => HeaderValue::from(seconds),
    }
}

fn quota(rate: Rate) -> Quota {
    Quota::per_second(rate.per_second).allow_burst(rate.burst)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter(per_second: u32, burst: u32) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rate = Rate::new(per_second, burst).unwrap();
        let bucket = RateLimiter::direct_with_clock(quota(rate), clock.clone()).with_middleware();
        (Limiter { rate, bucket, limit: HeaderValue::from(burst) }, clock)
    }

    #[test]
    fn a_full_bucket_empties_and_fills_at_its_rate() {
        let (limiter, clock) = limiter(2, 5);
        for remaining in [4, 3, 2, 1, 0] {
            let decision = limiter.check();
            assert_eq!((decision.retry_after, decision.remaining), (None, remaining));
        }
        let refused = limiter.check();
        assert_eq!(refused.retry_after, Some(Duration::from_millis(500)));
        assert_eq!((refused.remaining, refused.reset_seconds), (0, 3));
        clock.advance(Duration::from_millis(500));
        assert_eq!(limiter.check().retry_after, None);
        assert!(limiter.check().retry_after.is_some());
        clock.advance(Duration::from_secs(60));
        let decision = limiter.check();
        assert_eq!((decision.remaining, decision.reset_seconds), (4, 1));
    }

    #[test]
    fn headers_say_limit_remaining_and_reset() {
        let (limiter, _) = limiter(2, 5);
        let mut headers = HeaderMap::new();
        limiter.write_headers(limiter.check(), &mut headers);
        assert_eq!(headers["ratelimit-limit"], "5");
        assert_eq!(headers["ratelimit-remaining"], "4");
        assert_eq!(headers["ratelimit-reset"], "1");
    }

    #[test]
    fn no_requests_a_second_stand_for_no_limit() {
        assert_eq!(Rate::new(0, 10), None);
        assert_eq!(Rate::new(10, 0).unwrap().burst.get(), 1);
    }
}
