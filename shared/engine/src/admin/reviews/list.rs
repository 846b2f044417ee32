//! The lists in which decisions wait, and the decisions that were made.

use std::collections::BTreeMap;

use contact_sync_domain::contact::Contact;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId};
use contact_sync_domain::review::{Decision, ReviewAction, ReviewItem, ReviewList, ReviewUser};

use crate::admin::connections::connection;
use crate::admin::{AdminError, Outside, Page};
use crate::port::{
    ContactStore, DecisionStore, ReviewStore, SettingsStore, SettingsVersion, StoredContact,
};

/// An item with the contacts it speaks of, as they are now.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewEntry {
    /// The item.
    pub item: ReviewItem,
    /// The contact concerned.
    pub contact: Option<Contact>,
    /// The contacts that come into question.
    pub candidates: Vec<Contact>,
}

/// A page of a list, with the contacts it speaks of.
pub async fn reviews(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    list: ReviewList,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<ReviewEntry>, AdminError> {
    let store = outside.store();
    let found = connection(store, account, id).await?;
    let (items, next) = if list == ReviewList::Ignored {
        ignored(outside, account, &found.id, cursor, limit).await?
    } else {
        let page = store.reviews(&found.id, list, cursor, limit).await?;
        let page = page.ok_or(AdminError::BadCursor)?;
        (page.items, page.cursor)
    };
    Ok(Page { items: with_contacts(outside, account, items).await?, next })
}

/// The users that the settings ignore, by the names under which they were last seen.
async fn ignored(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<(Vec<ReviewItem>, Option<String>), AdminError> {
    let store = outside.store();
    let settings = store.settings(account, id).await?;
    let users = settings.settings.scope.ignored_users.clone();
    let after = cursor.map(ObjectId::parse).transpose().or(Err(AdminError::BadCursor))?;
    let Page { items: page, next } = Page::of_all(users, |user| user, after.as_ref(), limit);
    let places: Vec<_> = page.iter().map(|user| (ReviewList::Ignored, user.clone())).collect();
    let known = store.reviews_of(id, &places).await?;
    let items = page.into_iter().map(|user| {
        let known = known.iter().find(|item| item.user.object_id == user).cloned();
        known.unwrap_or_else(|| ignored_by_settings(account, id, &settings, user))
    });
    Ok((items.collect(), next))
}

/// The item about a user whom the settings ignore, and of whom nothing more is known.
pub(super) fn ignored_by_settings(
    account: &AccountId,
    id: &ConnectionId,
    settings: &SettingsVersion,
    user: ObjectId,
) -> ReviewItem {
    ReviewItem {
        account_id: account.clone(),
        connection_id: id.clone(),
        list: ReviewList::Ignored,
        version: settings.version,
        user: ReviewUser { object_id: user, display_name: None, user_principal_name: None },
        contact_id: None,
        candidates: Vec::new(),
        versions: BTreeMap::new(),
        changes: Vec::new(),
        status: None,
        matched: None,
        suggested: Some(ReviewAction::Unignore),
        departure: None,
        reason: Some("ignored by the settings (scope.ignoredUsers)".to_owned()),
        remedy: None,
        run: String::new(),
        since: settings.saved_at.unwrap_or_default(),
    }
}

async fn with_contacts(
    outside: &impl Outside,
    account: &AccountId,
    items: Vec<ReviewItem>,
) -> Result<Vec<ReviewEntry>, AdminError> {
    let mut ids: Vec<ContactId> = items
        .iter()
        .flat_map(|item| item.contact_id.iter().chain(&item.candidates))
        .cloned()
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let found = outside.store().get_many(account, &ids).await?;
    let contacts: Vec<Contact> = found
        .into_iter()
        .filter_map(|stored| match stored {
            Some(StoredContact::Present(contact)) => Some(*contact),
            Some(StoredContact::Tombstone { .. }) | None => None,
        })
        .collect();
    let by_id = |id: &ContactId| contacts.iter().find(|contact| contact.id == *id).cloned();
    Ok(items
        .into_iter()
        .map(|item| ReviewEntry {
            contact: item.contact_id.as_ref().and_then(by_id),
            candidates: item.candidates.iter().filter_map(by_id).collect(),
            item,
        })
        .collect())
}

/// The decisions of a connection, newest first.
pub async fn review_decisions(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Decision>, AdminError> {
    let found = connection(outside.store(), account, id).await?;
    match outside.store().decisions(&found.id, cursor, limit).await? {
        Some(page) => Ok(Page { items: page.decisions, next: page.cursor }),
        None => Err(AdminError::BadCursor),
    }
}
