//! The contacts table.

use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId, TeamId, TenantId, shard_of};
use contact_sync_engine::port::SHARDS;

use super::{Key, bounded};

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

/// What is known of a contact's photo.
pub(crate) fn photo(account: &AccountId, contact: &ContactId) -> Key {
    Key::new(contacts_partition(account, contact.shard(SHARDS)), format!("P#{contact}"))
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

/// What the sort keys of notes begin with that say what was merged into a contact.
pub(crate) fn merges_prefix(stays: &ContactId) -> String {
    format!("G#{stays}#")
}

pub(crate) fn merge(account: &AccountId, stays: &ContactId, goes: &ContactId) -> Key {
    let sk = format!("{}{goes}", merges_prefix(stays));
    Key::new(contacts_partition(account, stays.shard(SHARDS)), sk)
}

/// The contact that was merged, behind such a sort key.
pub(crate) fn merged_of(sk: &str) -> Option<ContactId> {
    ContactId::parse(sk.strip_prefix("G#")?.split_once('#')?.1).ok()
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
