//! One tenant for two accounts.

use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_engine::memory::World;
use contact_sync_engine::port::TenantClaim;

use super::harness::{account_id, connection_id, tenant};

/// A second account uses the same tenant, with the default settings; answers its connection.
pub(super) fn share_the_tenant(world: &mut World) -> (AccountId, ConnectionId) {
    let (account, connection) = (AccountId::from_bits(2), ConnectionId::from_bits(2));
    let mut other = world.connections[&connection_id()].clone();
    (other.id, other.account_id) = (connection.clone(), account.clone());
    world.connections.insert(connection.clone(), other);
    let ours = (account_id(), connection_id());
    for (account_id, connection_id) in [ours, (account.clone(), connection.clone())] {
        let key = (tenant(), account_id.clone());
        let claim = TenantClaim { tenant_id: tenant(), account_id, connection_id };
        world.granted_claims.insert(key, claim);
    }
    (account, connection)
}
