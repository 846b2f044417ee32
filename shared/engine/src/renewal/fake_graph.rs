//! Graph as far as renewal sees it: subscriptions with quotas, conflicts and lost answers, and what
//! trying a connection calls.

use std::sync::Mutex;

use contact_sync_domain::directory::{DirectoryUser, UserSelection};
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use jiff::Timestamp;

use crate::port::{
    AdministrativeUnit, AdministrativeUnits, ByIds, DeltaPage, Directory, DirectoryError, Group,
    GroupPage, GroupsDeltaPage, Lane, MemberPage, NewSubscription, Organization,
    RemoteSubscription, SubscriptionError, Subscriptions, UnitPage, UserPage,
};

/// What a call meets instead of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The work is done, the answer is lost.
    AnswerLost,
    /// Nothing is done, nothing is answered.
    Down,
    Handshake,
    Quota,
    ConsentLost,
    Blocked,
    Credential,
    Forbidden,
}

impl Fault {
    fn error(self) -> SubscriptionError {
        match self {
            Self::Handshake => SubscriptionError::ValidationFailed {
                message: "Subscription validation request timed out.".into(),
            },
            Self::Quota => SubscriptionError::QuotaReached {
                message: "Maximum number of subscriptions has been reached".into(),
            },
            Self::AnswerLost
            | Self::Down
            | Self::ConsentLost
            | Self::Blocked
            | Self::Credential
            | Self::Forbidden => self.directory_error().into(),
        }
    }

    fn directory_error(self) -> DirectoryError {
        let code = "AADSTS0".to_owned();
        match self {
            Self::AnswerLost | Self::Down | Self::Handshake | Self::Quota => {
                DirectoryError::Unavailable { what: "timed out".into(), source: None }
            }
            Self::ConsentLost => DirectoryError::ConsentLost { code },
            Self::Blocked => DirectoryError::Blocked { code },
            Self::Credential => DirectoryError::CredentialRefused { code },
            Self::Forbidden => DirectoryError::Forbidden { what: "subscribing", code },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) tenant: TenantId,
    pub(crate) subscription: RemoteSubscription,
    pub(crate) client_state: String,
    pub(crate) lifecycle_url: String,
}

#[derive(Debug, Default)]
pub(crate) struct FakeGraph {
    pub(crate) remotes: Mutex<Vec<Remote>>,
    /// What the next creations meet, in order.
    pub(crate) creation_faults: Mutex<Vec<Fault>>,
    /// What every call for this tenant meets.
    pub(crate) tenant_fault: Mutex<Option<(TenantId, Fault)>>,
    /// `create`, `renew`, `delete`, `list`, as they came.
    pub(crate) calls: Mutex<Vec<&'static str>>,
    made: Mutex<u32>,
}

impl FakeGraph {
    pub(crate) fn all(&self) -> Vec<Remote> {
        self.remotes.lock().unwrap().clone()
    }

    pub(crate) fn forget_all(&self) {
        self.remotes.lock().unwrap().clear();
    }

    /// Puts a subscription there that we did not ask for.
    pub(crate) fn plant(&self, tenant: &TenantId, resource: &str, notification_url: &str) {
        let id = self.next_id();
        self.remotes.lock().unwrap().push(Remote {
            tenant: tenant.clone(),
            subscription: RemoteSubscription {
                id,
                resource: resource.into(),
                notification_url: notification_url.into(),
                expires_at: Timestamp::MAX,
            },
            client_state: String::new(),
            lifecycle_url: String::new(),
        });
    }

    pub(crate) fn drain_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn next_id(&self) -> String {
        let mut made = self.made.lock().unwrap();
        *made += 1;
        format!("graph-{made}")
    }

    fn asked(&self, tenant: &TenantId) -> Result<(), DirectoryError> {
        match &*self.tenant_fault.lock().unwrap() {
            Some((of, fault)) if of == tenant => Err(fault.directory_error()),
            Some(_) | None => Ok(()),
        }
    }

    fn call(&self, name: &'static str, tenant: &TenantId) -> Result<(), SubscriptionError> {
        self.calls.lock().unwrap().push(name);
        match &*self.tenant_fault.lock().unwrap() {
            Some((of, fault)) if of == tenant => Err(fault.error()),
            Some(_) | None => Ok(()),
        }
    }
}

impl Subscriptions for FakeGraph {
    async fn create(
        &self,
        tenant: &TenantId,
        new: &NewSubscription,
    ) -> Result<RemoteSubscription, SubscriptionError> {
        self.call("create", tenant)?;
        let mut faults = self.creation_faults.lock().unwrap();
        let fault = (!faults.is_empty()).then(|| faults.remove(0));
        if let Some(fault) = fault.filter(|fault| *fault != Fault::AnswerLost) {
            return Err(fault.error());
        }
        let mut remotes = self.remotes.lock().unwrap();
        let standing = |remote: &Remote| {
            remote.tenant == *tenant && remote.subscription.resource == new.resource.path()
        };
        if remotes.iter().any(standing) {
            return Err(SubscriptionError::AlreadyExists);
        }
        let subscription = RemoteSubscription {
            id: self.next_id(),
            resource: new.resource.path().into(),
            notification_url: new.notification_url.clone(),
            expires_at: new.expires_at,
        };
        remotes.push(Remote {
            tenant: tenant.clone(),
            subscription: subscription.clone(),
            client_state: new.client_state.clone(),
            lifecycle_url: new.lifecycle_url.clone(),
        });
        fault.map_or(Ok(subscription), |fault| Err(fault.error()))
    }

    async fn renew(
        &self,
        tenant: &TenantId,
        id: &str,
        expires_at: Timestamp,
    ) -> Result<Option<RemoteSubscription>, SubscriptionError> {
        self.call("renew", tenant)?;
        let mut remotes = self.remotes.lock().unwrap();
        let found = remotes.iter_mut().find(|remote| remote.subscription.id == id);
        Ok(found.map(|remote| {
            remote.subscription.expires_at = expires_at;
            remote.subscription.clone()
        }))
    }

    async fn delete(&self, tenant: &TenantId, id: &str) -> Result<(), SubscriptionError> {
        self.call("delete", tenant)?;
        self.remotes.lock().unwrap().retain(|remote| remote.subscription.id != id);
        Ok(())
    }

    async fn list(&self, tenant: &TenantId) -> Result<Vec<RemoteSubscription>, SubscriptionError> {
        self.call("list", tenant)?;
        let remotes = self.remotes.lock().unwrap();
        let of_tenant = remotes.iter().filter(|remote| remote.tenant == *tenant);
        Ok(of_tenant.map(|remote| remote.subscription.clone()).collect())
    }
}

impl Directory for FakeGraph {
    async fn organization(&self, tenant: &TenantId) -> Result<Organization, DirectoryError> {
        self.asked(tenant)?;
        let name = Some("Contoso".to_owned());
        Ok(Organization { id: tenant.clone(), name, verified_domains: Vec::new() })
    }

    async fn search_users(
        &self,
        tenant: &TenantId,
        _: &str,
        _: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        self.asked(tenant).map(|()| Vec::new())
    }

    async fn search_groups(
        &self,
        tenant: &TenantId,
        _: &str,
        _: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        self.asked(tenant).map(|()| Vec::new())
    }

    async fn count_users(&self, tenant: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        self.asked(tenant).map(|()| (1, GraphCost::default()))
    }

    async fn count_groups(&self, tenant: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        self.asked(tenant).map(|()| (1, GraphCost::default()))
    }

    async fn latest_users_link(
        &self,
        _: &TenantId,
        _: &UserSelection,
    ) -> Result<(String, GraphCost), DirectoryError> {
        unreachable!("renewal reads no people")
    }

    async fn list_users(
        &self,
        _: &TenantId,
        _: &UserSelection,
        _: Option<&str>,
        _: Lane,
    ) -> Result<UserPage, DirectoryError> {
        unreachable!("renewal reads no people")
    }

    async fn users_delta(&self, _: &TenantId, _: &str) -> Result<DeltaPage, DirectoryError> {
        unreachable!("renewal reads no people")
    }

    async fn users_by_id(
        &self,
        _: &TenantId,
        _: &UserSelection,
        _: &[ObjectId],
    ) -> Result<ByIds, DirectoryError> {
        unreachable!("renewal reads no people")
    }

    async fn find_user(
        &self,
        _: &TenantId,
        _: &UserSelection,
        _: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        unreachable!("renewal reads no people")
    }

    async fn find_group(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        unreachable!("renewal reads no groups")
    }

    async fn shows_members(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<(bool, GraphCost), DirectoryError> {
        unreachable!("renewal reads no groups")
    }

    async fn group_members(
        &self,
        _: &TenantId,
        _: &ObjectId,
        _: bool,
        _: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        unreachable!("renewal reads no groups")
    }

    async fn user_groups(
        &self,
        _: &TenantId,
        _: &ObjectId,
        _: bool,
        _: Option<&str>,
    ) -> Result<GroupPage, DirectoryError> {
        unreachable!("renewal reads no people")
    }

    async fn latest_groups_link(
        &self,
        _: &TenantId,
    ) -> Result<(String, GraphCost), DirectoryError> {
        unreachable!("renewal reads no groups")
    }

    async fn groups_delta(&self, _: &TenantId, _: &str) -> Result<GroupsDeltaPage, DirectoryError> {
        unreachable!("renewal reads no groups")
    }

    async fn forget_token(&self, _: &TenantId) {}
}

impl AdministrativeUnits for FakeGraph {
    async fn units(&self, _: &TenantId, _: Option<&str>) -> Result<UnitPage, DirectoryError> {
        unreachable!("renewal reads no units")
    }

    async fn find_unit(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<Option<AdministrativeUnit>, DirectoryError> {
        unreachable!("renewal reads no units")
    }

    async fn unit_members(
        &self,
        _: &TenantId,
        _: &ObjectId,
        _: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        unreachable!("renewal reads no units")
    }

    async fn count_unit(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<(u64, GraphCost), DirectoryError> {
        unreachable!("renewal reads no units")
    }
}
