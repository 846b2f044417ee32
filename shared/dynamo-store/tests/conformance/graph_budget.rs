//! What bulk reads of all processes share of Graph's limits.

use contact_sync_domain::graph_budget::{Allowance, GRANT};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_engine::port::{Grant, GraphBudget, LimitOf};
use jiff::SignedDuration;

use crate::samples::at;
use crate::tables::Tables;

fn tenant(number: u128) -> TenantId {
    TenantId::parse(ObjectId::from_u128(number).as_str()).unwrap()
}

/// So many grants that a full bucket of a tenant gives at once.
const WHOLE: u32 = 2_450 / GRANT;

#[tokio::test]
async fn two_processes_have_one_share_of_a_tenant_together() {
    let tables = Tables::start().await;
    let (one, other) = (&tables.store, tables.store.clone());
    let (tenant, now) = (tenant(1), at(0));
    let mut granted = 0;
    let until = loop {
        let store = if granted % 2 == 0 { one } else { &other };
        match store.take(&tenant, GRANT, now).await.unwrap() {
            Grant::Granted => granted += 1,
            Grant::Wait(until) => break until,
        }
        assert!(granted <= WHOLE, "nothing ever runs out");
    };
    assert_eq!(granted, WHOLE);
    let again = now + Allowance::TENANT.worth(GRANT);
    let early = again.duration_since(until);
    assert!(early.abs() < SignedDuration::from_millis(1), "as soon as one grant is there again");
    assert_eq!(other.take(&tenant, GRANT, again).await.unwrap(), Grant::Granted);
    assert!(matches!(one.take(&tenant, GRANT, again).await.unwrap(), Grant::Wait(_)));
    let later = again + Allowance::TENANT.fills_in;
    assert_eq!(one.take(&tenant, GRANT, later).await.unwrap(), Grant::Granted);
}

#[tokio::test]
async fn a_large_tenant_leaves_the_small_ones_their_part() {
    let tables = Tables::start().await;
    let now = at(0);
    for number in 0..200 {
        let granted = tables.store.take(&tenant(number), 1, now).await.unwrap();
        assert_eq!(granted, Grant::Granted, "tenant {number}");
    }
    let mut granted = 0;
    while tables.store.take(&tenant(1), GRANT, now).await.unwrap() == Grant::Granted {
        granted += 1;
        assert!(granted < WHOLE, "among so many it has less than alone");
    }
    assert_eq!(tables.store.take(&tenant(500), GRANT, now).await.unwrap(), Grant::Granted);
}

#[tokio::test]
async fn what_graph_refused_one_process_no_other_asks_for() {
    let tables = Tables::start().await;
    let (now, until) = (at(0), at(90));
    let (held, free) = (tenant(1), tenant(2));
    tables.store.hold(LimitOf::Tenant(&held), until, now).await.unwrap();
    tables.store.hold(LimitOf::Tenant(&held), at(30), now).await.unwrap();
    assert_eq!(tables.store.take(&held, GRANT, now).await.unwrap(), Grant::Wait(until));
    assert_eq!(tables.store.take(&free, GRANT, now).await.unwrap(), Grant::Granted);
    assert_eq!(tables.store.take(&held, GRANT, until).await.unwrap(), Grant::Granted);
    let everybody = until + SignedDuration::from_secs(60);
    tables.store.hold(LimitOf::App, everybody, until).await.unwrap();
    let now = until + SignedDuration::from_secs(1);
    for tenant in [&held, &free] {
        let waits = tables.store.take(tenant, GRANT, now).await.unwrap();
        assert_eq!(waits, Grant::Wait(everybody));
    }
}
