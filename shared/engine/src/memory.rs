//! Every port in memory, for tests: conditions hold or not, claims are taken, leases pass on, a
//! store can be down. What a test asserts about these it may expect of the real adapters, which
//! have conformance tests of their own.

mod accounts;
mod audit;
mod blobs;
mod bus;
mod chance;
mod clock;
mod contacts;
mod directory;
mod erasures;
mod event_log;
mod graph_budget;
mod history;
mod mailer;
mod merges;
mod notices;
mod pause;
mod photos;
mod requests;
mod reviews;
mod runs;
mod subscriptions;
mod sync_states;
mod teams;
mod tenants;
mod units;
mod watching;
mod welcomes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contact_sync_domain::account::Account;
use contact_sync_domain::audit::{AuditChain, AuditHead, SealedEntry};
use contact_sync_domain::connection::Connection;
use contact_sync_domain::erasure::ErasureReceipt;
use contact_sync_domain::event::ContactEvent;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{
    AccountId, ConnectionId, ContactId, ErasureId, HistoryId, NoticeId, ObjectId, RunId,
    SubscriptionKey, TeamId, TenantId,
};
use contact_sync_domain::notice::{Notice, NoticeKind, Noticed};
use contact_sync_domain::pause::Pause;
use contact_sync_domain::photo::{ContactPhoto, PhotoLane};
use contact_sync_domain::review::{Decision, ReviewItem, ReviewList};
use contact_sync_domain::run::Run;
use contact_sync_domain::segment::Deviation;
use contact_sync_domain::subscription::Subscription;
use contact_sync_domain::sync_state::{Lane, SyncState};
use contact_sync_domain::team::{Membership, Team};
use contact_sync_domain::welcome::{Welcome, WelcomeTemplate};
use jiff::Timestamp;

use crate::port::{
    ConsentAttempt, ConsentInvitation, DigestDue, KeyedRequest, PendingItem, PendingKind,
    SegmentRef, SettingsVersion, StoreError, StoredContact, TenantClaim, TenantGrant,
};

pub use blobs::MemoryBlobs;
pub use bus::MemoryBus;
pub use chance::Counter;
pub use clock::HeldClock;
pub use directory::{Entra, MemoryDirectory};
pub use graph_budget::MemoryBudget;
pub use mailer::{MailFate, MemoryMailer};

/// What somebody else does, and after how many more calls of the store.
pub type Meanwhile = (usize, fn(&mut World));

/// Everything that is kept, open to a test.
#[derive(Debug, Default)]
pub struct World {
    /// Accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Connections.
    pub connections: BTreeMap<ConnectionId, Connection>,
    /// Who uses which tenant.
    pub tenants: BTreeMap<TenantId, TenantClaim>,
    /// Which accounts may use a tenant side by side.
    pub grants: BTreeMap<TenantId, TenantGrant>,
    /// Who does.
    pub granted_claims: BTreeMap<(TenantId, AccountId), TenantClaim>,
    /// Saved settings, oldest first.
    pub settings: BTreeMap<ConnectionId, Vec<SettingsVersion>>,
    /// What plans are made under, by connection and run.
    pub drafts: BTreeMap<(ConnectionId, RunId), SettingsVersion>,
    /// Consent links by the hash of their token.
    pub invitations: BTreeMap<String, ConsentInvitation>,
    /// Ways through consent by the hash of their state.
    pub attempts: BTreeMap<String, ConsentAttempt>,
    /// Records of subscriptions.
    pub subscriptions: BTreeMap<SubscriptionKey, Subscription>,
    /// Sync states.
    pub states: BTreeMap<ConnectionId, SyncState>,
    /// Sync states of the plan lane.
    pub plan_states: BTreeMap<ConnectionId, SyncState>,
    /// Runs.
    pub runs: BTreeMap<RunId, Run>,
    /// Where segments are, by run and page.
    pub segments: BTreeMap<(RunId, u32), SegmentRef>,
    /// What deviated, by run and page.
    pub deviations: BTreeMap<(RunId, u32), Vec<Deviation>>,
    /// What waits for the end of a run, by lane, kind and key.
    pub pending: BTreeMap<(ConnectionId, Lane, PendingKind, String), PendingItem>,
    /// What waits for people.
    pub reviews: BTreeMap<(ConnectionId, ReviewList, ObjectId), ReviewItem>,
    /// What people decided, oldest first.
    pub decisions: BTreeMap<ConnectionId, Vec<Decision>>,
    /// What people asked for.
    pub audit: BTreeMap<AuditChain, Vec<SealedEntry>>,
    /// How far the chains are known to reach.
    pub audit_heads: BTreeMap<AuditChain, AuditHead>,
    /// Receipts of people who were forgotten.
    pub receipts: BTreeMap<(AccountId, ErasureId), ErasureReceipt>,
    /// What was told last of each connection and kind.
    pub noticed: BTreeMap<(ConnectionId, NoticeKind), Noticed>,
    /// Notices.
    pub notices: BTreeMap<NoticeId, Notice>,
    /// Which digests are due.
    pub digests: BTreeMap<(Timestamp, ConnectionId, NoticeKind), DigestDue>,
    /// Mails of notices by a digest of the address: whether sent, and until when somebody is at it.
    pub mailed: BTreeMap<(NoticeId, String), (bool, Timestamp)>,
    /// What accounts' welcome mails say.
    pub welcome_templates: BTreeMap<AccountId, WelcomeTemplate>,
    /// Who was welcomed.
    pub welcomes: BTreeMap<(AccountId, ContactId), Welcome>,
    /// Under which addresses, by their digest; without a contact once the person was forgotten.
    pub welcomed_addresses: BTreeMap<(AccountId, String), Option<ContactId>>,
    /// What is known of contacts' photos.
    pub photos: BTreeMap<ContactId, ContactPhoto>,
    /// How far connections' photos were looked at.
    pub photo_lanes: BTreeMap<ConnectionId, PhotoLane>,
    /// Requests that carried an idempotency key, by its hash.
    pub keyed: BTreeMap<String, KeyedRequest>,
    /// Contacts and their tombstones.
    pub contacts: BTreeMap<ContactId, StoredContact>,
    /// Whose an address is.
    pub claims: BTreeMap<(AccountId, String), ContactId>,
    /// When it was claimed; a claim that is not here is old.
    pub claimed_at: BTreeMap<(AccountId, String), Timestamp>,
    /// The connection in which a contact's source version counts, also after it lost its link.
    pub former_connections: BTreeMap<ContactId, ConnectionId>,
    /// Contacts that existed before, by the user they were linked to.
    pub adoptions: BTreeMap<(AccountId, TenantId, ObjectId), ContactId>,
    /// Teams.
    pub teams: BTreeMap<TeamId, Team>,
    /// Who is or was in which team.
    pub memberships: BTreeMap<(ContactId, TeamId), Membership>,
    /// What people did, by account, contact, the contact's version and their ids.
    pub history: BTreeMap<(AccountId, ContactId, u64, HistoryId), HistoryEntry>,
    /// Which contacts were merged into which, by account and those that stayed, and until when that
    /// is known.
    pub merges: BTreeMap<(AccountId, ContactId, ContactId), Timestamp>,
    /// Memberships written so far.
    pub membership_writes: usize,
    /// The event log.
    pub events: Vec<ContactEvent>,
    /// Contacts read by [`crate::port::ContactStore::get_many`] so far.
    pub contact_reads: usize,
    /// The next so many conditional writes find that somebody else was faster.
    pub races: usize,
    /// Done to the stored connection before each of the next updates, as somebody else would; the
    /// last one first.
    pub interference: Vec<fn(&mut Connection)>,
    /// These contacts cannot be read.
    pub unreadable_contacts: BTreeSet<ContactId>,
    /// These connections' own items cannot be read.
    pub unreadable_connections: BTreeSet<ConnectionId>,
    /// These connections' sync states cannot be read.
    pub unreadable_states: BTreeSet<ConnectionId>,
    /// These records of subscriptions cannot be read.
    pub unreadable_subscriptions: BTreeSet<SubscriptionKey>,
    /// Whether everything is paused.
    pub pause: Option<Pause>,
    /// When the last one ended.
    pub resumed_at: Option<Timestamp>,
    /// Whether the store answers nothing at all.
    pub is_down: bool,
    /// The store answers so many more calls, then none: whoever works dies there.
    pub calls_left: Option<usize>,
    /// Done once by somebody else.
    pub meanwhile: Option<Meanwhile>,
}

impl World {
    /// The sync states of a lane.
    pub fn states_of(&mut self, lane: Lane) -> &mut BTreeMap<ConnectionId, SyncState> {
        match lane {
            Lane::Main => &mut self.states,
            Lane::Plan => &mut self.plan_states,
        }
    }

    /// Whether somebody else is faster this time.
    fn loses_race(&mut self) -> bool {
        let loses = self.races > 0;
        self.races = self.races.saturating_sub(1);
        loses
    }
}

/// A store that keeps a [`World`].
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Arc<Mutex<World>>,
    lane: Lane,
}

impl MemoryStore {
    /// What is kept, to look at and to change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.kept)
    }

    /// The same, if the store is up.
    fn up(&self) -> Result<MutexGuard<'_, World>, StoreError> {
        let mut world = self.world();
        let dies_here = world.calls_left == Some(0);
        world.calls_left = world.calls_left.map(|left| left.saturating_sub(1));
        if world.is_down || dies_here {
            let source = "no answer".into();
            return Err(StoreError::Unavailable { operation: "anything", source });
        }
        match world.meanwhile.take() {
            Some((0, act)) => act(&mut world),
            Some((calls, act)) => world.meanwhile = Some((calls - 1, act)),
            None => {}
        }
        Ok(world)
    }
}

/// What a lock holds, also after a test that held it failed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unreadable(item: String) -> StoreError {
    StoreError::Corrupt { item, source: "a test made it unreadable".into() }
}

/// A page of a list; the cursor is a position in it. A cursor that is none is `None`.
fn page<T>(items: Vec<T>, cursor: Option<&str>, limit: u16) -> Option<(Vec<T>, Option<String>)> {
    let start: usize = cursor.map_or(Some(0), |cursor| cursor.parse().ok())?;
    let end = start + usize::from(limit);
    let next = (end < items.len()).then(|| end.to_string());
    Some((items.into_iter().skip(start).take(usize::from(limit)).collect(), next))
}
