//! How long one call keeps trying.

use std::time::Duration;

use contact_sync_engine::port::Clock;
use http::HeaderMap;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// How much trying a call is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Requests at most.
    pub(crate) tries: u32,
    /// No request begins, and no wait ends, later than this.
    pub(crate) last_try: SignedDuration,
    /// No answer is read longer than this.
    pub(crate) end: SignedDuration,
}

impl Limits {
    /// For reading the directory: a function that works for minutes waits here.
    pub(crate) const GRAPH: Self = Self {
        tries: 5,
        last_try: SignedDuration::from_secs(25),
        end: SignedDuration::from_secs(30),
    };
    /// For what somebody waits for on a page: pickers, counts, the tenant's name. The REST API must
    /// answer within half a minute.
    pub(crate) const GLANCE: Self = Self {
        tries: 4,
        last_try: SignedDuration::from_secs(12),
        end: SignedDuration::from_secs(15),
    };
    /// For one person's photo, of many: whoever cannot be read now is read another time.
    pub(crate) const PHOTO: Self = Self {
        tries: 2,
        last_try: SignedDuration::from_secs(6),
        end: SignedDuration::from_secs(15),
    };
    /// While a person looks at a blank page, and more requests follow.
    pub(crate) const SIGN_IN: Self = Self {
        tries: 3,
        last_try: SignedDuration::from_secs(6),
        end: SignedDuration::from_secs(10),
    };
}

/// The first wait where nobody says how long; doubled each time.
const FIRST_WAIT_MS: u64 = 1_000;

/// The patience of one call.
#[derive(Debug)]
pub(crate) struct Patience<'a, C> {
    clock: &'a C,
    limits: Limits,
    started: Timestamp,
    tries: u32,
}

impl<'a, C: Clock> Patience<'a, C> {
    pub(crate) fn new(clock: &'a C, limits: Limits) -> Self {
        Self { clock, limits, started: clock.now(), tries: 1 }
    }

    /// A fresh count of tries within the same time: for the token that a call needs.
    pub(crate) fn again(&self) -> Self {
        Self { clock: self.clock, limits: self.limits, started: self.started, tries: 1 }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long the request that begins now may take.
    pub(crate) fn timeout(&self) -> Duration {
        let left = self.limits.end - self.elapsed();
        left.max(SignedDuration::from_secs(1)).try_into().unwrap_or_default()
    }

    /// Waits before another try: as long as the answer asked, or else longer each time with full
    /// jitter. `false` when the tries or the time are used up; then nothing was waited.
    pub(crate) async fn wait(&mut self, retry_after: Option<SignedDuration>) -> bool {
        if self.tries >= self.limits.tries {
            return false;
        }
        let wait = retry_after.unwrap_or_else(|| self.jittered());
        if !self.sleep(wait).await {
            return false;
        }
        self.tries += 1;
        true
    }

    /// Waits without counting a try. `false` when that would take too long.
    pub(crate) async fn sleep(&self, wait: SignedDuration) -> bool {
        if self.elapsed() + wait > self.limits.last_try {
            return false;
        }
        if wait.is_positive() {
            self.clock.sleep(wait).await;
        }
        true
    }

    /// A clock that is set back during the call costs no patience.
    fn elapsed(&self) -> SignedDuration {
        self.clock.now().duration_since(self.started).max(SignedDuration::ZERO)
    }

    fn jittered(&self) -> SignedDuration {
        let most = FIRST_WAIT_MS << self.tries.min(6).saturating_sub(1);
        let chance = uuid::Uuid::new_v4().as_u64_pair().1;
        SignedDuration::from_millis(i64::try_from(chance % most).unwrap_or_default())
    }
}

/// `Retry-After` as Graph sends it: whole seconds, decimals (`2.128`), or an HTTP date.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return SignedDuration::try_from_secs_f64(seconds)
            .ok()
            .map(|wait| wait.max(SignedDuration::ZERO));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(date.duration_since(now).max(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock on which waiting takes no time.
    struct Still(Mutex<Timestamp>);

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
        async fn sleep(&self, duration: SignedDuration) {
            *self.0.lock().unwrap() += duration;
        }
    }

    fn after(text: &'static str) -> Option<SignedDuration> {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, "2026-11-21T10:00:00Z".parse().unwrap())
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        assert_eq!(after("10"), Some(SignedDuration::from_secs(10)));
        assert_eq!(after("2.128"), Some(SignedDuration::from_millis(2_128)));
        assert_eq!(after("0.249"), Some(SignedDuration::from_millis(249)));
        assert_eq!(after("Sat, 21 Nov 2026 10:00:07 GMT"), Some(SignedDuration::from_secs(7)));
        assert_eq!(after("Sat, 21 Nov 2026 09:00:00 GMT"), Some(SignedDuration::ZERO));
        assert_eq!(after("-5"), Some(SignedDuration::ZERO));
        for text in ["soon", "", "NaN", "inf", "1e300"] {
            assert_eq!(after(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn tries_and_time_are_both_bounded() {
        let clock = Still(Mutex::new(Timestamp::UNIX_EPOCH));
        let mut patience = Patience::new(&clock, Limits::GRAPH);
        let mut tries = 1;
        while patience.wait(Some(SignedDuration::from_secs(1))).await {
            tries += 1;
        }
        assert_eq!(tries, 5);

        let mut patience = Patience::new(&clock, Limits::GRAPH);
        assert!(patience.wait(Some(SignedDuration::from_secs(20))).await);
        assert!(!patience.wait(Some(SignedDuration::from_secs(6))).await, "26 s in all");
        assert_eq!(patience.timeout(), Duration::from_secs(10));
    }

    #[tokio::test]
    async fn waits_that_nobody_named_grow_but_stay_within_bounds() {
        let clock = Still(Mutex::new(Timestamp::UNIX_EPOCH));
        let mut patience = Patience::new(&clock, Limits::GRAPH);
        while patience.wait(None).await {}
        assert!(clock.now() <= Timestamp::from_second(1 + 2 + 4 + 8).unwrap());
    }
}
