//! Accounts, connections, settings and consent.

use contact_sync_domain::account::Account;
use contact_sync_domain::audit::AuditChain;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId, NoticeId, RunId};
use contact_sync_domain::sync_state::SyncState;
use jiff::Timestamp;

use super::{MemoryStore, World, page, unreadable};
use crate::consent::ATTEMPTS;
use crate::port::{
    AccountStore, ConnectionStore, ConsentAttempt, ConsentInvitation, ConsentStore, SettingsStore,
    SettingsVersion, StoreError,
};

impl AccountStore for MemoryStore {
    async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let is_taken =
            world.accounts.values().any(|other| other.external_id == account.external_id);
        if !is_taken {
            world.accounts.insert(account.id.clone(), account.clone());
        }
        Ok(!is_taken)
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.up()?.accounts.get(id).cloned())
    }

    async fn update_account(&self, account: &Account) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let standing = world.accounts.get(&account.id).map(|standing| standing.version + 1);
        let holds = standing == Some(account.version);
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
        world.teams.retain(|_, team| team.account_id != account.id);
        world.connections.retain(|_, connection| connection.account_id != account.id);
        world.states.retain(|_, state| state.account_id != account.id);
        world.tenants.retain(|_, claim| claim.account_id != account.id);
        world.forget_grants(&account.id);
        world.runs.retain(|_, run| run.account_id != account.id);
        let chain = AuditChain::Account(account.id.clone());
        world.audit.remove(&chain);
        world.audit_heads.remove(&chain);
        world.receipts.retain(|(of, _), _| *of != account.id);
        world.photo_lanes.retain(|_, lane| lane.account_id != account.id);
        let World { connections, noticed, .. } = &mut *world;
        noticed.retain(|(of, _), _| connections.contains_key(of));
        let own: Vec<NoticeId> = world
            .notices
            .extract_if(.., |_, notice| notice.account_id == account.id)
            .map(|(id, _)| id)
            .collect();
        world.mailed.retain(|(of, _), _| !own.contains(of));
        world.welcome_templates.remove(&account.id);
        world.welcomes.retain(|(of, _), _| *of != account.id);
        world.welcomed_addresses.retain(|(of, _), _| *of != account.id);
        world.events.retain(|event| event.account_id != account.id);
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
        let world = self.up()?;
        if world.unreadable_connections.contains(id) {
            return Err(unreadable(format!("connection {id}")));
        }
        let found = world.connections.get(id).cloned();
        Ok(found.filter(|connection| connection.account_id == *account))
    }

    async fn update_connection(&self, next: &Connection) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        if world.loses_race() {
            return Ok(false);
        }
        let interference = world.interference.pop();
        let Some(standing) = world.connections.get_mut(&next.id) else { return Ok(false) };
        if let Some(interfere) = interference {
            interfere(standing);
            standing.version += 1;
        }
        let holds = standing.version + 1 == next.version;
        if holds {
            *standing = next.clone();
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
        world.states.remove(id);
        world.settings.remove(id);
        purge_work(&mut world, id);
        Ok(())
    }

    async fn move_connection(
        &self,
        from: &Connection,
        to: &Connection,
    ) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let standing = world.connections.get(&from.id).map(|standing| standing.version);
        if world.loses_race() || standing != Some(from.version) {
            return Ok(false);
        }
        let fence = world.states.get(&to.id).map_or(0, |state| state.fence + 1);
        let state = SyncState { fence, ..SyncState::new(to.account_id.clone(), to.id.clone()) };
        world.states.insert(to.id.clone(), state);
        world.connections.insert(to.id.clone(), to.clone());
        for version in world.settings.get_mut(&to.id).into_iter().flatten() {
            *version = version.clone().carried();
        }
        purge_work(&mut world, &to.id);
        Ok(true)
    }
}

/// What a connection's runs left, and what people were asked and decided.
fn purge_work(world: &mut World, id: &ConnectionId) {
    world.runs.retain(|_, run| run.connection_id != *id);
    world.pending.retain(|(of, _, _, _), _| of != id);
    world.plan_states.remove(id);
    world.reviews.retain(|(of, _, _), _| of != id);
    world.noticed.retain(|(of, _), _| of != id);
    world.decisions.remove(id);
    world.drafts.retain(|(of, _), _| of != id);
    world.photo_lanes.remove(id);
}

impl SettingsStore for MemoryStore {
    async fn settings(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
    ) -> Result<SettingsVersion, StoreError> {
        let world = self.up()?;
        let current = world.settings.get(connection).and_then(|versions| versions.last());
        Ok(current.cloned().unwrap_or_else(SettingsVersion::never_saved))
    }

    async fn settings_version(
        &self,
        _: &AccountId,
        connection: &ConnectionId,
        version: u64,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        if version == 0 {
            return Ok(Some(SettingsVersion::never_saved()));
        }
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

    async fn put_draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        draft: &SettingsVersion,
        _: Timestamp,
    ) -> Result<(), StoreError> {
        self.up()?.drafts.insert((connection.clone(), run.clone()), draft.clone());
        Ok(())
    }

    async fn draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        Ok(self.up()?.drafts.get(&(connection.clone(), run.clone())).cloned())
    }
}

impl ConsentStore for MemoryStore {
    async fn put_invitation(&self, invitation: &ConsentInvitation) -> Result<(), StoreError> {
        let key = invitation.token_hash.clone();
        self.up()?.invitations.insert(key, invitation.clone());
        Ok(())
    }

    async fn invitation(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentInvitation>, StoreError> {
        let found = self.up()?.invitations.get(token_hash).cloned();
        Ok(found.filter(|invitation| invitation.expires_at > now))
    }

    async fn start_attempt(
        &self,
        attempt: &ConsentAttempt,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let Some(invitation) = world.invitations.get_mut(&attempt.token_hash) else {
            return Ok(false);
        };
        if invitation.expires_at <= now || invitation.attempts >= ATTEMPTS {
            return Ok(false);
        }
        invitation.attempts += 1;
        world.attempts.insert(attempt.state_hash.clone(), attempt.clone());
        Ok(true)
    }

    async fn consume_attempt(
        &self,
        state_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentAttempt>, StoreError> {
        let taken = self.up()?.attempts.remove(state_hash);
        Ok(taken.filter(|attempt| attempt.expires_at > now))
    }

    async fn put_attempt(&self, attempt: &ConsentAttempt) -> Result<(), StoreError> {
        self.up()?.attempts.insert(attempt.state_hash.clone(), attempt.clone());
        Ok(())
    }

    async fn delete_invitation(&self, token_hash: &str) -> Result<(), StoreError> {
        self.up()?.invitations.remove(token_hash);
        Ok(())
    }
}
