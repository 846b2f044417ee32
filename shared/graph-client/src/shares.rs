//! Bulk reads ask before they read: a share of Graph's limits that all processes have together.

use std::collections::HashMap;

use contact_sync_domain::graph_budget::GRANT;
use contact_sync_domain::id::TenantId;
use contact_sync_engine::port::{
    Clock, DirectoryError, Grant, GraphBudget, Lane, LimitOf, StoreError,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::call::Call;
use crate::client::GraphClient;
use crate::credential::CredentialSource;
use crate::patience::Patience;
use crate::transport::Answer;

/// So many units of a tenant's limit a process spends without asking: a directory of some 15,000
/// people is read in fewer, and a thousand such tenants at once come to a seventh of the
/// application's limit.
const UNASKED: u64 = 20;

/// What was granted is not kept longer: others may have been told to wait since.
const KEPT: SignedDuration = SignedDuration::from_secs(20);

/// How long bulk reads wait after a refusal that does not say.
const UNTOLD: SignedDuration = SignedDuration::from_secs(10);

/// How long one refusal holds all bulk reads at most.
const LONGEST_HOLD: SignedDuration = SignedDuration::from_mins(10);

/// From this part of a limit on, bulk reads leave the rest to whoever cannot wait.
const NEARLY_USED: f64 = 0.9;

/// A limit of ten seconds has a fifth of itself back after two.
const RELIEF: SignedDuration = SignedDuration::from_secs(2);

/// The budget of a process that reads no whole directory on its own account: it asks nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unshared;

impl GraphBudget for Unshared {
    async fn take(&self, _: &TenantId, _: u32, _: Timestamp) -> Result<Grant, StoreError> {
        Ok(Grant::Granted)
    }

    async fn hold(&self, _: LimitOf<'_>, _: Timestamp, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What is left of the shares that this process took, or need not ask for, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<HashMap<TenantId, Share>>);

#[derive(Debug, Clone, Copy)]
struct Share {
    left: u64,
    until: Timestamp,
}

impl Shares {
    async fn spend(&self, tenant: &TenantId, now: Timestamp) -> bool {
        let mut shares = self.0.lock().await;
        let unasked = Share { left: UNASKED, until: now + KEPT };
        let share = shares.entry(tenant.clone()).or_insert(unasked);
        if now >= share.until {
            *share = unasked;
        }
        let is_there = share.left > 0;
        share.left = share.left.saturating_sub(1);
        is_there
    }

    async fn spend_more(&self, tenant: &TenantId, units: u64) {
        if let Some(share) = self.0.lock().await.get_mut(tenant) {
            share.left = share.left.saturating_sub(units);
        }
    }

    async fn add(&self, tenant: &TenantId, now: Timestamp) {
        let share = Share { left: u64::from(GRANT) - 1, until: now + KEPT };
        self.0.lock().await.insert(tenant.clone(), share);
    }

    /// From now on it is asked before each read: somebody was told to wait.
    async fn drop_rest(&self, tenant: &TenantId, until: Timestamp) {
        let nothing = Share { left: 0, until };
        self.0.lock().await.insert(tenant.clone(), nothing);
    }
}

impl<S: CredentialSource, C: Clock, B: GraphBudget> GraphClient<S, C, B> {
    /// Waits until a bulk read may be sent; everything else may at once. A budget that does not
    /// answer stops nobody.
    pub(crate) async fn wait_for_share(
        &self,
        tenant: &TenantId,
        call: &Call,
        patience: &Patience<'_, C>,
    ) -> Result<(), DirectoryError> {
        if call.lane != Lane::Bulk {
            return Ok(());
        }
        loop {
            let now = self.clock.now();
            if self.shares.spend(tenant, now).await {
                return Ok(());
            }
            let until = match self.budget.take(tenant, GRANT, now).await {
                Ok(Grant::Wait(until)) => until,
                Ok(Grant::Granted) => {
                    self.shares.add(tenant, now).await;
                    return Ok(());
                }
                Err(error) => {
                    tracing::info!(tenant.id = %tenant, %error, "the budget of bulk reads does not answer");
                    self.shares.add(tenant, now).await;
                    return Ok(());
                }
            };
            let wait = until.duration_since(now).max(SignedDuration::from_millis(1));
            tracing::info!(
                tenant.id = %tenant,
                graph.budget_wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
                "bulk reads wait for their share of Graph's limits"
            );
            if !patience.sleep(wait).await {
                return Err(DirectoryError::Throttled { retry_after: Some(wait) });
            }
        }
    }

    /// What a bulk read cost beyond the unit that was taken for it.
    pub(crate) async fn spend_rest(&self, tenant: &TenantId, call: &Call, units: u64) {
        if call.lane == Lane::Bulk && units > 1 {
            self.shares.spend_more(tenant, units - 1).await;
        }
    }

    /// Graph refused for now: no process goes on with bulk reads within that limit.
    pub(crate) async fn hold_refused(
        &self,
        tenant: &TenantId,
        answer: &Answer,
        retry_after: Option<SignedDuration>,
    ) {
        let of_app = answer
            .header("x-ms-throttle-scope")
            .is_some_and(|scope| scope.trim_start().starts_with("Application/"));
        let limit = if of_app { LimitOf::App } else { LimitOf::Tenant(tenant) };
        self.hold(tenant, limit, retry_after.unwrap_or(UNTOLD).min(LONGEST_HOLD)).await;
    }

    /// A limit is nearly used: what is left of it is for whoever cannot wait.
    pub(crate) async fn hold_at_pressure(&self, tenant: &TenantId, used: f64) {
        if used >= NEARLY_USED {
            self.hold(tenant, LimitOf::Tenant(tenant), RELIEF).await;
        }
    }

    async fn hold(&self, tenant: &TenantId, limit: LimitOf<'_>, wait: SignedDuration) {
        let now = self.clock.now();
        self.shares.drop_rest(tenant, now + wait.max(KEPT)).await;
        if let Err(error) = self.budget.hold(limit, now + wait, now).await {
            tracing::info!(tenant.id = %tenant, %error, "the budget of bulk reads does not answer");
        }
    }
}
