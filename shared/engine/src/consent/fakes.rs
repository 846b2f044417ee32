//! The outside of consent and readiness, in memory.

mod directory;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use contact_sync_domain::settings::Settings;
use jiff::{SignedDuration, Timestamp};

pub(crate) use directory::FakeDirectory;

use crate::port::{
    AccountStore, Clock, ConnectionStore, ConsentAttempt, ConsentInvitation, ConsentStore,
    Identity, IdentityError, Randomness, SettingsStore, SettingsVersion, SignIn, StoreError,
    TenantClaim,
};

/// Drives a future of fakes, which never wait.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a fake waited"),
    }
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_u128(number)
}

pub(crate) fn account() -> Account {
    Account {
        id: AccountId::from_bits(1),
        external_id: "customer-1".into(),
        name: "Contoso & Söhne".into(),
        time_zone: "Europe/Berlin".into(),
        allowed_origins: Vec::new(),
        custom_fields: Vec::new(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

pub(crate) fn connection() -> Connection {
    Connection {
        id: ConnectionId::from_bits(1),
        account_id: AccountId::from_bits(1),
        status: ConnectionStatus::Invited,
        attention: None,
        wanted_tenant: None,
        tenant: None,
        permissions: Vec::new(),
        authorized_at: None,
        last_sync_at: None,
        enabled_once: false,
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

#[derive(Default)]
pub(crate) struct FakeClock(pub(crate) Mutex<Timestamp>);

impl FakeClock {
    pub(crate) fn advance(&self, duration: SignedDuration) {
        *self.0.lock().unwrap() += duration;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
    async fn sleep(&self, duration: SignedDuration) {
        self.advance(duration);
    }
}

/// Counts instead of drawing.
#[derive(Default)]
pub(crate) struct FakeChance(Mutex<u128>);

impl Randomness for FakeChance {
    fn bits(&self) -> u128 {
        let mut drawn = self.0.lock().unwrap();
        *drawn += 1;
        *drawn
    }
    fn ordered_bits(&self) -> u128 {
        self.bits()
    }
    fn secret(&self) -> String {
        format!("secret-{:036}", self.bits())
    }
}

/// Accounts, connections, settings, links and attempts.
#[derive(Default)]
pub(crate) struct FakeStores {
    pub(crate) accounts: Mutex<BTreeMap<AccountId, Account>>,
    pub(crate) connections: Mutex<BTreeMap<ConnectionId, Connection>>,
    pub(crate) claims: Mutex<BTreeMap<TenantId, TenantClaim>>,
    pub(crate) invitations: Mutex<BTreeMap<String, ConsentInvitation>>,
    pub(crate) attempts: Mutex<BTreeMap<String, ConsentAttempt>>,
    pub(crate) settings: Mutex<Option<Settings>>,
    /// Done to the connection before so many of the next updates, as somebody else would.
    pub(crate) interference: Mutex<Vec<fn(&mut Connection)>>,
}

impl FakeStores {
    pub(crate) fn with(connection: Connection) -> Self {
        let stores = Self::default();
        stores.accounts.lock().unwrap().insert(account().id, account());
        stores.put(connection);
        stores
    }

    pub(crate) fn put(&self, connection: Connection) {
        self.connections.lock().unwrap().insert(connection.id.clone(), connection);
    }

    pub(crate) fn the_connection(&self) -> Connection {
        self.connections.lock().unwrap()[&ConnectionId::from_bits(1)].clone()
    }

    pub(crate) fn owner(&self, tenant: &TenantId) -> Option<ConnectionId> {
        self.claims.lock().unwrap().get(tenant).map(|claim| claim.connection_id.clone())
    }
}

impl AccountStore for FakeStores {
    async fn create_account(&self, _: &Account) -> Result<bool, StoreError> {
        unimplemented!()
    }
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        Ok(self.accounts.lock().unwrap().get(id).cloned())
    }
    async fn update_account(&self, _: &Account) -> Result<bool, StoreError> {
        unimplemented!()
    }
    async fn accounts(
        &self,
        _: Option<&str>,
        _: u16,
    ) -> Result<Option<(Vec<Account>, Option<String>)>, StoreError> {
        unimplemented!()
    }
    async fn erase_account_state(&self, _: &Account) -> Result<(), StoreError> {
        unimplemented!()
    }
}

impl ConnectionStore for FakeStores {
    async fn create_connection(&self, _: &Connection) -> Result<(), StoreError> {
        unimplemented!()
    }
    async fn connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> Result<Option<Connection>, StoreError> {
        let connections = self.connections.lock().unwrap();
        Ok(connections.get(id).filter(|found| found.account_id == *account).cloned())
    }
    async fn update_connection(&self, next: &Connection) -> Result<bool, StoreError> {
        let mut connections = self.connections.lock().unwrap();
        let stored = connections.get_mut(&next.id).unwrap();
        if let Some(interfere) = self.interference.lock().unwrap().pop() {
            interfere(stored);
            stored.version += 1;
        }
        if stored.version + 1 != next.version {
            return Ok(false);
        }
        *stored = next.clone();
        Ok(true)
    }
    async fn connections(&self, _: &AccountId) -> Result<Vec<Connection>, StoreError> {
        unimplemented!()
    }
    async fn delete_connection(&self, _: &AccountId, _: &ConnectionId) -> Result<(), StoreError> {
        unimplemented!()
    }
    async fn claim_tenant(
        &self,
        claim: &TenantClaim,
    ) -> Result<Result<(), TenantClaim>, StoreError> {
        let mut claims = self.claims.lock().unwrap();
        let standing = claims.entry(claim.tenant_id.clone()).or_insert_with(|| claim.clone());
        Ok(if standing == claim { Ok(()) } else { Err(standing.clone()) })
    }
    async fn tenant_claim(&self, tenant: &TenantId) -> Result<Option<TenantClaim>, StoreError> {
        Ok(self.claims.lock().unwrap().get(tenant).cloned())
    }
    async fn release_tenant(&self, claim: &TenantClaim) -> Result<(), StoreError> {
        let mut claims = self.claims.lock().unwrap();
        if claims.get(&claim.tenant_id) == Some(claim) {
            claims.remove(&claim.tenant_id);
        }
        Ok(())
    }
}

impl ConsentStore for FakeStores {
    async fn put_invitation(&self, invitation: &ConsentInvitation) -> Result<(), StoreError> {
        let mut invitations = self.invitations.lock().unwrap();
        invitations.insert(invitation.token_hash.clone(), invitation.clone());
        Ok(())
    }
    async fn invitation(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentInvitation>, StoreError> {
        let invitations = self.invitations.lock().unwrap();
        Ok(invitations.get(token_hash).filter(|found| found.expires_at > now).cloned())
    }
    async fn start_attempt(
        &self,
        attempt: &ConsentAttempt,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut invitations = self.invitations.lock().unwrap();
        let Some(invitation) = invitations.get_mut(&attempt.token_hash) else { return Ok(false) };
        if invitation.expires_at <= now || invitation.attempts >= super::ATTEMPTS {
            return Ok(false);
        }
        invitation.attempts += 1;
        self.attempts.lock().unwrap().insert(attempt.state_hash.clone(), attempt.clone());
        Ok(true)
    }
    async fn consume_attempt(
        &self,
        state_hash: &str,
        now: Timestamp,
    ) -> Result<Option<ConsentAttempt>, StoreError> {
        let taken = self.attempts.lock().unwrap().remove(state_hash);
        Ok(taken.filter(|attempt| attempt.expires_at > now))
    }
    async fn put_attempt(&self, attempt: &ConsentAttempt) -> Result<(), StoreError> {
        self.attempts.lock().unwrap().insert(attempt.state_hash.clone(), attempt.clone());
        Ok(())
    }
    async fn delete_invitation(&self, token_hash: &str) -> Result<(), StoreError> {
        self.invitations.lock().unwrap().remove(token_hash);
        Ok(())
    }
}

impl SettingsStore for FakeStores {
    async fn settings(
        &self,
        _: &AccountId,
        _: &ConnectionId,
    ) -> Result<SettingsVersion, StoreError> {
        let settings = self.settings.lock().unwrap().clone().unwrap_or_default();
        Ok(SettingsVersion { version: 0, settings, saved_by: None, saved_at: None })
    }
    async fn settings_version(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: u64,
    ) -> Result<Option<SettingsVersion>, StoreError> {
        unimplemented!()
    }
    async fn save_settings(
        &self,
        _: &AccountId,
        _: &ConnectionId,
        _: &SettingsVersion,
    ) -> Result<bool, StoreError> {
        unimplemented!()
    }
}

/// A sign-in that answers what it was told, if verifier and nonce are those of its last address.
#[derive(Default)]
pub(crate) struct FakeIdentity {
    pub(crate) answer: Mutex<Option<Result<SignIn, IdentityError>>>,
}

impl FakeIdentity {
    pub(crate) fn answers(&self, answer: Result<SignIn, IdentityError>) {
        *self.answer.lock().unwrap() = Some(answer);
    }
}

impl Identity for FakeIdentity {
    fn admin_consent_url(&self, tenant: Option<&str>, state: &str, redirect_uri: &str) -> String {
        format!("consent {} {state} {redirect_uri}", tenant.unwrap_or("organizations"))
    }
    fn sign_in_url(
        &self,
        tenant: &TenantId,
        state: &str,
        nonce: &str,
        challenge: &str,
        _: &str,
    ) -> String {
        format!("sign-in {tenant} {state} {nonce} {challenge}")
    }
    async fn redeem(
        &self,
        _: &TenantId,
        _: &str,
        _: &str,
        _: &str,
        _: &str,
    ) -> Result<SignIn, IdentityError> {
        self.answer.lock().unwrap().take().expect("a sign-in")
    }
}
