//! Throttling: budgets in fixed windows, per app, tenant or mailbox as the service has them.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Whose budget a request spends.
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
    fn window(&self) -> SignedDuration {
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

/// What has been spent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle {
    spent: HashMap<Budget, Window>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Timestamp,
    units: f64,
}

/// What a request finds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Charge {
    /// Share of the budget spent with this request.
    pub(crate) used: f64,
    /// How long to wait if the budget is over.
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
        let length = budget.window();
        let window = self.spent.entry(budget).or_insert(Window { since: now, units: 0.0 });
        let elapsed = now.duration_since(window.since);
        if elapsed >= length || elapsed.is_negative() {
            // What was overspent is carried into the next window.
            let carried = (window.units - limit).clamp(0.0, limit);
            let carried = if elapsed >= length.saturating_mul(2) { 0.0 } else { carried };
            *window = Window { since: now, units: carried };
        }
        window.units += units;
        let used = window.units / limit.max(1.0);
        let left = length.saturating_sub(now.duration_since(window.since));
        Charge { used, wait: (used > 1.0).then_some(left.max(SignedDuration::from_millis(250))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::shifted;

    #[test]
    fn a_spent_budget_throttles_until_the_window_ends() {
        let mut throttle = Throttle::default();
        let (app, tenant) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let budget = || Budget::Units { app, tenant };
        let start = Timestamp::UNIX_EPOCH;
        assert_eq!(throttle.charge(budget(), 100.0, 100.0, start).wait, None);
        assert!(throttle.charge(budget(), 1.0, 100.0, start).wait.is_some());
        let other = Budget::Units { app, tenant: Uuid::nil() };
        assert_eq!(throttle.charge(other, 1.0, 100.0, start).wait, None);
        let reports = Budget::Reports { app, tenant };
        assert_eq!(throttle.charge(reports, 1.0, 5.0, start).wait, None);
        let later = shifted(start, SignedDuration::from_secs(10));
        assert_eq!(throttle.charge(budget(), 1.0, 100.0, later).wait, None);
    }
}
