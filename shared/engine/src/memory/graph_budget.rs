//! What bulk reads may ask of Graph, shared by all who hold a clone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use contact_sync_domain::graph_budget::{ACTIVE, Allowance};
use contact_sync_domain::id::TenantId;
use jiff::Timestamp;

use super::locked;
use crate::port::{Grant, GraphBudget, LimitOf, StoreError};

/// A budget in memory: each clone is another process that draws from it.
#[derive(Debug, Clone, Default)]
pub struct MemoryBudget(Arc<Mutex<Buckets>>);

#[derive(Debug, Default)]
struct Buckets {
    app: Bucket,
    tenants: BTreeMap<TenantId, Bucket>,
    /// When each tenant was read last.
    readers: BTreeMap<TenantId, Timestamp>,
}

#[derive(Debug, Default)]
struct Bucket {
    full_at: Option<Timestamp>,
    held_until: Option<Timestamp>,
}

impl Bucket {
    fn draw(&mut self, allowance: Allowance, units: u32, now: Timestamp) -> Grant {
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now));
        let filling = Some(allowance.has_again(units, full_at)).filter(|again| *again > now);
        let held = self.held_until.filter(|until| *until > now);
        if let Some(until) = held.max(filling) {
            return Grant::Wait(until);
        }
        self.full_at = Some(full_at + allowance.worth(units));
        Grant::Granted
    }
}

impl GraphBudget for MemoryBudget {
    async fn take(
        &self,
        tenant: &TenantId,
        units: u32,
        now: Timestamp,
    ) -> Result<Grant, StoreError> {
        let mut buckets = locked(&self.0);
        if let Grant::Wait(until) = buckets.app.draw(Allowance::APP, units, now) {
            return Ok(Grant::Wait(until));
        }
        buckets.readers.insert(tenant.clone(), now);
        let is_reading = |taken_at: &&Timestamp| now.duration_since(**taken_at) <= ACTIVE;
        let own = Allowance::of_tenant(buckets.readers.values().filter(is_reading).count());
        Ok(buckets.tenants.entry(tenant.clone()).or_default().draw(own, units, now))
    }

    async fn hold(
        &self,
        limit: LimitOf<'_>,
        until: Timestamp,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        let mut buckets = locked(&self.0);
        let bucket = match limit {
            LimitOf::App => &mut buckets.app,
            LimitOf::Tenant(tenant) => buckets.tenants.entry(tenant.clone()).or_default(),
        };
        bucket.held_until = bucket.held_until.max(Some(until));
        Ok(())
    }
}

/// As the store's conformance tests have it.
#[cfg(test)]
mod tests {
    use contact_sync_domain::graph_budget::GRANT;
    use jiff::SignedDuration;

    use super::*;

    #[tokio::test]
    async fn two_processes_have_one_share_of_a_tenant_together() {
        let budget = MemoryBudget::default();
        let processes = [budget.clone(), budget];
        let (tenant, now) = (TenantId::from_u128(1), Timestamp::UNIX_EPOCH);
        let mut granted = 0;
        let until = loop {
            match processes[granted % 2].take(&tenant, GRANT, now).await.unwrap() {
                Grant::Granted => granted += 1,
                Grant::Wait(until) => break until,
            }
        };
        assert_eq!(granted, 49, "2,450 units in portions of fifty");
        let early = (now + Allowance::TENANT.worth(GRANT)).duration_since(until);
        assert!(early.abs() < SignedDuration::from_millis(1), "when one portion is there again");
        for process in &processes {
            assert_eq!(process.take(&tenant, GRANT, now).await.unwrap(), Grant::Wait(until));
        }
        assert_eq!(processes[0].take(&tenant, GRANT, until).await.unwrap(), Grant::Granted);
        assert!(matches!(processes[1].take(&tenant, GRANT, until).await.unwrap(), Grant::Wait(_)));
        let other = TenantId::from_u128(2);
        assert_eq!(processes[1].take(&other, GRANT, now).await.unwrap(), Grant::Granted);
    }

    #[tokio::test]
    async fn what_is_held_for_one_process_is_held_for_all() {
        let budget = MemoryBudget::default();
        let (held, free) = (TenantId::from_u128(1), TenantId::from_u128(2));
        let now = Timestamp::UNIX_EPOCH;
        let (soon, later) =
            (now + SignedDuration::from_secs(30), now + SignedDuration::from_secs(90));
        budget.hold(LimitOf::Tenant(&held), later, now).await.unwrap();
        budget.hold(LimitOf::Tenant(&held), soon, now).await.unwrap();
        let other = budget.clone();
        assert_eq!(other.take(&held, GRANT, now).await.unwrap(), Grant::Wait(later));
        assert_eq!(other.take(&free, GRANT, now).await.unwrap(), Grant::Granted);
        budget.hold(LimitOf::App, soon, now).await.unwrap();
        assert_eq!(other.take(&free, GRANT, now).await.unwrap(), Grant::Wait(soon));
    }
}
