//! Whose a contact was that has no tie any more.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::erasure::ErasedUser;
use contact_sync_domain::history::{HistoryEntry, HistoryKind};
use contact_sync_domain::review::{ReviewAction, ReviewList};

use super::past::{Happened, Past, Place};
use crate::admin::{AdminError, ChangeKind, Outside};
use crate::port::{ConnectionStore, ContactStore, StoredContact};
use crate::sync::contacts_of_users;

/// How many entries of a contact's past are looked through at most, and how many pages of runs.
const MOST: usize = 500;
const MOST_PAGES: usize = 50;

/// The user to whom a contact without a tie was tied last, as far as its past is kept. Nobody where
/// people said that it had never been his, or where he has another contact by now.
pub(in crate::admin) async fn last_user(
    outside: &impl Outside,
    contact: &Contact,
) -> Result<Option<ErasedUser>, AdminError> {
    let (account, store) = (&contact.account_id, outside.store());
    let place = Place::of(contact);
    let mut past = Past::behind(outside, (account, &contact.id), None, &place).await?;
    let mut found = None;
    for _ in 0..MOST {
        match past.next().await? {
            Some(Happened::Person(entry)) if was_never_his(&entry) => return Ok(None),
            Some(Happened::Person(entry)) => {
                let link = entry.before.and_then(|before| before.link);
                found = link.map(|link| ErasedUser {
                    connection_id: link.connection_id,
                    tenant_id: link.tenant_id,
                    object_id: link.object_id,
                });
            }
            // The tie itself was taken back.
            Some(Happened::Sync(change))
                if change.kind() == ChangeKind::Restore
                    && change.item.trace.as_ref().is_some_and(|trace| trace.after.is_some()) =>
            {
                return Ok(None);
            }
            Some(Happened::Sync(change)) => {
                let connection = store.connection(account, &change.connection_id).await?;
                found = connection.and_then(|one| one.tenant).map(|tenant| ErasedUser {
                    connection_id: change.connection_id,
                    tenant_id: tenant.id,
                    object_id: change.item.object_id,
                });
            }
            None => return Ok(None),
        }
        if found.is_some() || past.pages >= MOST_PAGES {
            break;
        }
    }
    let Some(user) = found else { return Ok(None) };
    let users = std::slice::from_ref(&user.object_id);
    let own = contacts_of_users(store, account, &user.tenant_id, users).await?;
    for other in own.iter().filter(|other| **other != contact.id) {
        if let Some(StoredContact::Present(_)) = store.get(account, other).await? {
            return Ok(None);
        }
    }
    Ok(Some(user))
}

/// Whether somebody said that a match was wrong: the contact is another's.
fn was_never_his(entry: &HistoryEntry) -> bool {
    matches!(
        entry.what,
        HistoryKind::Decided { list: ReviewList::Matched, action: ReviewAction::Unlink, .. }
    )
}
