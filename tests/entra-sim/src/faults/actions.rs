//! What a fault changes around a request: consents, tokens, licences, keys, clock, settings.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::controls::Controls;
use crate::options::DEFAULT_APP_ID;

/// A lever pulled just before a request is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Action {
    /// The app is removed from the tenant.
    RevokeConsent {
        /// Tenant id or domain.
        tenant: String,
        /// Client id; the development app unless given.
        #[serde(default = "development_app")]
        app: Uuid,
    },
    /// An administrator consents.
    GrantConsent {
        /// Tenant id or domain.
        tenant: String,
        /// Client id; the development app unless given.
        #[serde(default = "development_app")]
        app: Uuid,
        /// Roles; those of the registration unless given.
        #[serde(default)]
        roles: Option<Vec<String>>,
    },
    /// One role is taken away; tokens issued before keep it.
    RemoveRole {
        /// Tenant id or domain.
        tenant: String,
        /// Role name.
        role: String,
        /// Client id; the development app unless given.
        #[serde(default = "development_app")]
        app: Uuid,
    },
    /// Access tokens issued so far are refused.
    RevokeTokens {
        /// Tenant id or domain.
        tenant: String,
    },
    /// Delta links issued so far are dead.
    ExpireDeltaTokens {
        /// Tenant id or domain.
        tenant: String,
    },
    /// Page links issued so far are dead.
    ExpirePageTokens {
        /// Tenant id or domain.
        tenant: String,
    },
    /// The tenant is deleted, or comes back.
    DeleteTenant {
        /// Tenant id or domain.
        tenant: String,
        /// Whether it is gone.
        #[serde(default = "yes")]
        deleted: bool,
    },
    /// Licences are bought or end.
    ChangeLicence {
        /// Tenant id or domain.
        tenant: String,
        /// Entra ID P1.
        #[serde(default)]
        premium: Option<bool>,
        /// Intune.
        #[serde(default)]
        intune: Option<bool>,
    },
    /// Every subscription in the tenant ends without notice.
    EndSubscriptions {
        /// Tenant id or domain.
        tenant: String,
    },
    /// Another key signs from now on.
    RollKeys {
        /// Whether older keys are no longer published.
        #[serde(default)]
        retire_old: bool,
    },
    /// Time moves forward.
    AdvanceClock {
        /// As `8d` or `1h30m`.
        by: String,
    },
    /// Behaviour changes, as by `PATCH /_sim/settings`.
    ChangeSettings {
        /// Partial settings document.
        settings: Value,
    },
}

const fn development_app() -> Uuid {
    DEFAULT_APP_ID
}

const fn yes() -> bool {
    true
}

impl Action {
    /// Pulls the lever; what cannot be done is told in the log.
    pub(crate) fn take(&self, controls: &Controls) {
        let done = match self {
            Self::RevokeConsent { tenant, app } => {
                controls.revoke_consent(tenant, *app).map_err(|error| error.to_string())
            }
            Self::GrantConsent { tenant, app, roles } => controls
                .grant_consent(tenant, *app, roles.clone())
                .map_err(|error| error.to_string()),
            Self::RemoveRole { tenant, role, app } => {
                controls.remove_role(tenant, *app, role).map_err(|error| error.to_string())
            }
            Self::RevokeTokens { tenant } => {
                controls.revoke_tokens(tenant).map_err(|error| error.to_string())
            }
            Self::ExpireDeltaTokens { tenant } => {
                controls.expire_delta_tokens(tenant).map_err(|error| error.to_string())
            }
            Self::ExpirePageTokens { tenant } => {
                controls.expire_page_tokens(tenant).map_err(|error| error.to_string())
            }
            Self::DeleteTenant { tenant, deleted } => {
                controls.delete_tenant(tenant, *deleted).map_err(|error| error.to_string())
            }
            Self::ChangeLicence { tenant, premium, intune } => controls
                .change_licence(tenant, *premium, *intune)
                .map_err(|error| error.to_string()),
            Self::EndSubscriptions { tenant } => {
                controls.end_subscriptions(tenant).map_err(|error| error.to_string())
            }
            Self::RollKeys { retire_old } => {
                controls.roll_keys(*retire_old).map_err(|error| error.to_string())
            }
            Self::AdvanceClock { by } => match crate::clock::parse_duration(by) {
                Some(by) => {
                    controls.advance_clock(by);
                    Ok(())
                }
                None => Err(format!("'{by}' is not a span")),
            },
            Self::ChangeSettings { settings } => {
                controls.merge_settings(settings).map(drop).map_err(|error| error.to_string())
            }
        };
        if let Err(error) = done {
            tracing::warn!(error, "an action of a fault could not be taken");
        }
    }
}
