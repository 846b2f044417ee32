//! Reviews: the lists in which decisions wait, and deciding.

mod approval;
mod as_shown;
mod by_hand;
mod desk;
mod letting_go;
mod list;
mod merge;
mod noting;
mod request;
mod shown;

use contact_sync_domain::account::Account;
use contact_sync_domain::contact::Contact;
use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ConnectionId, ObjectId, ReviewId};
use contact_sync_domain::review::ReviewAction;
use contact_sync_domain::run::RunKind;
use futures::{StreamExt, stream};

use super::runs::{check_syncs, request_run};
use super::settings::{Ignoring, change_ignored};
use super::{AdminError, Caller, Outside};
use crate::port::{ContactStore, DecisionStore, StoredContact};
use desk::{Desk, is_planned, needs_user};
use shown::Shown;

pub use by_hand::unlink_contact;
pub use list::{ReviewEntry, review_decisions, reviews};
pub use request::{ListRequest, ReviewRequest, list_names};
pub use shown::shown_as_of;

/// How many items of a list one request decides: as many as surely fit into a function's time.
const AT_ONCE: u16 = 100;

/// How many of them are decided at the same time.
const DECIDERS: usize = 8;

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
    desk.check(&standing, request)?;
    let approves = request.action == ReviewAction::Accept && is_planned(&standing);
    if approves {
        // Before anything is stored: what is approved counts for a day, whoever was told otherwise.
        check_syncs(outside, &account.id, id).await?;
    }
    let grounds =
        if needs_user(standing.list, request.action) { Some(desk.grounds().await?) } else { None };
    let decided = desk.decide(&standing, request, grounds.as_ref(), None).await?;
    if approves {
        begin_run(outside, account, id).await;
    }
    Ok(decided)
}

/// What was approved of is done by the next run; where one can begin, it does so now.
async fn begin_run(outside: &impl Outside, account: &Account, id: &ConnectionId) {
    if let Err(error) = request_run(outside, &account.id, id, RunKind::Delta).await {
        tracing::warn!(
            connection.id = %id,
            %error,
            "what was approved of waits for the next run"
        );
    }
}

/// The same request once more, after its answer got lost.
async fn decided_before(
    outside: &impl Outside,
    account: &Account,
    id: &ConnectionId,
    item: &ReviewId,
    request: &ReviewRequest,
) -> Result<Decided, AdminError> {
    let made = outside.store().decision(id, item, request.version, request.action).await?;
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

/// Decides all of a list that was shown, as many as fit, and says where to go on. Each stands for
/// itself: one that cannot be decided, or came or changed since, leaves the others alone.
pub async fn decide_list(
    outside: &impl Outside,
    caller: &Caller,
    account: &Account,
    id: &ConnectionId,
    request: &ListRequest,
) -> Result<ListDecided, AdminError> {
    let desk = Desk::open(outside, caller, account, id).await?;
    desk.may(request.action)?;
    let shown = Shown::named(&desk, request).await?;
    let place = shown.place(&desk, request).await?;
    let cursor = place.cursor.as_deref();
    let mut page = reviews(outside, &account.id, id, request.list, cursor, AT_ONCE).await?;
    let newer: Vec<ReviewEntry> =
        page.items.extract_if(.., |entry| !shown.has(&entry.item)).collect();
    let next = place.behind(request, page.items.len(), page.next)?;
    let users: Vec<ObjectId> =
        page.items.iter().map(|entry| entry.item.user.object_id.clone()).collect();
    let mut grounds = None;
    let mut known = Vec::new();
    if needs_user(request.list, request.action) && !users.is_empty() {
        let found = desk.grounds().await?;
        known = found.read_users(outside, &users).await?;
        grounds = Some(found);
    }
    let approves = request.action == ReviewAction::Accept
        && page.items.iter().any(|entry| is_planned(&entry.item));
    if approves {
        check_syncs(outside, &account.id, id).await?;
    }
    // One version of the settings for all of them.
    match request.action {
        ReviewAction::Ignore => {
            change_ignored(outside, caller, &account.id, id, Ignoring::Begin, &users).await?;
        }
        ReviewAction::Unignore => {
            change_ignored(outside, caller, &account.id, id, Ignoring::End, &users).await?;
        }
        _ => desk.ignore_whom_it_takes(request.action, &page.items).await?,
    }
    let (desk, grounds, known) = (&desk, grounds.as_ref(), &known);
    let results: Vec<(ReviewId, Result<Decided, AdminError>)> = stream::iter(page.items)
        .map(|entry| async move {
            let item = entry.item;
            let asked = ReviewRequest::of_list(request.action, &item);
            let user = known.iter().find(|user| user.id == item.user.object_id);
            (item.id(), desk.decide(&item, &asked, grounds, user).await)
        })
        .buffered(DECIDERS)
        .collect()
        .await;
    let unseen = || {
        let why = "it came to the list, or changed, after what was shown; look at it first";
        AdminError::ReviewMoved(why.to_owned())
    };
    let mut failed: Vec<(ReviewId, AdminError)> =
        newer.iter().map(|entry| (entry.item.id(), unseen())).collect();
    let mut done = 0;
    for (id, result) in results {
        match result {
            Ok(_) => done += 1,
            Err(error) => failed.push((id, error)),
        }
    }
    if approves && done > 0 {
        begin_run(outside, account, id).await;
    }
    Ok(ListDecided { done, failed, next })
}

/// A user as the directory told of him, or asked for now.
type Known<'a> = Option<&'a DirectoryUser>;
