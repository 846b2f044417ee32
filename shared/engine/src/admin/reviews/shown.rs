//! What a list showed: who decides all of it decides that, and nothing that came or changed since.

use std::collections::BTreeSet;

use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};
use contact_sync_domain::review::{ReviewAction, ReviewItem, ReviewList};

use super::ListRequest;
use super::desk::{Desk, writes_contacts};
use crate::admin::{AdminError, Outside};
use crate::port::{ReviewStore, SettingsStore, SyncStateStore};

/// How many items are counted at once.
const PAGE: u16 = 1_000;

/// Up to which version a list shows its items at this moment, read before they are: whatever is
/// asked later has a higher one. The ignored list goes by the settings' versions.
pub async fn shown_as_of(
    outside: &impl Outside,
    account: &AccountId,
    id: &ConnectionId,
    list: ReviewList,
) -> Result<u64, AdminError> {
    let store = outside.store();
    if list == ReviewList::Ignored {
        return Ok(store.settings(account, id).await?.version);
    }
    let state = store.sync_state(account, id).await?;
    // The page at work asks under this fence itself, whenever it was read, and is not through yet.
    Ok(state.map_or(0, |state| state.fence.saturating_sub(1)))
}

/// What a list showed.
pub(super) struct Shown {
    as_of: u64,
    /// The ignored list as it was; absent for the others.
    ignored: Option<BTreeSet<ObjectId>>,
}

impl Shown {
    /// What a request names.
    pub(super) async fn named<O: Outside>(
        desk: &Desk<'_, O>,
        request: &ListRequest,
    ) -> Result<Self, AdminError> {
        let of_settings = request.list == ReviewList::Ignored;
        let now = if of_settings { desk.settings.version } else { desk.fence };
        if request.as_of > now {
            let message = format!("the list was not shown so yet; it stands at {now}");
            return Err(AdminError::invalid("/asOf", message));
        }
        let ignored = if of_settings {
            let (account, id) = (&desk.account.id, &desk.connection.id);
            let was = desk.outside.store().settings_version(account, id, request.as_of).await?;
            Some(was.map(|was| was.settings.scope.ignored_users).unwrap_or_default())
        } else {
            None
        };
        Ok(Self { as_of: request.as_of, ignored: ignored.map(|users| users.into_iter().collect()) })
    }

    /// Whether an item was shown as it stands.
    pub(super) fn has(&self, item: &ReviewItem) -> bool {
        match &self.ignored {
            Some(users) => users.contains(&item.user.object_id),
            None => item.version <= self.as_of,
        }
    }

    /// Where a request goes on. Where contacts are let go the number of all that was shown must be
    /// said first: nobody lets go of more than they think. What follows goes on with what is left of
    /// that number.
    pub(super) async fn place<O: Outside>(
        &self,
        desk: &Desk<'_, O>,
        request: &ListRequest,
    ) -> Result<Place, AdminError> {
        if !lets_go(request) {
            return Ok(Place { left: None, cursor: request.cursor.clone() });
        }
        if let Some(cursor) = &request.cursor {
            return Place::read(request, cursor).ok_or(AdminError::BadCursor);
        }
        let count = self.count(desk, request).await?;
        if request.count == Some(count) {
            Ok(Place { left: Some(count), cursor: None })
        } else {
            Err(AdminError::ListUnconfirmed { count })
        }
    }

    /// How many items stand as they were shown.
    async fn count<O: Outside>(
        &self,
        desk: &Desk<'_, O>,
        request: &ListRequest,
    ) -> Result<u64, AdminError> {
        let mut count = 0;
        let mut cursor: Option<String> = None;
        loop {
            let store = desk.outside.store();
            let page = store.reviews(&desk.connection.id, request.list, cursor.as_deref(), PAGE);
            let page = page.await?.ok_or(AdminError::BadCursor)?;
            let shown = page.items.iter().filter(|item| self.has(item)).count();
            count += u64::try_from(shown).unwrap_or(u64::MAX);
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(count);
            }
        }
    }
}

/// Where deciding a list goes on.
pub(super) struct Place {
    /// How many of those whose number was said are left; absent where it need not be said.
    left: Option<u64>,
    pub(super) cursor: Option<String>,
}

impl Place {
    /// Reads the cursor that the same request was answered with before.
    fn read(request: &ListRequest, cursor: &str) -> Option<Self> {
        let (left, cursor) = cursor.strip_prefix(&bound(request))?.split_once(':')?;
        Some(Self { left: Some(left.parse().ok()?), cursor: Some(cursor.to_owned()) })
    }

    /// The cursor behind a page with so many items that were shown; an error where those are more
    /// than were said.
    pub(super) fn behind(
        &self,
        request: &ListRequest,
        shown: usize,
        next: Option<String>,
    ) -> Result<Option<String>, AdminError> {
        let Some(left) = self.left else { return Ok(next) };
        let shown = u64::try_from(shown).unwrap_or(u64::MAX);
        let left = left.checked_sub(shown).ok_or(AdminError::BadCursor)?;
        Ok(next.map(|next| format!("{}{left}:{next}", bound(request))))
    }
}

/// What a number was said for.
fn bound(request: &ListRequest) -> String {
    format!("{}.{}.{}.", request.list.name(), request.action.name(), request.as_of)
}

/// Whether a request takes contacts or their ties away, or lets the next run do so.
fn lets_go(request: &ListRequest) -> bool {
    match request.action {
        ReviewAction::Delete | ReviewAction::Unlink | ReviewAction::Merge => true,
        action => request.list == ReviewList::Removals && writes_contacts(action),
    }
}
