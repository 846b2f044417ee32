//! Of one connection: its settings, its links, its work and its runs.

use contact_sync_domain::id::{AccountId, ConnectionId, RunId};
use contact_sync_domain::sync_state::Lane;
use contact_sync_engine::port::{PendingKind, SHARDS};

use super::{Key, bounded};

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

pub(crate) fn photo_lane_partition(connection: &ConnectionId) -> String {
    format!("PHOTOS#{connection}")
}

/// How far a connection's photos were looked at.
pub(crate) fn photo_lane(connection: &ConnectionId) -> Key {
    Key::new(photo_lane_partition(connection), "LANE")
}

/// The walks through photos, of all accounts, that are not over.
pub(crate) const OPEN_PHOTO_WALKS: &str = "PHOTOS#ALL";

pub(crate) fn open_photo_walk(account: &AccountId, connection: &ConnectionId) -> Key {
    Key::new(OPEN_PHOTO_WALKS, format!("{account}#{connection}"))
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
