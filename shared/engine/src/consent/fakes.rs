//! The outside of consent and readiness, in memory.

mod directory;

use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::{Connection, ConnectionStatus};
use contact_sync_domain::id::{AccountId, ConnectionId, TenantId};
use jiff::Timestamp;

pub(crate) use directory::FakeDirectory;

use crate::memory::MemoryStore;
use crate::port::{Identity, IdentityError, SignIn};

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
        retention: contact_sync_domain::retention::Retention::default(),
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
        paused_for: None,
        silence: None,
        enabled_once: false,
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

impl MemoryStore {
    /// A store with the account and this connection of it.
    pub(crate) fn of(connection: Connection) -> Self {
        let stores = Self::default().with_connection(connection);
        stores.world().accounts.insert(account().id, account());
        stores
    }

    pub(crate) fn the_connection(&self) -> Connection {
        self.connection_of(1)
    }

    pub(crate) fn owner(&self, tenant: &TenantId) -> Option<ConnectionId> {
        self.world().tenants.get(tenant).map(|claim| claim.connection_id.clone())
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
