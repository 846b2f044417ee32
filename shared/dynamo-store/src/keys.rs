//! Where each item lies. One place, so that no two kinds can meet under one key.

mod asked;
mod connections;
mod contacts;

use contact_sync_domain::audit::AuditChain;
use contact_sync_domain::id::{
    AccountId, ConnectionId, ErasureId, SubscriptionKey, TeamId, TenantId,
};
use contact_sync_domain::subscription::SubscribedResource;
use contact_sync_engine::port::{LimitOf, SHARDS};
use sha2::{Digest, Sha256};

use crate::item::{Item, name, text};

pub(crate) use self::asked::*;
pub(crate) use self::connections::*;
pub(crate) use self::contacts::*;

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

/// The team behind a sort key.
pub(crate) fn team_of(sk: &str) -> Option<TeamId> {
    TeamId::parse(sk.strip_prefix(TEAM_PREFIX)?).ok()
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

/// The receipts of all accounts that are open.
pub(crate) const OPEN_ERASURES: &str = "ERASING#ALL";

pub(crate) fn open_erasure(account: &AccountId, id: &ErasureId) -> Key {
    Key::new(OPEN_ERASURES, format!("{account}#{id}"))
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
