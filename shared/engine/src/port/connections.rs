//! Accounts, connections, settings, consent and subscriptions.

use std::future::Future;

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{AccountId, ConnectionId, RunId, SubscriptionKey, TenantId};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::subscription::{SubscribedResource, Subscription};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ShardPage, StoreError};

/// The accounts.
pub trait AccountStore: Send + Sync {
    /// Makes an account; `false` when its external id is taken.
    fn create_account(
        &self,
        account: &Account,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Finds an account.
    fn account(
        &self,
        id: &AccountId,
    ) -> impl Future<Output = Result<Option<Account>, StoreError>> + Send;

    /// Replaces an account whose stored `version` is one below; `false` when it moved.
    fn update_account(
        &self,
        account: &Account,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// A page of accounts. A cursor that is not ours is `Ok(None)`.
    #[expect(clippy::type_complexity, reason = "a page and where it goes on")]
    fn accounts(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<(Vec<Account>, Option<String>)>, StoreError>> + Send;

    /// Deletes the account's own item and everything of it in the state table.
    fn erase_account_state(
        &self,
        account: &Account,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The connections.
pub trait ConnectionStore: Send + Sync {
    /// Makes a connection together with its empty sync state.
    fn create_connection(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Finds a connection, read strongly.
    fn connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> impl Future<Output = Result<Option<Connection>, StoreError>> + Send;

    /// Replaces a connection whose stored `version` is one below; `false` when it moved.
    fn update_connection(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The account's connections, oldest first.
    fn connections(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Vec<Connection>, StoreError>> + Send;

    /// Deletes a connection with its settings, state, runs and segments' index.
    fn delete_connection(
        &self,
        account: &AccountId,
        id: &ConnectionId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives a connection to the account that `to` names, with its id, its settings as they are
    /// [carried](SettingsVersion::carried) and a sync state that is empty but for a fence above all
    /// that the connection worked at; its runs, segments' index, consent links, what waited and what
    /// people decided are deleted. `false` when the connection is not in the version of `from` any
    /// more. May be repeated.
    fn move_connection(
        &self,
        from: &Connection,
        to: &Connection,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// One saved version of a connection's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsVersion {
    /// 0 = never saved, the defaults.
    pub version: u64,
    /// The document.
    pub settings: Settings,
    /// Who saved it: the `sub` of the caller's token.
    pub saved_by: Option<String>,
    /// When.
    pub saved_at: Option<Timestamp>,
    /// What people call who saved it, where the token says.
    #[serde(default)]
    pub saved_by_name: Option<String>,
    /// In which role.
    #[serde(default)]
    pub saved_by_role: Option<String>,
    /// What made it.
    #[serde(default)]
    pub cause: SettingsCause,
}

/// What made a version of the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SettingsCause {
    /// Somebody saved a document.
    #[default]
    Saved,
    /// An earlier version was taken back.
    RolledBack {
        /// Which.
        version: u64,
    },
    /// A file was imported.
    Imported,
    /// A preset was applied.
    Preset {
        /// Its id.
        id: String,
    },
    /// Somebody was put on the ignore list or taken off it.
    IgnoreList,
    /// People came off the ignore list with the decisions that had put them there.
    Undone {
        /// The run that took those back.
        run: RunId,
    },
    /// Somebody who was forgotten was taken off the ignore list.
    Erasure,
    /// What a plan was made under was saved with its being applied.
    Planned {
        /// The plan's run.
        run: RunId,
    },
}

impl SettingsVersion {
    /// The defaults, which apply until something is saved.
    pub fn never_saved() -> Self {
        Self {
            version: 0,
            settings: Settings::default(),
            saved_by: None,
            saved_at: None,
            saved_by_name: None,
            saved_by_role: None,
            cause: SettingsCause::Saved,
        }
    }

    /// The version as another account gets it with the connection: the rules, without who saved
    /// them, whom to notify, and the teams of the account that had it.
    #[must_use]
    pub fn carried(mut self) -> Self {
        self.settings.teams.clear();
        self.settings.notifications.users.clear();
        self.settings.notifications.emails.clear();
        Self { saved_by: None, saved_by_name: None, saved_by_role: None, ..self }
    }
}

/// The settings of connections.
pub trait SettingsStore: Send + Sync {
    /// The current version; the defaults as version 0 when none was saved.
    fn settings(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> impl Future<Output = Result<SettingsVersion, StoreError>> + Send;

    /// A certain version; a run keeps the one it began with.
    fn settings_version(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        version: u64,
    ) -> impl Future<Output = Result<Option<SettingsVersion>, StoreError>> + Send;

    /// Saves the next version; `false` when the current one is not `version - 1`.
    fn save_settings(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        next: &SettingsVersion,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Keeps the settings that a plan is to be made under, beside the saved ones; its version is the
    /// one that it goes beyond. Before the run that plans can be seen.
    fn put_draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
        draft: &SettingsVersion,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The settings that a run plans under, where they are not the saved ones.
    fn draft(
        &self,
        connection: &ConnectionId,
        run: &RunId,
    ) -> impl Future<Output = Result<Option<SettingsVersion>, StoreError>> + Send;
}

/// A consent link: 72 hours, up to ten attempts, consumed by success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentInvitation {
    /// SHA-256 of the link's token (hexadecimal); the token itself is nowhere stored.
    pub token_hash: String,
    /// For whom.
    pub account_id: AccountId,
    /// For which connection.
    pub connection_id: ConnectionId,
    /// How often somebody started.
    pub attempts: u32,
    /// When the link dies.
    pub expires_at: Timestamp,
}

/// One browser's way through consent, found by the `state` it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentAttempt {
    /// SHA-256 of the `state` (hexadecimal).
    pub state_hash: String,
    /// The link it came from.
    pub token_hash: String,
    /// For whom.
    pub account_id: AccountId,
    /// For which connection.
    pub connection_id: ConnectionId,
    /// SHA-256 of the cookie that the same browser must bring (hexadecimal).
    pub cookie_hash: String,
    /// What the browser is expected to come back from.
    pub leg: ConsentLeg,
    /// When the attempt dies.
    pub expires_at: Timestamp,
}

/// What a browser is expected to come back from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "leg")]
pub enum ConsentLeg {
    /// Microsoft's consent page.
    Consent,
    /// The sign-in that proves the tenant.
    #[serde(rename_all = "camelCase")]
    SignIn {
        /// The tenant that the consent named: a hint until the sign-in proves it.
        tenant_id: TenantId,
        /// What the id_token must repeat.
        nonce: String,
        /// The PKCE verifier.
        verifier: String,
    },
}

/// Consent links and attempts.
pub trait ConsentStore: Send + Sync {
    /// Stores a link.
    fn put_invitation(
        &self,
        invitation: &ConsentInvitation,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Finds a link that is alive at `now`.
    fn invitation(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<ConsentInvitation>, StoreError>> + Send;

    /// Counts an attempt and stores it; `false` when the link is dead or has had its ten.
    fn start_attempt(
        &self,
        attempt: &ConsentAttempt,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Takes an attempt that is alive at `now` away: a state works once.
    fn consume_attempt(
        &self,
        state_hash: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<ConsentAttempt>, StoreError>> + Send;

    /// Stores the second leg of an attempt that was consumed.
    fn put_attempt(
        &self,
        attempt: &ConsentAttempt,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Kills a link: its purpose is fulfilled.
    fn delete_invitation(
        &self,
        token_hash: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Our records of Graph's subscriptions.
pub trait SubscriptionStore: Send + Sync {
    /// Finds one by our key.
    fn subscription(
        &self,
        key: &SubscriptionKey,
    ) -> impl Future<Output = Result<Option<Subscription>, StoreError>> + Send;

    /// Finds a tenant's subscription on a resource.
    fn tenant_subscription(
        &self,
        tenant: &TenantId,
        resource: SubscribedResource,
    ) -> impl Future<Output = Result<Option<Subscription>, StoreError>> + Send;

    /// Stores a record whose stored `version` is one below (or which is new at version 1) and makes
    /// it the tenant's for its resource; `false` when it moved or the tenant has another.
    fn put_subscription(
        &self,
        subscription: &Subscription,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Deletes a record and the tenant's pointer to it.
    fn delete_subscription(
        &self,
        subscription: &Subscription,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All records of one of the [`super::SHARDS`], a page at a time.
    fn subscriptions(
        &self,
        shard: u8,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<ShardPage<Subscription>, StoreError>> + Send;
}
