//! All that administration needs of the outside, as one parameter.

use crate::port::{
    AccountStore, AuditStore, Blobs, Clock, ConnectionStore, ConsentStore, ContactStore,
    DecisionStore, Directory, ErasureStore, EventLog, HistoryStore, IdempotencyStore, Mailer,
    MergeStore, NoticeStore, PauseStore, PendingStore, PhotoStore, Randomness, ReviewStore,
    RunStore, Schedules, SegmentStore, SettingsStore, SubscriptionStore, Subscriptions,
    SyncStateStore, TeamStore, TenantStore, WelcomeStore,
};

/// A store of everything.
pub trait AdminStore:
    AccountStore
    + AuditStore
    + ConnectionStore
    + ConsentStore
    + ContactStore
    + DecisionStore
    + ErasureStore
    + EventLog
    + HistoryStore
    + IdempotencyStore
    + MergeStore
    + NoticeStore
    + PauseStore
    + PendingStore
    + PhotoStore
    + ReviewStore
    + RunStore
    + SegmentStore
    + SettingsStore
    + SubscriptionStore
    + SyncStateStore
    + TeamStore
    + TenantStore
    + WelcomeStore
{
}

impl<S> AdminStore for S where
    S: AccountStore
        + AuditStore
        + ConnectionStore
        + ConsentStore
        + ContactStore
        + DecisionStore
        + ErasureStore
        + EventLog
        + HistoryStore
        + IdempotencyStore
        + MergeStore
        + NoticeStore
        + PauseStore
        + PendingStore
        + PhotoStore
        + ReviewStore
        + RunStore
        + SegmentStore
        + SettingsStore
        + SubscriptionStore
        + SyncStateStore
        + TeamStore
        + TenantStore
        + WelcomeStore
{
}

/// The outside, as one process has it.
pub trait Outside: Send + Sync + 'static {
    /// Where state and contacts are kept.
    type Store: AdminStore;
    /// The connected directories.
    type Directory: Directory + Subscriptions;
    /// Where large things are kept.
    type Blobs: Blobs;
    /// The connections' schedules.
    type Schedules: Schedules;
    /// Who sends mail.
    type Mailer: Mailer;
    /// The time.
    type Clock: Clock;
    /// Chance.
    type Randomness: Randomness;

    /// Who sends mail; absent where the installation has no sender.
    fn mailer(&self) -> Option<&Self::Mailer>;
    /// Where people look after their connections, where the installation says.
    fn portal_url(&self) -> Option<&str>;
    /// Where state and contacts are kept.
    fn store(&self) -> &Self::Store;
    /// The connected directories.
    fn directory(&self) -> &Self::Directory;
    /// Where large things are kept.
    fn blobs(&self) -> &Self::Blobs;
    /// The connections' schedules.
    fn schedules(&self) -> &Self::Schedules;
    /// The time.
    fn clock(&self) -> &Self::Clock;
    /// Chance.
    fn randomness(&self) -> &Self::Randomness;
}
