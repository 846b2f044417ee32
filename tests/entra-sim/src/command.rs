//! Everything that changes durable state, as data: applied at once, journaled, replayed at start.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory::DirectoryCommand;
use crate::options::AppRegistration;
use crate::settings::Settings;
use crate::subscriptions::Subscription;

/// A change of durable state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Command {
    /// A change in a tenant's directory.
    Directory {
        /// Tenant id.
        tenant: Uuid,
        /// The change.
        command: DirectoryCommand,
    },
    /// An administrator consented: the service principal exists and holds these roles too.
    GrantConsent {
        /// Tenant id.
        tenant: Uuid,
        /// Client id.
        app: Uuid,
        /// Roles granted.
        roles: BTreeSet<String>,
    },
    /// The app was removed from the tenant.
    RevokeConsent {
        /// Tenant id.
        tenant: Uuid,
        /// Client id.
        app: Uuid,
    },
    /// One role was taken from the app.
    RemoveRole {
        /// Tenant id.
        tenant: Uuid,
        /// Client id.
        app: Uuid,
        /// Role name.
        role: String,
    },
    /// The service principal was switched on or off.
    EnableApp {
        /// Tenant id.
        tenant: Uuid,
        /// Client id.
        app: Uuid,
        /// Whether it may sign in.
        enabled: bool,
    },
    /// Every access token issued so far is refused.
    RevokeTokens {
        /// Tenant id.
        tenant: Uuid,
    },
    /// Every delta link issued so far is dead.
    ExpireDeltaTokens {
        /// Tenant id.
        tenant: Uuid,
    },
    /// Every page link issued so far is dead.
    ExpirePageTokens {
        /// Tenant id.
        tenant: Uuid,
    },
    /// The tenant was deleted, or came back.
    DeleteTenant {
        /// Tenant id.
        tenant: Uuid,
        /// Whether it is gone.
        deleted: bool,
    },
    /// Licences of the tenant began or ended.
    ChangeLicence {
        /// Tenant id.
        tenant: Uuid,
        /// Entra ID P1; unchanged unless given.
        premium: Option<bool>,
        /// Intune; unchanged unless given.
        intune: Option<bool>,
    },
    /// An app registration was added or replaced.
    PutApp {
        /// The whole registration.
        app: Box<AppRegistration>,
    },
    /// A subscription was created or changed.
    PutSubscription {
        /// The whole subscription.
        subscription: Box<Subscription>,
    },
    /// A subscription was deleted or expired.
    RemoveSubscription {
        /// Subscription id.
        id: Uuid,
    },
    /// Another signing key is used from now on.
    RollKeys {
        /// The new key, PKCS#8 PEM; drawn by the simulator.
        private_key: String,
        /// Whether older keys are no longer published.
        retire_old: bool,
    },
    /// Behaviour was changed.
    ChangeSettings {
        /// The new settings.
        settings: Box<Settings>,
    },
    /// The clock was moved.
    MoveClock {
        /// Milliseconds ahead of the machine's time.
        offset_ms: i64,
    },
}

/// A command with its instant, one line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    #[serde(flatten)]
    pub(crate) command: Command,
}
