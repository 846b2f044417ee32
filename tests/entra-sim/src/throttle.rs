//! Throttling by resource units: a budget per app and tenant in windows of ten seconds.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Length of a budget window.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);

/// What each app has spent in each tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle {
    spent: HashMap<(Uuid, Uuid), Window>,
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
        app: Uuid,
        tenant: Uuid,
        units: f64,
        budget: f64,
        now: Timestamp,
    ) -> Charge {
        let window = self.spent.entry((app, tenant)).or_insert(Window { since: now, units: 0.0 });
        let elapsed = now.duration_since(window.since);
        if elapsed >= WINDOW || elapsed.is_negative() {
            // What was overspent is carried into the next window.
            let carried = (window.units - budget).clamp(0.0, budget);
            let carried = if elapsed >= WINDOW.saturating_mul(2) { 0.0 } else { carried };
            *window = Window { since: now, units: carried };
        }
        window.units += units;
        let used = window.units / budget.max(1.0);
        let left = WINDOW.saturating_sub(now.duration_since(window.since));
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
        let start = Timestamp::UNIX_EPOCH;
        assert_eq!(throttle.charge(app, tenant, 100.0, 100.0, start).wait, None);
        assert!(throttle.charge(app, tenant, 1.0, 100.0, start).wait.is_some());
        assert_eq!(throttle.charge(app, Uuid::nil(), 1.0, 100.0, start).wait, None);
        let later = shifted(start, SignedDuration::from_secs(10));
        assert_eq!(throttle.charge(app, tenant, 1.0, 100.0, later).wait, None);
    }
}
