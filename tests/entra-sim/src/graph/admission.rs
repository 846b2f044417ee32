//! Who calls, what the call costs, and which budgets it spends.

use http::Method;
use jiff::Timestamp;

use super::cost;
use super::errors::GraphError;
use super::route::Route;
use super::surroundings::Surrounding;
use super::token::{self, AccessClaims};
use crate::exchange::Incoming;
use crate::settings::ThrottlingSettings;
use crate::simulation::Sim;
use crate::throttle::Budget;

/// Who calls, the cost, and the share of the budget spent.
pub(super) type Admission = Result<(AccessClaims, f64, f64), (GraphError, f64)>;

/// Verifies the token and charges the request.
pub(super) fn admit(sim: &Sim, incoming: &Incoming, route: &Route, now: Timestamp) -> Admission {
    let mut world = sim.world();
    let claims = token::authenticate(&world, incoming, now).map_err(|error| (error, 0.0))?;
    let settings = world.settings.throttling.clone();
    let units = match route {
        Route::UsersDelta | Route::GroupsDelta => settings.delta_page_units,
        _ => cost::units(route, incoming),
    };
    let of_tenant = world.tenant(claims.tid).map_or(0.0, crate::tenants::Tenant::throttle_budget);
    let mut used: f64 = 0.0;
    let mut refusal = None;
    for (budget, amount, limit) in budgets(route, incoming, &claims, units, of_tenant, &settings) {
        let is_units = matches!(budget, Budget::Units { .. });
        let scope = budget.scope(claims.appid, claims.tid);
        let charge = world.throttle.charge(budget, amount, limit, now);
        if is_units {
            used = charge.used;
        }
        if let (Some(wait), true, None) = (charge.wait, settings.enabled, &refusal) {
            let form = settings.retry_after;
            let throttled = GraphError::throttled(scope, wait, form, charge.used, now);
            refusal = Some(throttled);
        }
    }
    match refusal {
        Some(error) => Err((error, units)),
        None => Ok((claims, units, used)),
    }
}

/// Budgets with what is spent of each and its limit.
fn budgets(
    route: &Route,
    incoming: &Incoming,
    claims: &AccessClaims,
    units: f64,
    of_tenant: f64,
    settings: &ThrottlingSettings,
) -> Vec<(Budget, f64, f64)> {
    let (app, tenant) = (claims.appid, claims.tid);
    let mut budgets = vec![(Budget::AppRequests { app }, 1.0, settings.app_requests)];
    if units > 0.0 {
        budgets.push((Budget::Units { app, tenant }, units, of_tenant * settings.scale));
        budgets.push((Budget::AppUnits { app }, units, settings.app_units));
    }
    let own = match route {
        Route::Around(Surrounding::Registrations | Surrounding::Registration(_)) => {
            Some((Budget::Reports { app, tenant }, settings.reports))
        }
        Route::Around(
            Surrounding::ManagedDevices
            | Surrounding::ManagedDevice(_)
            | Surrounding::UserManagedDevices(_),
        ) => Some((Budget::Intune { app, tenant }, settings.intune)),
        Route::Around(
            Surrounding::MailboxSettings(user)
            | Surrounding::CalendarView(user)
            | Surrounding::CalendarDelta(user),
        ) => Some((Budget::Mailbox { app, mailbox: user.to_lowercase() }, settings.mailbox)),
        Route::Subscriptions | Route::Subscription(_) | Route::Reauthorize(_) => {
            Some(if incoming.method == Method::GET {
                (Budget::SubscriptionReads { app, tenant }, settings.subscription_reads)
            } else {
                (Budget::SubscriptionWrites { app, tenant }, settings.subscription_writes)
            })
        }
        _ => None,
    };
    budgets.extend(own.map(|(budget, limit)| (budget, 1.0, limit)));
    budgets
}
