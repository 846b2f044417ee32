//! Which values attributes have in a connected directory, for pickers.
//!
//! They are read once and kept for a day. A directory too large for one answer is read on where the
//! answer before ended, so that a few calls read all of it and a click costs no listing.

use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::id::{AccountId, ConnectionId};
use contact_sync_domain::segment::NextStep;
use contact_sync_domain::value_counts::{COUNTED, ValueCounts, Values};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::directory::connected;
use super::directory_units::{UNIT, unit_values};
use super::{AdminError, Outside};
use crate::port::{Blobs, Clock, Directory, DirectoryError, Lane, StoreError};
use crate::segments::state_prefix;

/// For how long what was read is good enough.
pub(super) const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// After so long no further page is read: HTTP APIs give up after 30 seconds.
pub(super) const TIME: SignedDuration = SignedDuration::from_secs(15);

/// What was read so far.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    began_at: Timestamp,
    /// Where the listing goes on; none at its end.
    next: Option<String>,
    counts: ValueCounts,
}

/// One attribute's values in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryValues {
    /// The attribute.
    pub property: String,
    /// Its values.
    pub values: Values,
    /// How many people were read.
    pub people: u64,
    /// Whether that is the whole directory; otherwise asking again reads on.
    pub complete: bool,
    /// When reading began.
    pub as_of: Timestamp,
}

/// The values of an attribute whose text contains `query`; with `afresh` the directory is read
/// again from its beginning.
pub async fn directory_values(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    property: &str,
    query: &str,
    afresh: bool,
) -> Result<DirectoryValues, AdminError> {
    if property == UNIT {
        return unit_values(outside, account, id, query, afresh).await;
    }
    if !COUNTED.contains(&property) {
        let message = format!("expected one of {}, {UNIT}", COUNTED.join(", "));
        return Err(AdminError::invalid("/property", message));
    }
    let tenant = connected(outside, account, id).await?;
    let now = outside.clock().now();
    let key = key(account, id);
    let stored = outside.blobs().get(&key).await?;
    // Of another release's form, or damaged: read again.
    let stored = stored.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    let fresh = stored.filter(|kept| !afresh && now.duration_since(kept.began_at) < LIFE);
    let (mut kept, mut at_start) = match fresh {
        Some(kept) => (kept, false),
        None => (Kept { began_at: now, next: None, counts: ValueCounts::default() }, true),
    };
    let had = kept.counts.people;
    while at_start || kept.next.is_some() {
        let link = kept.next.clone();
        let select = UserSelection::default();
        let read = outside.directory().list_users(&tenant.id, &select, link.as_deref(), Lane::Bulk);
        let page = match read.await {
            Ok(page) => page,
            // The place where it goes on is forgotten by now.
            Err(DirectoryError::PageExpired | DirectoryError::Gone { .. }) if !at_start => {
                kept = Kept { began_at: now, next: None, counts: ValueCounts::default() };
                at_start = true;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        at_start = false;
        page.users.iter().for_each(|user| kept.counts.add(user));
        kept.next = match page.next {
            NextStep::Next(next) if Some(&next) != link.as_ref() => Some(next),
            NextStep::Next(_) | NextStep::Delta(_) | NextStep::End => None,
        };
        if outside.clock().now().duration_since(now) > TIME {
            break;
        }
    }
    if kept.counts.people != had || afresh {
        let bytes = serde_json::to_vec(&kept).map_err(|source| StoreError::Corrupt {
            item: "a directory's values".to_owned(),
            source: Box::new(source),
        })?;
        outside.blobs().put(&key, bytes, "application/json").await?;
    }
    Ok(DirectoryValues {
        property: property.to_owned(),
        values: kept.counts.of(property, query),
        people: kept.counts.people,
        complete: kept.next.is_none(),
        as_of: kept.began_at,
    })
}

/// Where what was counted is kept.
fn key(account: &AccountId, id: &ConnectionId) -> String {
    format!("{}values.json", state_prefix(account, id))
}

/// Forgets what was counted in a directory: a value that one person alone has may tell of him.
pub(super) async fn forget_values(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
) -> Result<(), StoreError> {
    outside.blobs().delete_prefix(&key(account, id)).await.map(drop)
}
