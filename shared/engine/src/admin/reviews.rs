//! Reviews: the lists in which decisions wait, and deciding.

mod actions;
mod desk;

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, ReviewId};
use contact_sync_domain::review::{Decision, ReviewAction, ReviewItem, ReviewList, ReviewUser};
use contact_sync_domain::segment::FieldChange;
use futures::{StreamExt, stream};
use serde_json::Value;

use super::connections::connection;
use super::document::Members;
use super::settings::{ignore, stop_ignoring};
use super::{AdminError, Caller, Outside, Page};
use crate::port::{
    ContactStore, DecisionStore, Directory, ReviewStore, SettingsStore, StoredContact,
};
use desk::Desk;

/// How many items of a list one request decides: as many as surely fit into a function's time.
const AT_ONCE: u16 = 100;

/// How many of them are decided at the same time.
const DECIDERS: usize = 8;

/// How far back a repeated request is recognised.
const REMEMBERED: u16 = 100;

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

/// What a person wants done with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRequest {
    action: ReviewAction,
    version: u64,
    contact: Option<ContactId>,
}

/// What a person wants done with all of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    list: ReviewList,
    action: ReviewAction,
    cursor: Option<String>,
}

/// What came of a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The item that was decided.
    pub item: ReviewId,
    /// What was done.
    pub action: ReviewAction,
    /// The contact that came of it or was concerned, as it is now.
    pub contact: Option<Contact>,
}

/// What came of deciding a list.
#[derive(Debug)]
pub struct ListDecided {
    /// How many were decided.
    pub done: usize,
    /// Those that were not, and why.
    pub failed: Vec<(ReviewId, AdminError)>,
    /// Where to go on; absent at the end of the list.
    pub next: Option<String>,
}

impl ReviewRequest {
    /// Reads `{action, version, contact?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let action = read_action(&mut members);
        let version = members.value("version").map(Value::as_u64);
        if version.flatten().is_none() {
            members.problem("version", "expected the item's version, a whole number");
        }
        let contact = members.changed_text("contact", 64).and_then(|text| {
            let id = ContactId::parse(&text).ok();
            if id.is_none() {
                members.problem("contact", "expected a contact's id");
            }
            id
        });
        let problems = members.finish();
        match (action, version.flatten()) {
            (Some(action), Some(version)) if problems.is_empty() => {
                Ok(Self { action, version, contact })
            }
            _ => Err(AdminError::Invalid(problems)),
        }
    }
}

impl ListRequest {
    /// Reads `{list, action, cursor?}`.
    pub fn read(document: &Value) -> Result<Self, AdminError> {
        let mut members = Members::of(document, "").map_err(AdminError::Invalid)?;
        let list = members.text("list", 32).and_then(|word| {
            let list = ReviewList::parse(&word);
            if list.is_none() {
                members.problem("list", format!("expected one of {}", list_names()));
            }
            list
        });
        let action = read_action(&mut members);
        let cursor = members.changed_text("cursor", 512);
        if let (Some(list), Some(action)) = (list, action)
            && !list.actions().contains(&action)
        {
            members.problem("action", not_of(list));
        }
        let problems = members.finish();
        match (list, action) {
            (Some(list), Some(action)) if problems.is_empty() => Ok(Self { list, action, cursor }),
            _ => Err(AdminError::Invalid(problems)),
        }
    }
}

fn read_action(members: &mut Members<'_>) -> Option<ReviewAction> {
    let word = members.text("action", 32)?;
    let action = ReviewAction::parse(&word);
    if action.is_none() {
        let names: Vec<&str> = ReviewAction::ALL.into_iter().map(ReviewAction::name).collect();
        members.problem("action", format!("expected one of {}", names.join(", ")));
    }
    action
}

/// The names of the lists, for messages.
pub fn list_names() -> String {
    ReviewList::ALL.map(ReviewList::name).join(", ")
}

fn not_of(list: ReviewList) -> String {
    let names: Vec<&str> = list.actions().iter().map(|action| action.name()).collect();
    format!("the list `{}` takes {}", list.name(), names.join(", "))
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
    let mut users = settings.settings.scope.ignored_users.clone();
    users.sort_unstable();
    let after = match cursor.map(ObjectId::parse) {
        None => None,
        Some(Ok(after)) => Some(after),
        Some(Err(_)) => return Err(AdminError::BadCursor),
    };
    let mut rest = users.into_iter().filter(|user| after.as_ref().is_none_or(|at| user > at));
    let page: Vec<ObjectId> = rest.by_ref().take(usize::from(limit)).collect();
    let next = rest.next().and(page.last()).map(ToString::to_string);
    let places: Vec<_> = page.iter().map(|user| (ReviewList::Ignored, user.clone())).collect();
    let known = store.reviews_of(id, &places).await?;
    let items = page.into_iter().map(|user| {
        let known = known.iter().find(|item| item.user.object_id == user).cloned();
        known.unwrap_or_else(|| ReviewItem {
            user: ReviewUser { object_id: user, display_name: None, user_principal_name: None },
            ..blank(account, id, settings.version, settings.saved_at.unwrap_or_default())
        })
    });
    Ok((items.collect(), next))
}

/// An item of the ignored list that says nothing yet.
fn blank(
    account: &AccountId,
    id: &ConnectionId,
    version: u64,
    since: jiff::Timestamp,
) -> ReviewItem {
    ReviewItem {
        account_id: account.clone(),
        connection_id: id.clone(),
        list: ReviewList::Ignored,
        version,
        user: ReviewUser {
            object_id: ObjectId::from_u128(0),
            display_name: None,
            user_principal_name: None,
        },
        contact_id: None,
        candidates: Vec::new(),
        changes: Vec::new(),
        matched: None,
        suggested: Some(ReviewAction::Unignore),
        reason: Some("ignored by the settings (scope.ignoredUsers)".to_owned()),
        remedy: None,
        run: String::new(),
        since,
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

/// Decides one item.
pub async fn decide_review(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ConnectionId,
    item: &ReviewId,
    request: &ReviewRequest,
) -> Result<Decided, AdminError> {
    let desk = Desk::open(outside, caller, account, id).await?;
    let Some(standing) = desk.standing(item).await? else {
        return decided_before(outside, account, id, item, request).await;
    };
    desk.decide(&standing, request, None).await
}

/// The same request once more, after its answer got lost.
async fn decided_before(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    item: &ReviewId,
    request: &ReviewRequest,
) -> Result<Decided, AdminError> {
    let page = outside.store().decisions(id, None, REMEMBERED).await?;
    let made = page.into_iter().flat_map(|page| page.decisions).find(|decision| {
        decision.item == *item
            && decision.version == request.version
            && decision.action == request.action
    });
    let Some(made) = made else { return Err(AdminError::NotFound("review item")) };
    let contact = match &made.contact_id {
        None => None,
        Some(contact) => match outside.store().get(&account.id, contact).await? {
            Some(StoredContact::Present(contact)) => Some(*contact),
            Some(StoredContact::Tombstone { .. }) | None => None,
        },
    };
    Ok(Decided { item: item.clone(), action: made.action, contact })
}

/// Decides all of a list, as many as fit, and says where to go on. Each stands for itself: one that
/// cannot be decided leaves the others alone.
pub async fn decide_list(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ConnectionId,
    request: &ListRequest,
) -> Result<ListDecided, AdminError> {
    let desk = Desk::open(outside, caller, account, id).await?;
    let cursor = request.cursor.as_deref();
    let page = reviews(outside, &account.id, id, request.list, cursor, AT_ONCE).await?;
    let users: Vec<ObjectId> =
        page.items.iter().map(|entry| entry.item.user.object_id.clone()).collect();
    let known = if needs_user(request.list, request.action) && !users.is_empty() {
        let (tenant, select) = desk.reading()?;
        outside.directory().users_by_id(tenant, select, &users).await?.found
    } else {
        Vec::new()
    };
    // One version of the settings for all of them.
    if request.action == ReviewAction::Ignore {
        ignore(outside, caller, &account.id, id, &users).await?;
    } else if request.action == ReviewAction::Unignore {
        stop_ignoring(outside, caller, &account.id, id, &users).await?;
    }
    let (desk, known) = (&desk, &known);
    let results: Vec<(ReviewId, Result<Decided, AdminError>)> = stream::iter(page.items)
        .map(|entry| async move {
            let item = entry.item;
            let asked =
                ReviewRequest { action: request.action, version: item.version, contact: None };
            let user = known.iter().find(|user| user.id == item.user.object_id);
            (item.id(), desk.decide(&item, &asked, user).await)
        })
        .buffered(DECIDERS)
        .collect()
        .await;
    let mut failed = Vec::new();
    let mut done = 0;
    for (id, result) in results {
        match result {
            Ok(_) => done += 1,
            Err(error) => failed.push((id, error)),
        }
    }
    Ok(ListDecided { done, failed, next: page.next })
}

/// Whether an action looks at the user as the directory tells of him now.
fn needs_user(list: ReviewList, action: ReviewAction) -> bool {
    match action {
        ReviewAction::Accept => list != ReviewList::Removals,
        ReviewAction::Link | ReviewAction::Create | ReviewAction::Merge => true,
        ReviewAction::Ignore
        | ReviewAction::Unignore
        | ReviewAction::Unlink
        | ReviewAction::Delete
        | ReviewAction::Keep
        | ReviewAction::Reject => false,
    }
}

/// Whether two lists of changes do the same.
fn same_changes(shown: &[FieldChange], now: &[FieldChange]) -> bool {
    let bare = |changes: &[FieldChange]| {
        let mut bare: Vec<(String, Value)> =
            changes.iter().map(|one| (one.field.to_string(), one.new.clone())).collect();
        bare.sort_by(|one, other| one.0.cmp(&other.0));
        bare
    };
    bare(shown) == bare(now)
}

/// What a person reads whose item is not the one that was shown.
fn moved(item: &ReviewItem, now: Option<&[FieldChange]>) -> AdminError {
    let fields = |changes: &[FieldChange]| {
        let names: Vec<String> = changes.iter().map(|one| one.field.to_string()).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    AdminError::ReviewMoved(match now {
        Some(now) => format!(
            "the person changed in Entra since: {} would change by now, and {} was shown; the item \
             is renewed when the next run looks, or at once by Sync Now",
            fields(now),
            fields(&item.changes)
        ),
        None => format!(
            "the item is in the list `{}` in version {} by now, about {}",
            item.list.name(),
            item.version,
            fields(&item.changes)
        ),
    })
}

/// A user as the directory told of him, or asked for now.
type Known<'a> = Option<&'a DirectoryUser>;
