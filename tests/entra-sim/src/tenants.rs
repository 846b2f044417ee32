//! Tenants and what their administrators consented to.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use crate::directory::{Directory, User};
use crate::options::TenantSpec;

/// One tenant.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) spec: TenantSpec,
    pub(crate) directory: Directory,
    /// Consented apps by client id.
    pub(crate) grants: BTreeMap<Uuid, Grant>,
    /// Delta tokens of earlier generations are dead.
    pub(crate) delta_generation: u64,
    /// Page tokens of earlier generations are dead.
    pub(crate) page_generation: u64,
    /// Access tokens issued before this are revoked.
    pub(crate) tokens_valid_from: Timestamp,
    /// The whole tenant was deleted (AADSTS90002).
    pub(crate) deleted: bool,
}

/// A service principal: an app that is known in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) service_principal: Uuid,
    /// Application roles granted by an administrator.
    pub(crate) roles: BTreeSet<String>,
    pub(crate) consented_at: Timestamp,
    /// A disabled service principal gets AADSTS7000112.
    pub(crate) enabled: bool,
}

/// The `*.onmicrosoft.*` domain a tenant starts with.
pub(crate) fn initial_domain(domain: &str) -> String {
    let label = domain.split('.').next().unwrap_or(domain);
    format!("{label}.onmicrosoft.example")
}

impl Tenant {
    /// Whether a path segment or request names this tenant.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match Uuid::try_parse(name) {
            Ok(id) => id == self.id,
            Err(_) => self.domains().iter().any(|domain| domain.eq_ignore_ascii_case(name)),
        }
    }

    /// Verified domains, the default one first.
    pub(crate) fn domains(&self) -> [String; 2] {
        [self.spec.domain.clone(), initial_domain(&self.spec.domain)]
    }

    /// The first live person holding a role that may consent.
    pub(crate) fn administrator(&self) -> Option<Uuid> {
        let is_admin = |user: &&User| user.object.is_live() && may_consent(&user.roles);
        let mut admins: Vec<_> = self.directory.users.values().filter(is_admin).collect();
        admins.sort_by_key(|user| !user.roles.contains(&crate::generate::GLOBAL_ADMINISTRATOR));
        admins.first().map(|user| user.object.id)
    }

    /// The first live, enabled member without such a role.
    pub(crate) fn plain_member(&self) -> Option<Uuid> {
        let known = &*crate::directory::WELL_KNOWN;
        self.directory
            .users
            .values()
            .find(|user| {
                user.object.is_live()
                    && !may_consent(&user.roles)
                    && user.object.json(known.account_enabled) == Some("true")
                    && user.object.json(known.user_type) == Some("\"Member\"")
            })
            .map(|user| user.object.id)
    }

    /// Resource units in ten seconds by the tenant's size.
    pub(crate) fn throttle_budget(&self) -> f64 {
        match self.directory.users.len() {
            0..50 => 3_500.0,
            50..=500 => 5_000.0,
            _ => 8_000.0,
        }
    }
}

/// Whether a person with these role templates may consent for the organisation.
pub(crate) fn may_consent(roles: &[Uuid]) -> bool {
    roles.contains(&crate::generate::GLOBAL_ADMINISTRATOR)
        || roles.contains(&crate::generate::PRIVILEGED_ROLE_ADMINISTRATOR)
}
