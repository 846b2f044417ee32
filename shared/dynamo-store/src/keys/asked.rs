//! What people are asked and told, and what they decided.

use contact_sync_domain::id::{AccountId, ConnectionId, NoticeId, ObjectId, ReviewId};
use contact_sync_domain::notice::NoticeKind;
use contact_sync_domain::review::{ReviewAction, ReviewList};
use contact_sync_engine::port::SHARDS;
use jiff::Timestamp;

use super::Key;

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

/// Digests, and what else is told later, sort by when they are due.
pub(crate) fn digest(connection: &ConnectionId, kind: NoticeKind, due: Timestamp) -> Key {
    let mut sk = format!("{}#{connection}", digests_until(due));
    if kind != NoticeKind::Digest {
        sk.extend(["#", kind.name()]);
    }
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
