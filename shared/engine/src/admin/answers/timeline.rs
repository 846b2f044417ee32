//! A contact's timeline: what sync and people did to it, newest first, and what waits.

use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{AccountId, ContactId};
use contact_sync_domain::review::{ReviewItem, ReviewList};
use contact_sync_domain::team::Turn;
use jiff::{SignedDuration, Timestamp};

use super::past::{BySync, Happened, Past, Place};
use crate::admin::{AdminError, Outside, Page};
use crate::port::{AccountStore, Clock, ContactStore, ReviewStore, StoredContact, TeamStore};

/// Pages of runs that one page of a timeline reads at most.
const MOST_PAGES: usize = 50;

/// One entry of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub enum TimelineEntry {
    /// A run changed the contact.
    Sync(Box<BySync>),
    /// A person did.
    Person(Box<HistoryEntry>),
    /// The directory let it join or leave a team, or a run did.
    Membership(Box<Turn>),
    /// Something waits for a person.
    Waiting(Box<ReviewItem>),
    /// What was before is not kept any more.
    Older {
        /// When the oldest thing that is told happened.
        before: Timestamp,
    },
}

/// A page of a contact's timeline, newest first; also of a contact that was removed, while its
/// number is kept.
pub async fn timeline(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<TimelineEntry>, AdminError> {
    let store = outside.store();
    let stored = store.get(account, id).await?;
    let (newest, link) = match &stored {
        Some(StoredContact::Present(contact)) => (Place::of(contact), contact.link.as_ref()),
        // What only bars an id never was a contact; an erased one has no past.
        Some(StoredContact::Tombstone { version, by, erased: false, .. }) if *version > 0 => {
            (Place::newest(*version, by.clone()), None)
        }
        Some(StoredContact::Tombstone { .. }) | None => {
            return Err(AdminError::NotFound("contact"));
        }
    };
    let mut place = match cursor {
        None => newest,
        Some(cursor) => Place::read(cursor).ok_or(AdminError::BadCursor)?,
    };
    let began = place.at;
    let mut items = Vec::new();
    if let (None, Some(link)) = (cursor, link) {
        let places = ReviewList::ALL.map(|list| (list, link.object_id.clone()));
        let waiting = store.reviews_of(&link.connection_id, &places).await?;
        let waiting = waiting.into_iter().filter(|item| item.list != ReviewList::Ignored);
        items.extend(waiting.map(|item| TimelineEntry::Waiting(Box::new(item))));
    }
    let linked = link.map(|link| &link.connection_id);
    let mut past = Past::behind(outside, (account, id), linked, &place).await?;
    let mut told = Vec::new();
    let mut more = true;
    while told.len() < usize::from(limit) && past.pages < MOST_PAGES {
        let Some(happened) = past.next().await? else {
            more = false;
            break;
        };
        place = past.place(&happened, &place);
        told.push(happened);
    }
    let ends = if more { place.at } else { Timestamp::MIN };
    let mut turns = turns(outside, account, id).await?;
    turns.retain(|one| one.at < began && one.at >= ends);
    let mut turns = turns.into_iter().peekable();
    for happened in told {
        while let Some(one) = turns.next_if(|one| one.at > happened.at()) {
            items.push(TimelineEntry::Membership(Box::new(one)));
        }
        items.push(match happened {
            Happened::Sync(change) => TimelineEntry::Sync(change),
            Happened::Person(entry) => TimelineEntry::Person(entry),
        });
    }
    items.extend(turns.map(|one| TimelineEntry::Membership(Box::new(one))));
    if !more && past.is_cut() {
        items.push(TimelineEntry::Older { before: place.at });
    }
    Ok(Page { items, next: more.then(|| place.cursor()) })
}

/// What sync changed of a contact's memberships, newest first: the last change of each, however old,
/// and those before it as long as the account keeps what runs did.
async fn turns(
    outside: &impl Outside,
    account: &AccountId,
    id: &ContactId,
) -> Result<Vec<Turn>, AdminError> {
    let store = outside.store();
    let memberships = store.memberships_of(account, id).await?;
    let has_past = memberships.iter().any(|one| !one.past.is_empty());
    let kept = if has_past { store.account(account).await? } else { None };
    let days = kept.map(|account| account.retention).unwrap_or_default().history_days;
    let life = SignedDuration::from_hours(24 * i64::from(days));
    let oldest = outside.clock().now().checked_sub(life).unwrap_or(Timestamp::MIN);
    let mut turns: Vec<Turn> = Vec::new();
    for one in memberships {
        let known = one.turns().into_iter();
        turns.extend(known.filter(|turn| turn.at >= oldest || turn.at == one.updated_at));
    }
    turns.sort_by_key(|turn| turn.at);
    turns.reverse();
    Ok(turns)
}
