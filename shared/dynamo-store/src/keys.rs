//! Where each item lies. One place, so that no two kinds can meet under one key.

use contact_sync_domain::audit::AuditChain;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{
    AccountId, ConnectionId, ContactId, ErasureId, NoticeId, ObjectId, ReviewId, RunId,
    SubscriptionKey, TeamId, TenantId, shard_of,
};
use contact_sync_domain::notice::NoticeKind;
use contact_sync_domain::review::{ReviewAction, ReviewList};
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::{LimitOf, PendingKind, SHARDS};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::item::{Item, name, text};

/// An item's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key as attributes.
    pub(crate) fn attributes(&self) -> Item {
        Item::from([(name::PK.to_owned(), text(&self.pk)), (name::SK.to_owned(), text(&self.sk))])
    }

    /// The key of an item.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        let (pk, sk) = (item.get(name::PK)?.as_s().ok()?, item.get(name::SK)?.as_s().ok()?);
        Some(Self::new(pk, sk))
    }
}

/// A text from outside as part of a key: as it is while it fits (a sort key takes 1,024 bytes),
/// else its digest.
fn bounded(text: &str) -> String {
    if text.len() <= 900 {
        return text.to_owned();
    }
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold("~".to_owned(), |digits, byte| format!("{digits}{byte:02x}"))
}

// ---- The state table -----------------------------------------------------------------------

pub(crate) fn account_partition(account: &AccountId) -> String {
    format!("ACCOUNT#{account}")
}

pub(crate) fn account(account: &AccountId) -> Key {
    Key::new(account_partition(account), "ACCOUNT")
}

pub(crate) fn external_id(external_id: &str) -> Key {
    Key::new(format!("EXTERNAL#{}", bounded(external_id)), "EXTERNAL")
}

pub(crate) fn registry_partition(shard: u8) -> String {
    format!("ACCOUNTS#{shard}")
}

/// The registry of accounts, spread over shards: what a list of all accounts reads.
pub(crate) fn registered(account: &AccountId) -> Key {
    Key::new(registry_partition(account.shard(SHARDS)), account.as_str())
}

/// What the sort keys of an account's connections begin with.
pub(crate) const CONNECTION_PREFIX: &str = "CONNECTION#";

pub(crate) fn connection(account: &AccountId, connection: &ConnectionId) -> Key {
    Key::new(account_partition(account), format!("{CONNECTION_PREFIX}{connection}"))
}

/// What the sort keys of an account's teams begin with.
pub(crate) const TEAM_PREFIX: &str = "TEAM#";

pub(crate) fn team(account: &AccountId, team: &TeamId) -> Key {
    Key::new(account_partition(account), format!("{TEAM_PREFIX}{team}"))
}

/// Makes a team's name unique within its account.
pub(crate) fn team_name(account: &AccountId, name_key: &str) -> Key {
    Key::new(account_partition(account), format!("TEAMNAME#{}", bounded(name_key)))
}

pub(crate) fn tenant_partition(tenant: &TenantId) -> String {
    format!("TENANT#{tenant}")
}

/// What the sort keys of a tenant's claims begin with.
pub(crate) const CLAIM_PREFIX: &str = "CLAIM";

/// The claim of a tenant that nobody was granted.
pub(crate) fn tenant_claim(tenant: &TenantId) -> Key {
    Key::new(tenant_partition(tenant), CLAIM_PREFIX)
}

/// The claim of one of the accounts that were granted a tenant.
pub(crate) fn granted_claim(tenant: &TenantId, account: &AccountId) -> Key {
    Key::new(tenant_partition(tenant), format!("{CLAIM_PREFIX}#{account}"))
}

pub(crate) fn tenant_grant(tenant: &TenantId) -> Key {
    Key::new(tenant_partition(tenant), "GRANT")
}

/// What the sort keys of an account's pointers to its grants begin with.
pub(crate) const GRANT_PREFIX: &str = "GRANT#";

pub(crate) fn grant_pointer(account: &AccountId, tenant: &TenantId) -> Key {
    Key::new(account_partition(account), format!("{GRANT_PREFIX}{tenant}"))
}

pub(crate) fn tenant_subscription(tenant: &TenantId, resource: SubscribedResource) -> Key {
    Key::new(tenant_partition(tenant), format!("SUBSCRIPTION#{}", resource.path()))
}

pub(crate) fn subscription_partition(shard: u8) -> String {
    format!("SUBSCRIPTION#{shard}")
}

pub(crate) fn subscription(key: &SubscriptionKey) -> Key {
    Key::new(subscription_partition(key.shard(SHARDS)), key.as_str())
}

pub(crate) fn settings_partition(connection: &ConnectionId) -> String {
    format!("SETTINGS#{connection}")
}

pub(crate) fn settings(connection: &ConnectionId, version: u64) -> Key {
    Key::new(settings_partition(connection), format!("{version:010}"))
}

pub(crate) fn drafts_partition(connection: &ConnectionId) -> String {
    format!("DRAFTS#{connection}")
}

/// Not among the saved settings, of which the highest is current.
pub(crate) fn draft(connection: &ConnectionId, run: &RunId) -> Key {
    Key::new(drafts_partition(connection), run.as_str())
}

pub(crate) fn invitation(token_hash: &str) -> Key {
    Key::new(format!("INVITATION#{}", bounded(token_hash)), "INVITATION")
}

pub(crate) fn attempt(state_hash: &str) -> Key {
    Key::new(format!("ATTEMPT#{}", bounded(state_hash)), "ATTEMPT")
}

pub(crate) fn consent_partition(connection: &ConnectionId) -> String {
    format!("CONSENT#{connection}")
}

/// What leads from a connection to its links and attempts, so that they can be erased with it.
pub(crate) fn consent_pointer(connection: &ConnectionId, of: &Key) -> Key {
    Key::new(consent_partition(connection), &of.pk)
}

/// What the keys of the plan lane's items end with.
pub(crate) const PLAN_LANE: &str = "#plan";

pub(crate) fn sync_partition(shard: u8) -> String {
    format!("SYNC#{shard}")
}

fn lane_suffix(lane: Lane) -> &'static str {
    match lane {
        Lane::Main => "",
        Lane::Plan => PLAN_LANE,
    }
}

pub(crate) fn sync_state(account: &AccountId, connection: &ConnectionId, lane: Lane) -> Key {
    let sk = format!("{account}#{connection}{}", lane_suffix(lane));
    Key::new(sync_partition(connection.shard(SHARDS)), sk)
}

pub(crate) fn runs_partition(connection: &ConnectionId) -> String {
    format!("RUNS#{connection}")
}

pub(crate) fn run(connection: &ConnectionId, run: &RunId) -> Key {
    Key::new(runs_partition(connection), run.as_str())
}

pub(crate) fn segments_partition(connection: &ConnectionId) -> String {
    format!("SEGMENTS#{connection}")
}

pub(crate) fn segment(connection: &ConnectionId, run: &RunId, page: u32) -> Key {
    Key::new(segments_partition(connection), format!("{run}#P#{page:010}"))
}

pub(crate) fn deviations(connection: &ConnectionId, run: &RunId, page: u32) -> Key {
    Key::new(segments_partition(connection), format!("{run}#D#{page:010}"))
}

pub(crate) fn pending_partition(connection: &ConnectionId, lane: Lane) -> String {
    format!("PENDING#{connection}{}", lane_suffix(lane))
}

pub(crate) fn pending_prefix(kind: PendingKind) -> &'static str {
    match kind {
        PendingKind::Removal => "REMOVAL#",
        PendingKind::Collision => "COLLISION#",
        PendingKind::Approved => "APPROVED#",
        PendingKind::Escrow => "ESCROW#",
    }
}

pub(crate) fn pending(
    (connection, lane): (&ConnectionId, Lane),
    kind: PendingKind,
    key: &str,
) -> Key {
    let sk = format!("{}{}", pending_prefix(kind), bounded(key));
    Key::new(pending_partition(connection, lane), sk)
}

pub(crate) fn reviews_partition(connection: &ConnectionId, list: ReviewList) -> String {
    format!("REVIEWS#{connection}#{}", list.name())
}

pub(crate) fn review(connection: &ConnectionId, list: ReviewList, user: &ObjectId) -> Key {
    Key::new(reviews_partition(connection, list), user.as_str())
}

pub(crate) fn decisions_partition(connection: &ConnectionId) -> String {
    format!("DECISIONS#{connection}")
}

/// What the sort keys of decisions by time begin with, for as long as microseconds have 16 digits.
pub(crate) const DECISION_PREFIX: &str = "0000";

/// Decisions sort by when they were made.
pub(crate) fn decision(connection: &ConnectionId, at: Timestamp, item: &ReviewId) -> Key {
    let sk = format!("{:020}#{item}", at.as_microsecond());
    Key::new(decisions_partition(connection), sk)
}

/// The same decision, where a request that is sent again finds it.
pub(crate) fn decided(
    connection: &ConnectionId,
    item: &ReviewId,
    version: u64,
    action: ReviewAction,
) -> Key {
    let sk = format!("ITEM#{item}#{version}#{}", action.name());
    Key::new(decisions_partition(connection), sk)
}

pub(crate) fn refused_partition(connection: &ConnectionId) -> String {
    format!("REFUSED#{connection}")
}

pub(crate) fn refused(connection: &ConnectionId, key: u128) -> Key {
    Key::new(refused_partition(connection), format!("{key:032x}"))
}

pub(crate) fn notices_partition(account: &AccountId) -> String {
    format!("NOTICES#{account}")
}

/// Notices sort by when they were raised.
pub(crate) fn notice(account: &AccountId, notice: &NoticeId) -> Key {
    Key::new(notices_partition(account), notice.as_str())
}

pub(crate) fn noticed_partition(connection: &ConnectionId) -> String {
    format!("NOTICED#{connection}")
}

/// What was told last.
pub(crate) fn noticed(connection: &ConnectionId, kind: NoticeKind) -> Key {
    Key::new(noticed_partition(connection), kind.name())
}

pub(crate) fn digests_partition(shard: u8) -> String {
    format!("DIGESTS#{shard}")
}

/// What the sort keys of digests begin with, for as long as seconds have 10 digits.
pub(crate) const DIGEST_PREFIX: &str = "00";

/// Digests sort by when they are due.
pub(crate) fn digest(connection: &ConnectionId, due: Timestamp) -> Key {
    let sk = format!("{}#{connection}", digests_until(due));
    Key::new(digests_partition(connection.shard(SHARDS)), sk)
}

/// What the sort keys of digests that are due then begin with.
pub(crate) fn digests_until(due: Timestamp) -> String {
    format!("{:012}", due.as_second())
}

pub(crate) fn mailed_partition(account: &AccountId) -> String {
    format!("MAILED#{account}")
}

/// Mails lie with their account, so that they are erased with it.
pub(crate) fn mailed(account: &AccountId, notice: &NoticeId, address_hash: &str) -> Key {
    Key::new(mailed_partition(account), format!("{notice}#{address_hash}"))
}

/// A log of events: the common one, or an account's.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    name: String,
}

/// How many entries of a log share a partition.
pub(crate) const BUCKET: u64 = 1_000;

/// Which partition of its log an entry lies in.
pub(crate) fn bucket(number: u64) -> u64 {
    number / BUCKET
}

impl Log {
    pub(crate) fn all() -> Self {
        Self { name: "ALL".to_owned() }
    }

    /// An account's log, or the common one.
    pub(crate) fn of(account: Option<&AccountId>) -> Self {
        account.map_or_else(Self::all, |account| Self { name: account.to_string() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn is_common(&self) -> bool {
        self.name == "ALL"
    }

    pub(crate) fn head(&self) -> Key {
        Key::new(format!("EVENTS#{}", self.name), "HEAD")
    }

    pub(crate) fn bucket_partition(&self, bucket: u64) -> String {
        format!("EVENTS#{}#{bucket}", self.name)
    }

    pub(crate) fn entry(&self, number: u64) -> Key {
        Key::new(self.bucket_partition(bucket(number)), format!("{number:020}"))
    }
}

pub(crate) fn receipts_partition(account: &AccountId) -> String {
    format!("ERASURES#{account}")
}

pub(crate) fn receipt(account: &AccountId, id: &ErasureId) -> Key {
    Key::new(receipts_partition(account), id.as_str())
}

pub(crate) fn audit_partition(chain: &AuditChain) -> String {
    format!("AUDIT#{chain}")
}

pub(crate) fn audit_head(chain: &AuditChain) -> Key {
    Key::new(audit_partition(chain), "HEAD")
}

/// What the sort keys of entries begin with: their numbers have 20 digits, and none needs them all.
pub(crate) const AUDIT_ENTRIES: &str = "0";

pub(crate) fn audit_entry(chain: &AuditChain, seq: u64) -> Key {
    Key::new(audit_partition(chain), format!("{seq:020}"))
}

/// What the sort keys of requests with an idempotency key begin with.
pub(crate) const KEYED_PREFIX: &str = "KEYED#";

/// Requests with an idempotency key lie with their account, so that they are erased with it.
pub(crate) fn keyed_request(account: Option<&AccountId>, key_hash: &str) -> Key {
    let sk = format!("{KEYED_PREFIX}{}", bounded(key_hash));
    match account {
        Some(account) => Key::new(account_partition(account), sk),
        None => Key::new(&sk, "KEYED"),
    }
}

/// The pause of everything.
pub(crate) fn pause() -> Key {
    Key::new("GLOBAL#ALL", "PAUSE")
}

/// What bulk reads may still take of a limit of Graph's.
pub(crate) fn graph_budget(limit: LimitOf<'_>) -> Key {
    match limit {
        LimitOf::App => Key::new("BUDGET#APP", "BULK"),
        LimitOf::Tenant(tenant) => Key::new(format!("BUDGET#{tenant}"), "BULK"),
    }
}

// ---- The contacts table --------------------------------------------------------------------

pub(crate) fn contacts_partition(account: &AccountId, shard: u8) -> String {
    format!("A#{account}#{shard}")
}

/// What the sort keys of contacts and tombstones begin with.
pub(crate) const CONTACT_PREFIX: &str = "C#";

pub(crate) fn contact(account: &AccountId, contact: &ContactId) -> Key {
    let sk = format!("{CONTACT_PREFIX}{contact}");
    Key::new(contacts_partition(account, contact.shard(SHARDS)), sk)
}

pub(crate) fn claim(account: &AccountId, email_key: &str) -> Key {
    let shard = shard_of(email_key, SHARDS);
    Key::new(contacts_partition(account, shard), format!("E#{}", bounded(email_key)))
}

pub(crate) fn adoption(account: &AccountId, tenant: &TenantId, user: &ObjectId) -> Key {
    let shard = shard_of(user.as_str(), SHARDS);
    Key::new(contacts_partition(account, shard), format!("L#{tenant}#{user}"))
}

/// What the sort keys of what people did to a contact begin with.
pub(crate) fn history_prefix(contact: &ContactId) -> String {
    format!("H#{contact}#")
}

/// What people did sorts by the contact's version, then by when.
pub(crate) fn history(account: &AccountId, entry: &HistoryEntry) -> Key {
    let contact = &entry.contact_id;
    let sk = format!("{}{:020}#{}", history_prefix(contact), entry.version, entry.id);
    Key::new(contacts_partition(account, contact.shard(SHARDS)), sk)
}

/// What the sort keys of memberships begin with.
pub(crate) const MEMBERSHIP_PREFIX: &str = "M#";

/// What the sort keys of one contact's memberships begin with.
pub(crate) fn memberships_prefix(contact: &ContactId) -> String {
    format!("{MEMBERSHIP_PREFIX}{contact}#")
}

pub(crate) fn membership(account: &AccountId, contact: &ContactId, team: &TeamId) -> Key {
    let sk = format!("{}{team}", memberships_prefix(contact));
    Key::new(contacts_partition(account, contact.shard(SHARDS)), sk)
}

/// What the sort keys of one team's members begin with.
pub(crate) fn team_members_prefix(team: &TeamId) -> String {
    format!("T#{team}#")
}

/// What leads from a team to a membership. It lies with the contact, so that a team's members are
/// spread as its account's contacts are, and go with them.
pub(crate) fn team_member(account: &AccountId, contact: &ContactId, team: &TeamId) -> Key {
    let sk = format!("{}{contact}", team_members_prefix(team));
    Key::new(contacts_partition(account, contact.shard(SHARDS)), sk)
}

/// The contact behind the sort key of a team's member.
pub(crate) fn team_member_of(sk: &str) -> Option<ContactId> {
    ContactId::parse(sk.strip_prefix("T#")?.split_once('#')?.1).ok()
}

/// The contact and the team behind a membership's sort key.
pub(crate) fn membership_of(sk: &str) -> Option<(ContactId, TeamId)> {
    let (contact, team) = sk.strip_prefix(MEMBERSHIP_PREFIX)?.split_once('#')?;
    Some((ContactId::parse(contact).ok()?, TeamId::parse(team).ok()?))
}
