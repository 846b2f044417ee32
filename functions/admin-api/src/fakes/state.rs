//! Accounts, connections, settings, runs and keyed requests.

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId, SubscriptionKey, TenantId};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use contact_sync_domain::settings::Settings;
use contact_sync_domain::subscription::{SubscribedResource, Subscription};
use contact_sync_domain::sync_state::{Handover, QueuedRun, SyncState, Work};
use contact_sync_engine::port::{
    AccountStore, ConnectionStore, ConsentAttempt, ConsentInvitation, ConsentStore,
    IdempotencyStore, KeyedRequest, PendingItem, PendingKind, PendingStore, Release, RunPage,
    RunStore, SegmentRef, SegmentStore, SettingsStore, SettingsVersion, StoreError,
    SubscriptionStore, SyncStateStore, Taken, TenantClaim,
};
use jiff::Timestamp;

use super::MemoryStore;

/// A page of a list by position; the cursor is the position.
pub(super) fn page<T>(
    items: Vec<T>,
    cursor: Option<&str>,
    limit: u16,
) -> Option<(Vec<T>, Option<String>)> {
    let start: usize = cursor.map_or(Some(0), |cursor| cursor.parse().ok())?;
    let end = start + usize::from(limit);
    let next = (end < items.len()).then(|| end.to_string());
    Some((items.into_iter().skip(start).take(usize::from(limit)).collect(), next))
}

impl AccountStore for MemoryStore {
    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let taken = world.accounts.values().any(|other| other.external_id == account.external_id);
        if !taken {
            world.accounts.insert(account.id.clone(), account.clone());
        }
        Ok(!taken)
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.up()?.accounts.get(id).cloned())
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let standing = world.accounts.get(&account.id).map(|standing| standing.version);
        let holds = standing == Some(account.version - 1);
        if holds {
            world.accounts.insert(account.id.clone(), account.clone());
        }
        Ok(holds)
    }

    async fn accounts(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<(Vec<Account>, Option<String>)>, StoreError> {
        Ok(page(self.up()?.accounts.values().cloned().collect(), cursor, limit))
    }

    async fn erase_account_state(&self, account: &Account) -> Result<(), StoreError> {
        let mut world = self.up()?;
        world.accounts.remove(&account.id);
        world.connections.retain(|_, connection| connection.account_id != account.id);
        Ok(())
    }
}

impl ConnectionStore for MemoryStore {
    async fn create_connection(&self, connection: &Connection) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let state = SyncState::new(connection.account_id.clone(), connection.id.clone());
        world.states.insert(connection.id.clone(), state);
        world.connections.insert(connection.id.clone(), connection.clone());
        Ok(())
    }

    async fn connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let found = self.up()?.connections.get(id).cloned();
        Ok(found.filter(|connection| connection.account_id == *account))
    }

    async fn update_connection(&self, connection: &Connection) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let standing = world.connections.get(&connection.id).map(|standing| standing.version);
        let holds = standing == Some(connection.version - 1);
        if holds {
            world.connections.insert(connection.id.clone(), connection.clone());
        }
        Ok(holds)
    }

    async fn connections(&self, account: &AccountId) -> Result<Vec<Connection>, StoreError> {
        let world = self.up()?;
        let own = world.connections.values().filter(|other| other.account_id == *account);
        Ok(own.cloned().collect())
    }

    async fn delete_connection(&self, _: &AccountId, id: &ConnectionId) -> Result<(), StoreError> {
        let mut world = self.up()?;
        world.connections.remove(id);
        world.settings.remove(id);
        Ok(())
    }

    async fn claim_tenant(
        &self,
        claim: &TenantClaim,
    ) -> Result<Result<(), TenantClaim>, StoreError> {
        self.up()?.tenants.insert(claim.tenant_id.clone(), claim.clone());
        Ok(Ok(()))
    }

    async fn tenant_claim(&self, tenant: &TenantId) -> Result<Option<TenantClaim>, StoreError> {
        Ok(self.up()?.tenants.get(tenant).cloned())
    }

    async fn release_tenant(&self, claim: &TenantClaim) -> Result<(), StoreError> {
        self.up()?.tenants.remove(&claim.tenant_id);
        Ok(())
    }
}

impl SettingsStore for MemoryStore {
    async fn settings(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<SettingsVersion, StoreError> {
        let world = self.up()?;
        let current = world.settings.get(connection).and_then(|versions| versions.last());
        Ok(current.cloned().unwrap_or_else(|| SettingsVersion {
            version: 0,
            settings: Settings::default(),
            saved_by: None,
            saved_at: None,
        }))
    }

    async fn settings_version(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
        version: u64,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        let world = self.up()?;
        let mut versions = world.settings.get(connection).into_iter().flatten();
        Ok(versions.find(|other| other.version == version).cloned())
    }

    async fn save_settings(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        next: &SettingsVersion,
    ) -> Result<bool, StoreError> {
        let current = self.settings(account, connection).await?.version;
        let mut world = self.up()?;
        if world.loses_race() || current + 1 != next.version {
            return Ok(false);
        }
        world.settings.entry(connection.clone()).or_default().push(next.clone());
        Ok(true)
    }
}

impl ConsentStore for MemoryStore {
    async fn put_invitation(&self, invitation: &ConsentInvitation) -> Result<(), StoreError> {
        self.up()?.invitations.push(invitation.clone());
        Ok(())
    }
    async fn invitation(
        &self,
        _: &str,
        _: Timestamp,
    ) -> Result<Option<ConsentInvitation>, StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn start_attempt(&self, _: &ConsentAttempt, _: Timestamp) -> Result<bool, StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn consume_attempt(
        &self,
        _: &str,
        _: Timestamp,
    ) -> Result<Option<ConsentAttempt>, StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn put_attempt(&self, _: &ConsentAttempt) -> Result<(), StoreError> {
        unimplemented!("consent is another function's")
    }
    async fn delete_invitation(&self, _: &str) -> Result<(), StoreError> {
        unimplemented!("consent is another function's")
    }
}

impl SubscriptionStore for MemoryStore {
    async fn subscription(&self, _: &SubscriptionKey) -> Result<Option<Subscription>, StoreError> {
        unimplemented!("renewal is another function's")
    }

    async fn tenant_subscription(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
    ) -> Result<Option<Subscription>, StoreError> {
        let world = self.up()?;
        let mut all = world.subscriptions.iter();
        Ok(all.find(|one| one.tenant_id == *tenant && one.resource == resource).cloned())
    }

    async fn put_subscription(&self, subscription: &Subscription) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let standing = world.subscriptions.iter_mut().find(|one| one.key == subscription.key);
        Ok(match standing {
            Some(standing) if standing.version + 1 == subscription.version => {
                *standing = subscription.clone();
                true
            }
            Some(_) | None => false,
        })
    }

    async fn delete_subscription(&self, subscription: &Subscription) -> Result<(), StoreError> {
        self.up()?.subscriptions.retain(|one| one.key != subscription.key);
        Ok(())
    }

    async fn subscriptions(
        &self,
        _: u8,
        _: Option<&str>,
    ) -> Result<(Vec<Subscription>, Option<String>), StoreError> {
        unimplemented!("renewal is another function's")
    }
}

impl SyncStateStore for MemoryStore {
    async fn sync_state(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<SyncState>, StoreError> {
        Ok(self.up()?.states.get(connection).cloned())
    }

    async fn enqueue(&self, run: &Run) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let (run_id, kind, trigger) = (run.id.clone(), run.kind, run.trigger);
        if let Some(state) = world.states.get_mut(&run.connection_id) {
            state.queue.push(QueuedRun { run_id, kind, trigger });
        }
        world.runs.insert(run.id.clone(), run.clone());
        Ok(())
    }

    async fn reset_sync_state(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let fence = world.states.get(connection).map_or(0, |state| state.fence);
        let mut fresh = SyncState::new(account.clone(), connection.clone());
        fresh.fence = fence + 1;
        world.states.insert(connection.clone(), fresh);
        Ok(())
    }

    async fn take(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: &str,
        _: Timestamp,
        _: Timestamp,
    ) -> Result<Option<Taken>, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn checkpoint(
        &self,
        _: &SyncState,
        _: &Work,
        _: Timestamp,
        _: Option<&RunId>,
    ) -> Result<Option<SyncState>, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn release(
        &self,
        _: &SyncState,
        _: &Work,
        _: Option<&Handover>,
        _: Timestamp,
    ) -> Result<Release, StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn hint(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: Timestamp,
    ) -> Result<Option<SyncState>, StoreError> {
        unimplemented!("hints are another function's")
    }
    async fn sync_states(
        &self,
        _: u8,
        _: Option<&str>,
    ) -> Result<(Vec<SyncState>, Option<String>), StoreError> {
        unimplemented!("sweeping is another function's")
    }
}

impl RunStore for MemoryStore {
    async fn run(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        id: &RunId,
    ) -> Result<Option<Run>, StoreError> {
        let found = self.up()?.runs.get(id).cloned();
        Ok(found.filter(|run| run.account_id == *account && run.connection_id == *connection))
    }

    async fn put_run(&self, run: &Run) -> Result<bool, StoreError> {
        self.up()?.runs.insert(run.id.clone(), run.clone());
        Ok(true)
    }

    async fn mark_report_ready(&self, _: &Run) -> Result<bool, StoreError> {
        unimplemented!("reports are another function's")
    }

    async fn runs(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<RunPage>, StoreError> {
        let world = self.up()?;
        let own = world
            .runs
            .values()
            .rev()
            .filter(|run| run.account_id == *account && run.connection_id == *connection);
        let page = page(own.cloned().collect(), cursor, limit);
        Ok(page.map(|(runs, cursor)| RunPage { runs, cursor }))
    }
}

impl SegmentStore for MemoryStore {
    async fn put_segment(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
        segment: SegmentRef,
    ) -> Result<SegmentRef, StoreError> {
        self.up()?.segments.insert((run.clone(), page), segment.clone());
        Ok(segment)
    }

    async fn segment(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Option<SegmentRef>, StoreError> {
        Ok(self.up()?.segments.get(&(run.clone(), page)).cloned())
    }

    async fn put_deviations(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
        deviations: &[Deviation],
    ) -> Result<(), StoreError> {
        self.up()?.deviations.insert((run.clone(), page), deviations.to_vec());
        Ok(())
    }

    async fn deviations(
        &self,
        _: &ConnectionId,
        run: &RunId,
        page: u32,
    ) -> Result<Vec<Deviation>, StoreError> {
        Ok(self.up()?.deviations.get(&(run.clone(), page)).cloned().unwrap_or_default())
    }
}

impl PendingStore for MemoryStore {
    async fn put_pending(
        &self,
        _: &ConnectionId,
        _: PendingKind,
        _: &[PendingItem],
    ) -> Result<(), StoreError> {
        unimplemented!("syncing is another function's")
    }
    async fn pending(
        &self,
        _: &ConnectionId,
        _: PendingKind,
    ) -> Result<Vec<PendingItem>, StoreError> {
        Ok(Vec::new())
    }
    async fn delete_pending(
        &self,
        _: &ConnectionId,
        _: PendingKind,
        _: &[String],
    ) -> Result<(), StoreError> {
        Ok(())
    }
}

impl IdempotencyStore for MemoryStore {
    async fn begin_keyed(
        &self,
        request: &KeyedRequest,
        now: Timestamp,
    ) -> Result<Option<KeyedRequest>, StoreError> {
        let mut world = self.up()?;
        if let Some(standing) = world.keyed.get(&request.key_hash) {
            let is_same = standing.request_hash == request.request_hash;
            let is_over = standing.answer.is_none() && is_same && standing.busy_until <= now;
            if standing.expires_at > now && !is_over {
                return Ok(Some(standing.clone()));
            }
        }
        world.keyed.insert(request.key_hash.clone(), request.clone());
        Ok(None)
    }

    async fn finish_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.up()?.keyed.insert(request.key_hash.clone(), request.clone());
        Ok(())
    }

    async fn forget_keyed(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        self.up()?.keyed.remove(&request.key_hash);
        Ok(())
    }
}
