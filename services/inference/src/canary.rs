//! Which requests are a canary's: a share of them, and for each caller always the same ones.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use service_kit::facts::RequestFacts;
use service_kit::key_ring::ANONYMOUS;
use sha2::{Digest, Sha256};

/// Requests with the same value are answered by the same version.
pub(crate) const SESSION_HEADER: HeaderName = HeaderName::from_static("x-canopy-session");

/// The share of requests is counted in hundredths of a percent.
const STEPS: u64 = 10_000;
/// As much of a session's name counts: hashing is the caller's to pay for, up to here.
const MAX_SESSION_BYTES: usize = 256;

/// The share of requests that is a canary's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share(u64);

impl Share {
    /// Whatever is no number from 0 to 100 becomes the nearest one that is.
    pub(crate) fn of_percent(percent: f64) -> Self {
        Self((percent.clamp(0.0, 100.0) * 100.0).round() as u64) // NaN becomes 0
    }

    /// Whether it holds the requests of this caller.
    ///
    /// SHA-256 says the same in every process and release, and depends on neither version nor share: with a growing
    /// share those who were in stay in.
    pub(crate) fn holds(self, model: &str, sticky_id: &[u8]) -> bool {
        if self.0 == 0 || self.0 >= STEPS {
            return self.0 != 0;
        }
        let digest = Sha256::new_with_prefix(model).chain_update([0]).chain_update(sticky_id);
        let digest = digest.finalize();
        let first = digest.first_chunk().expect("SHA-256 is 32 bytes long");
        u64::from_be_bytes(*first) % STEPS < self.0
    }
}

/// What a caller's requests have in common: its session, else its key's name, else nothing but each request's own id.
pub(crate) fn sticky_id<'a>(headers: &'a HeaderMap, facts: &'a RequestFacts) -> &'a [u8] {
    let session = headers.get(SESSION_HEADER).map(HeaderValue::as_bytes);
    if let Some(session) = session.filter(|session| !session.is_empty()) {
        return &session[..session.len().min(MAX_SESSION_BYTES)];
    }
    let name = facts.client().filter(|name| *name != ANONYMOUS);
    name.unwrap_or(facts.id().as_str()).as_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::sync::Arc;

    use service_kit::auth::Caller;
    use service_kit::facts::RequestId;

    use super::*;

    fn headers(session: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(SESSION_HEADER, session.parse().expect("a header's value"))])
    }

    #[test]
    fn the_share_is_about_right() {
        for percent in [1.0, 5.0, 50.0] {
            let share = Share::of_percent(percent);
            let n_held = (0..20_000).filter(|n| share.holds("m", n.to_string().as_bytes())).count();
            let found = n_held as f64 / 200.0;
            assert!((found - percent).abs() < 1.0, "{found} % of sessions instead of {percent} %");
        }
    }

    #[test]
    fn stays_as_it_is_from_release_to_release() {
        let share = Share::of_percent(50.0);
        let held: String =
            (0..16).map(|n: u8| if share.holds("diamonds", &[n]) { '1' } else { '0' }).collect();
        // By Python: `int.from_bytes(sha256(b"diamonds\0" + bytes([n])).digest()[:8], "big") % 10000 < 5000`.
        assert_eq!(held, "0011010011011000");
    }

    #[test]
    fn nothing_and_everything_are_exact() {
        for n in 0..1_000_u32 {
            assert!(!Share::of_percent(0.0).holds("m", &n.to_be_bytes()));
            assert!(Share::of_percent(100.0).holds("m", &n.to_be_bytes()));
        }
        assert_eq!(Share::of_percent(f64::NAN), Share::of_percent(0.0));
        assert_eq!(Share::of_percent(-1.0), Share::of_percent(0.0));
        assert_eq!(Share::of_percent(1e9), Share::of_percent(100.0));
    }

    #[test]
    fn sticks_to_the_session_then_to_the_key_then_to_nothing() {
        let facts = RequestFacts::new(RequestId::random());
        assert_eq!(sticky_id(&HeaderMap::new(), &facts), facts.id().as_str().as_bytes());
        facts.set_caller(Arc::new(Caller::new("team-a", None)));
        assert_eq!(sticky_id(&headers(""), &facts), b"team-a");
        assert_eq!(sticky_id(&headers("s-1"), &facts), b"s-1");

        let anonymous = RequestFacts::new(RequestId::random());
        anonymous.set_caller(Arc::new(Caller::new(ANONYMOUS, None)));
        assert_eq!(sticky_id(&HeaderMap::new(), &anonymous), anonymous.id().as_str().as_bytes());
    }

    proptest! {
        #[test]
        fn who_was_in_stays_in(session: Vec<u8>, percent in 0.0..100.0, more in 0.0..100.0) {
            let (less, more) = (f64::min(percent, more), f64::max(percent, more));
            let held = |percent| Share::of_percent(percent).holds("m", &session);
            prop_assert!(!held(less) || held(more));
        }
    }
}
