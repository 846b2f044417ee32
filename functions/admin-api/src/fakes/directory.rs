//! A connected directory of twelve people.

use std::sync::Mutex;

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ObjectId, TenantId};
use contact_sync_domain::run::GraphCost;
use contact_sync_engine::port::{
    ByIds, DeltaPage, Directory, DirectoryError, Group, GroupsDeltaPage, Lane, MemberPage,
    NewSubscription, Organization, RemoteSubscription, SubscriptionError, Subscriptions, UserPage,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Answers what administration asks; the rest is other functions'.
#[derive(Debug, Default)]
pub(crate) struct FakeDirectory {
    /// Whether every answer is "wait".
    pub(crate) is_throttled: Mutex<bool>,
    /// Graph's ids of subscriptions that were deleted.
    pub(crate) deleted: Mutex<Vec<String>>,
}

impl FakeDirectory {
    fn check(&self) -> Result<(), DirectoryError> {
        if *self.is_throttled.lock().unwrap() {
            return Err(DirectoryError::Throttled {
                retry_after: Some(SignedDuration::from_secs(17)),
            });
        }
        Ok(())
    }
}

fn person(number: u128) -> DirectoryUser {
    let attributes = json!({
        "displayName": format!("Person {number}"),
        "userPrincipalName": format!("p{number}@contoso.example"),
        "accountEnabled": true,
    });
    DirectoryUser {
        id: ObjectId::from_u128(number),
        attributes: attributes.as_object().unwrap().clone(),
    }
}

impl Directory for FakeDirectory {
    async fn search_users(
        &self,
        _: &TenantId,
        query: &str,
        limit: u16,
    ) -> Result<Vec<DirectoryUser>, DirectoryError> {
        self.check()?;
        let matching = (1..=12)
            .map(person)
            .filter(|user| user.text("displayName").is_some_and(|name| name.starts_with(query)));
        Ok(matching.take(usize::from(limit)).collect())
    }

    async fn search_groups(
        &self,
        _: &TenantId,
        _: &str,
        _: u16,
    ) -> Result<Vec<Group>, DirectoryError> {
        self.check()?;
        Ok(vec![Group { id: ObjectId::from_u128(100), display_name: Some("Sales".to_owned()) }])
    }

    async fn count_users(&self, _: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        self.check()?;
        Ok((12, GraphCost::default()))
    }

    async fn count_groups(&self, _: &TenantId) -> Result<(u64, GraphCost), DirectoryError> {
        Err(DirectoryError::Forbidden {
            what: "groups",
            code: "Authorization_RequestDenied".into(),
        })
    }

    async fn organization(&self, tenant: &TenantId) -> Result<Organization, DirectoryError> {
        self.check()?;
        Ok(Organization {
            id: tenant.clone(),
            name: Some("Contoso".to_owned()),
            verified_domains: vec!["contoso.example".to_owned()],
        })
    }

    async fn forget_token(&self, _: &TenantId) {}

    async fn latest_users_link(&self, _: &TenantId) -> Result<(String, GraphCost), DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn list_users(
        &self,
        _: &TenantId,
        _: Option<&str>,
        _: Lane,
    ) -> Result<UserPage, DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn users_delta(&self, _: &TenantId, _: &str) -> Result<DeltaPage, DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn users_by_id(&self, _: &TenantId, _: &[ObjectId]) -> Result<ByIds, DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn find_user(
        &self,
        _: &TenantId,
        _: &str,
    ) -> Result<Option<DirectoryUser>, DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn find_group(
        &self,
        _: &TenantId,
        _: &ObjectId,
    ) -> Result<Option<Group>, DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn group_members(
        &self,
        _: &TenantId,
        _: &ObjectId,
        _: bool,
        _: Option<&str>,
    ) -> Result<MemberPage, DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn latest_groups_link(
        &self,
        _: &TenantId,
    ) -> Result<(String, GraphCost), DirectoryError> {
        unimplemented!("syncing is another function's")
    }
    async fn groups_delta(&self, _: &TenantId, _: &str) -> Result<GroupsDeltaPage, DirectoryError> {
        unimplemented!("syncing is another function's")
    }
}

impl Subscriptions for FakeDirectory {
    async fn create(
        &self,
        _: &TenantId,
        _: &NewSubscription,
    ) -> Result<RemoteSubscription, SubscriptionError> {
        unimplemented!("renewal is another function's")
    }
    async fn renew(
        &self,
        _: &TenantId,
        _: &str,
        _: Timestamp,
    ) -> Result<Option<RemoteSubscription>, SubscriptionError> {
        unimplemented!("renewal is another function's")
    }
    async fn delete(&self, _: &TenantId, id: &str) -> Result<(), SubscriptionError> {
        self.deleted.lock().unwrap().push(id.to_owned());
        Ok(())
    }
    async fn list(&self, _: &TenantId) -> Result<Vec<RemoteSubscription>, SubscriptionError> {
        unimplemented!("renewal is another function's")
    }
}
