//! Tenants, consents, tokens and app registrations.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Serialize;
use uuid::Uuid;

use super::Controls;
use crate::command::Command;
use crate::directory::{CommandError, Directory, WELL_KNOWN};
use crate::options::AppRegistration;
use crate::tenants::Tenant;

/// A tenant at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantSummary {
    /// Tenant id.
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// Verified domains, the default one first.
    pub domains: Vec<String>,
    /// People that are not deleted.
    pub users: usize,
    /// Groups that are not deleted.
    pub groups: usize,
    /// Whether it has a premium licence.
    pub premium: bool,
    /// Whether it has Intune.
    pub intune: bool,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Who `admin` is at the next sign-in.
    pub admin: Option<PersonSummary>,
    /// Who `member` is at the next sign-in.
    pub member: Option<PersonSummary>,
    /// Roles by client id of the apps consented to.
    pub consents: BTreeMap<Uuid, Vec<String>>,
}

/// A person at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonSummary {
    /// Object id.
    pub id: Uuid,
    /// User principal name.
    pub user_principal_name: String,
    /// Display name.
    pub display_name: String,
}

impl Controls {
    /// All tenants, in the order they were given.
    pub fn tenants(&self) -> Vec<TenantSummary> {
        self.sim.world().tenants.iter().map(summary).collect()
    }

    /// One tenant.
    pub fn tenant(&self, tenant: impl Display) -> Result<TenantSummary, CommandError> {
        let id = self.tenant_id(tenant)?;
        let world = self.sim.world();
        world.tenant(id).map(summary).ok_or_else(|| CommandError::NoTenant(id.to_string()))
    }

    /// Grants an app roles as an administrator's consent does; all of its registration unless
    /// named.
    pub fn grant_consent(
        &self,
        tenant: impl Display,
        app: Uuid,
        roles: Option<Vec<String>>,
    ) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        let registered = self.sim.world().app(app).map(|app| app.roles.clone());
        let registered = registered.ok_or_else(|| CommandError::NoObject(app.to_string()))?;
        let roles = roles.unwrap_or(registered).into_iter().collect();
        self.sim.execute(Command::GrantConsent { tenant, app, roles }).map(drop)
    }

    /// Removes an app from a tenant: AADSTS700016 and `Authorization_IdentityNotFound` follow.
    pub fn revoke_consent(&self, tenant: impl Display, app: Uuid) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        self.sim.execute(Command::RevokeConsent { tenant, app }).map(drop)
    }

    /// Takes one role from an app; tokens issued before keep it unless revoked too.
    pub fn remove_role(
        &self,
        tenant: impl Display,
        app: Uuid,
        role: &str,
    ) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        let role = role.to_owned();
        self.sim.execute(Command::RemoveRole { tenant, app, role }).map(drop)
    }

    /// Switches an app on or off in a tenant (AADSTS7000112).
    pub fn enable_app(
        &self,
        tenant: impl Display,
        app: Uuid,
        enabled: bool,
    ) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        self.sim.execute(Command::EnableApp { tenant, app, enabled }).map(drop)
    }

    /// Refuses every access token issued so far with 401.
    pub fn revoke_tokens(&self, tenant: impl Display) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        self.sim.execute(Command::RevokeTokens { tenant }).map(drop)
    }

    /// Kills every delta link issued so far.
    pub fn expire_delta_tokens(&self, tenant: impl Display) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        self.sim.execute(Command::ExpireDeltaTokens { tenant }).map(drop)
    }

    /// Kills every page link issued so far (`Directory_ExpiredPageToken`).
    pub fn expire_page_tokens(&self, tenant: impl Display) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        self.sim.execute(Command::ExpirePageTokens { tenant }).map(drop)
    }

    /// Deletes a tenant (AADSTS90002), or brings it back.
    pub fn delete_tenant(&self, tenant: impl Display, deleted: bool) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        self.sim.execute(Command::DeleteTenant { tenant, deleted }).map(drop)
    }

    /// Lets licences of a tenant begin or end; `None` leaves one as it is.
    pub fn change_licence(
        &self,
        tenant: impl Display,
        premium: Option<bool>,
        intune: Option<bool>,
    ) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        self.sim.execute(Command::ChangeLicence { tenant, premium, intune }).map(drop)
    }

    /// Ends every subscription in a tenant without telling anybody.
    pub fn end_subscriptions(&self, tenant: impl Display) -> Result<(), CommandError> {
        let tenant = self.tenant_id(tenant)?;
        let own: Vec<Uuid> = {
            let world = self.sim.world();
            let known = world.subscriptions.values().filter(|known| known.tenant == tenant);
            known.map(|known| known.id).collect()
        };
        for id in own {
            self.sim.execute(Command::RemoveSubscription { id })?;
        }
        Ok(())
    }

    /// Adds or replaces an app registration.
    pub fn put_app(&self, app: AppRegistration) {
        let _ = self.sim.execute(Command::PutApp { app: Box::new(app) });
    }

    /// The app registrations, secrets included.
    pub fn apps(&self) -> Vec<AppRegistration> {
        self.sim.world().apps.clone()
    }
}

fn summary(tenant: &Tenant) -> TenantSummary {
    let directory = &tenant.directory;
    let groups = directory.groups.values().filter(|group| group.object.is_live()).count();
    let roles = |(app, grant): (&Uuid, &crate::tenants::Grant)| {
        (*app, grant.roles.iter().cloned().collect::<Vec<_>>())
    };
    TenantSummary {
        id: tenant.id,
        name: tenant.spec.name.clone(),
        domains: tenant.domains().to_vec(),
        users: directory.live_user_count(),
        groups,
        premium: tenant.spec.premium,
        intune: tenant.spec.intune,
        deleted: tenant.deleted,
        admin: tenant.administrator().and_then(|id| person(directory, id)),
        member: tenant.plain_member().and_then(|id| person(directory, id)),
        consents: tenant.grants.iter().map(roles).collect(),
    }
}

fn person(directory: &Directory, id: Uuid) -> Option<PersonSummary> {
    let user = directory.users.get(&id)?;
    Some(PersonSummary {
        id,
        user_principal_name: user.object.text(WELL_KNOWN.user_principal_name)?,
        display_name: user.object.text(WELL_KNOWN.display_name).unwrap_or_default(),
    })
}
