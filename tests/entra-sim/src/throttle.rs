//! Throttling: token buckets, per app, tenant or mailbox as the service has them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Whose budget a request spends. Each is so much in the time that is named: an empty bucket is full
/// again after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Budget {
    /// Resource units of an app in a tenant, in ten seconds.
    Units { app: Uuid, tenant: Uuid },
    /// Resource units of an app over all tenants, in twenty seconds.
    AppUnits { app: Uuid },
    /// Requests of an app over all tenants, in ten seconds.
    AppRequests { app: Uuid },
    /// Requests for reports of an app in a tenant, in ten seconds.
    Reports { app: Uuid, tenant: Uuid },
    /// Requests to Intune of an app in a tenant, in twenty seconds.
    Intune { app: Uuid, tenant: Uuid },
    /// Requests for one mailbox, in ten minutes.
    Mailbox { app: Uuid, mailbox: String },
    /// Reads of subscriptions of an app in a tenant, in twenty seconds.
    SubscriptionReads { app: Uuid, tenant: Uuid },
    /// Writes of subscriptions of an app in a tenant, in twenty seconds.
    SubscriptionWrites { app: Uuid, tenant: Uuid },
}

impl Budget {
    /// How long an empty bucket takes to be full.
    fn fills_in(&self) -> SignedDuration {
        match self {
            Self::Units { .. } | Self::AppRequests { .. } | Self::Reports { .. } => {
                SignedDuration::from_secs(10)
            }
            Self::AppUnits { .. }
            | Self::Intune { .. }
            | Self::SubscriptionReads { .. }
            | Self::SubscriptionWrites { .. } => SignedDuration::from_secs(20),
            Self::Mailbox { .. } => SignedDuration::from_mins(10),
        }
    }

    /// As in `x-ms-throttle-scope`.
    pub(crate) fn scope(&self, app: Uuid, tenant: Uuid) -> String {
        match self {
            Self::AppUnits { .. } | Self::AppRequests { .. } => {
                format!("Application/ReadWrite/{app}")
            }
            Self::Mailbox { mailbox, .. } => format!("Application_Mailbox/Read/{app}/{mailbox}"),
            Self::Units { .. }
            | Self::Reports { .. }
            | Self::Intune { .. }
            | Self::SubscriptionReads { .. }
            | Self::SubscriptionWrites { .. } => {
                format!("Tenant_Application/ReadWrite/{app}/{tenant}")
            }
        }
    }
}

/// How far below empty a bucket goes, as a share of it: Graph tells of 1.8 times the limit at most.
const DEEPEST: f64 = 0.8;

/// Who waits as long as was told is served, whatever a division left over.
const ALMOST: f64 = 1.0 - 1e-9;

/// The buckets that were drawn from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle {
    buckets: HashMap<Budget, Bucket>,
}

/// What is left of a budget; it fills steadily up to its limit.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    at: Timestamp,
    /// Below zero while throttled requests prolong the wait.
    left: f64,
}

/// What a request finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Charge {
    /// Share of the budget spent with this request.
    pub(crate) used: f64,
    /// How long to wait if the budget is over: then there is enough for this request.
    pub(crate) wait: Option<SignedDuration>,
}

impl Throttle {
    /// Charges a request; throttled requests count too and so prolong the wait.
    pub(crate) fn charge(
        &mut self,
        budget: Budget,
        units: f64,
        limit: f64,
        now: Timestamp,
    ) -> Charge {
        let limit = limit.max(f64::MIN_POSITIVE);
        let a_second = limit / budget.fills_in().as_secs_f64();
        let bucket = self.buckets.entry(budget).or_insert(Bucket { at: now, left: limit });
        let elapsed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        let before = elapsed.mul_add(a_second, bucket.left).min(limit);
        // A full bucket serves even what asks for more than it ever holds.
        let is_served = before >= units.min(limit) * ALMOST;
        let left = (before - units).max(-DEEPEST * limit);
        *bucket = Bucket { at: now, left };
        let missing = (units.min(limit) - left) / a_second;
        let wait = SignedDuration::try_from_secs_f64(missing).unwrap_or(SignedDuration::MAX);
        Charge { used: (limit - left) / limit, wait: (!is_served).then_some(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::shifted;

    const APP: Uuid = Uuid::from_u128(1);
    const TENANT: Uuid = Uuid::from_u128(2);

    /// A hundred units in ten seconds.
    struct Tenant {
        throttle: Throttle,
        now: Timestamp,
    }

    impl Tenant {
        fn new() -> Self {
            Self { throttle: Throttle::default(), now: Timestamp::UNIX_EPOCH }
        }

        fn ask(&mut self, units: f64) -> Charge {
            let budget = Budget::Units { app: APP, tenant: TENANT };
            self.throttle.charge(budget, units, 100.0, self.now)
        }

        fn let_pass(&mut self, milliseconds: i64) {
            self.now = shifted(self.now, SignedDuration::from_millis(milliseconds));
        }
    }

    #[test]
    fn a_bucket_fills_steadily_and_never_over_its_limit() {
        let mut tenant = Tenant::new();
        assert_eq!(tenant.ask(100.0), Charge { used: 1.0, wait: None });
        tenant.let_pass(1_000);
        assert_eq!(tenant.ask(10.0).wait, None, "a tenth came back in a second");
        assert!(tenant.ask(1.0).wait.is_some(), "and no more");
        tenant.let_pass(3_600_000);
        assert_eq!(tenant.ask(100.0).wait, None);
        assert!(tenant.ask(1.0).wait.is_some(), "an hour's silence saves nothing up");
    }

    #[test]
    fn who_waits_as_told_is_served_and_who_does_not_waits_longer() {
        let mut tenant = Tenant::new();
        tenant.ask(100.0);
        // What was asked for counts too: ten for it, ten for the next try.
        assert_eq!(tenant.ask(10.0).wait, Some(SignedDuration::from_secs(2)));
        tenant.let_pass(2_000);
        assert_eq!(tenant.ask(10.0).wait, None);

        assert_eq!(tenant.ask(10.0).wait, Some(SignedDuration::from_secs(2)));
        tenant.let_pass(1_000);
        assert_eq!(tenant.ask(10.0).wait, Some(SignedDuration::from_secs(2)), "it asked too soon");
        for _ in 0..1_000 {
            tenant.ask(10.0);
        }
        let storm = tenant.ask(10.0);
        assert_eq!(storm.wait, Some(SignedDuration::from_secs(9)), "a storm ends all the same");
        assert!((storm.used - 1.8).abs() < 1e-9, "as far as Graph tells of it: {}", storm.used);
    }

    #[test]
    fn what_asks_for_more_than_the_bucket_holds_is_served_from_a_full_one() {
        let mut tenant = Tenant::new();
        assert_eq!(tenant.ask(500.0).wait, None);
        assert_eq!(tenant.ask(500.0).wait, Some(SignedDuration::from_secs(18)));
        tenant.let_pass(18_000);
        assert_eq!(tenant.ask(500.0).wait, None);
    }

    #[test]
    fn everybody_draws_from_a_bucket_of_their_own() {
        let mut tenant = Tenant::new();
        tenant.ask(100.0);
        let others = [
            Budget::Units { app: APP, tenant: Uuid::nil() },
            Budget::Units { app: Uuid::nil(), tenant: TENANT },
            Budget::Reports { app: APP, tenant: TENANT },
        ];
        for other in others {
            assert_eq!(tenant.throttle.charge(other, 1.0, 5.0, tenant.now).wait, None);
        }
    }
}
