//! What the engine needs of the outside, each need a small trait.

mod administrative_units;
mod audit;
mod connections;
mod contacts;
mod credential;
mod directory;
mod erasure;
mod graph_budget;
mod history;
mod idempotency;
mod identity;
mod mail;
mod merges;
mod notices;
mod outside;
mod pause;
mod photos;
mod reviews;
mod shared;
mod subscriptions;
mod sync;
mod teams;
mod tenants;
mod welcomes;

pub use administrative_units::{AdministrativeUnit, AdministrativeUnits, UnitPage};
pub use audit::{AuditPage, AuditStore};
pub use connections::{
    AccountStore, ConnectionStore, ConsentAttempt, ConsentInvitation, ConsentLeg, ConsentStore,
    SettingsCause, SettingsStore, SettingsVersion, SubscriptionStore,
};
pub use contacts::{
    Bar, CLAIM_STANDS, ClaimChange, ClaimOutcome, ContactPage, ContactQuery, ContactStore,
    ContactWrite, EventLog, EventPage, IndexEntry, IndexPage, SHARDS, StoredContact, WriteOutcome,
};
pub use credential::{ClientCredential, CredentialError, CredentialSource};
pub use directory::{
    ByIds, DeltaPage, Directory, DirectoryError, Group, GroupChange, GroupPage, GroupsDeltaPage,
    Lane, MemberEdge, MemberKind, MemberPage, Organization, UserPage,
};
pub use erasure::{Burial, ErasureStore, EventsForgotten, KeptRecord};
pub use graph_budget::{Grant, GraphBudget, LimitOf};
pub use history::{HistoryPage, HistoryStore, told_until};
pub use idempotency::{IdempotencyStore, KeptAnswer, KeyedRequest};
pub use identity::{Identity, IdentityError, SignIn};
pub use mail::{Mail, MailError, Mailer};
pub use merges::{MergeStore, merged_until};
pub use notices::{
    DigestDue, DigestStore, MailClaim, MailLog, MailOf, NoticeFilter, NoticePage, NoticeStore,
};
pub use outside::{
    Blobs, BoxError, Clock, EventPublisher, PublishError, Randomness, ScheduleError, Schedules,
    StoreError,
};
pub use pause::PauseStore;
pub use photos::{PhotoStore, Photos};
pub use reviews::{DecisionPage, DecisionStore, ReviewPage, ReviewStore, decided_until};
pub use subscriptions::{NewSubscription, RemoteSubscription, SubscriptionError, Subscriptions};
pub use sync::{
    PendingItem, PendingKind, PendingPage, PendingStore, Release, RunPage, RunStore, SegmentRef,
    SegmentStore, ShardPage, SyncStateStore, Taken,
};
pub use teams::{MembershipKey, MembershipPage, Renamed, TeamStore};
pub use tenants::{Granted, TenantClaim, TenantGrant, TenantStore, TenantTaken};
pub use welcomes::{WelcomeClaim, WelcomeFilter, WelcomePage, WelcomeStore};
