//! Applying what a segment intends, one conditional write a contact.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use contact_sync_domain::contact::{ContactStatus, LinkState};
use contact_sync_domain::directory::{DeltaEntry, DirectoryUser, RemovedReason};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::segment::{Deviation, Outcome, Phase, Segment, SegmentItem};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::applying::left;
use super::decide::{decide_due, decide_leaving, present};
use super::pass::Pass;
use super::write::Attempt;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, ContactStore, Directory, Randomness, StoreError, StoredContact};

/// How many contacts are written at the same time.
const WRITERS: usize = 16;

/// What became of one item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Applied {
    /// The item, as it was applied.
    pub(super) item: SegmentItem,
    /// What it became.
    pub(super) outcome: Outcome,
    /// Why it is not what the segment intended.
    pub(super) deviation: Option<Deviation>,
}

/// What is known when an item is applied.
struct Known<'k> {
    /// The contact, as read while deciding.
    base: Option<StoredContact>,
    /// The user, where the page told of him.
    user: Option<&'k DirectoryUser>,
    /// Whom the settings ignore, read after a removed contact was met.
    ignored: Option<&'k HashSet<ObjectId>>,
}

impl<'k> Known<'k> {
    fn of(
        item: &SegmentItem,
        stored: &HashMap<ContactId, StoredContact>,
        users: &'k HashMap<ObjectId, DirectoryUser>,
    ) -> Self {
        let base = item.contact_id.as_ref().and_then(|id| stored.get(id)).cloned();
        Self { base, user: users.get(&item.object_id), ignored: None }
    }
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Applies a segment. `stored` and `users` are what was read while deciding; a replay comes
    /// without them.
    pub(super) async fn apply_segment(
        &self,
        pass: &Pass,
        segment: &Segment,
        mut stored: HashMap<ContactId, StoredContact>,
        users: &HashMap<ObjectId, DirectoryUser>,
        barred_until: Option<Timestamp>,
    ) -> Result<Vec<Applied>, Stop> {
        let unread: Vec<ContactId> = segment
            .items
            .iter()
            .filter(|item| writes(item) && item.version > 0)
            .filter_map(|item| item.contact_id.clone())
            .collect();
        self.read_contacts(pass, &unread, &mut stored).await?;
        let stored = &stored;
        let mut applied: Vec<Option<Applied>> = stream::iter(&segment.items)
            .map(|item| async move {
                if writes(item) {
                    let known = Known::of(item, stored, users);
                    Box::pin(self.apply_item(pass, segment, item, known)).await
                } else {
                    self.bar(pass, segment.fence, item, barred_until).await?;
                    Ok(Some(as_intended(item)))
                }
            })
            .buffered(WRITERS)
            .try_collect()
            .await?;
        if applied.iter().any(Option::is_none) {
            // Who removes a contact has put its user on the ignore list before: read now, after
            // the removed ones were met, the list tells which of them stay removed.
            let ignored = self.ignored_now(pass).await?;
            for (item, applied) in segment.items.iter().zip(&mut applied) {
                if applied.is_none() {
                    let known = Known { ignored: Some(&ignored), ..Known::of(item, stored, users) };
                    *applied = Box::pin(self.apply_item(pass, segment, item, known)).await?;
                }
            }
        }
        let stale = pass.stale_writes.swap(0, Ordering::Relaxed);
        if stale > 0 {
            tracing::info!(
                connection.id = %pass.connection.id,
                sync.run_id = %pass.point.run_id,
                sync.stale_writes = stale,
                "contacts moved between reading and writing them"
            );
        }
        Ok(segment
            .items
            .iter()
            .zip(applied)
            .map(|(item, applied)| applied.unwrap_or_else(|| moved_away(item)))
            .collect())
    }

    /// Applies one item; `None` when it would make a removed contact again and nobody asked yet
    /// whom the settings ignore now.
    async fn apply_item(
        &self,
        pass: &Pass,
        segment: &Segment,
        item: &SegmentItem,
        known: Known<'_>,
    ) -> Result<Option<Applied>, Stop> {
        match self.try_item(pass, segment, item, known).await {
            // Trouble with one record stops no run.
            Err(Stop::Store(StoreError::Corrupt { .. })) => {
                Ok(Some(deviating(unreadable_item(item), Outcome::Failed)))
            }
            applied => applied,
        }
    }

    async fn try_item(
        &self,
        pass: &Pass,
        segment: &Segment,
        item: &SegmentItem,
        known: Known<'_>,
    ) -> Result<Option<Applied>, Stop> {
        let Known { base, user, ignored } = known;
        if matches!(segment.phase, Phase::Apply | Phase::Undo) {
            let attempt = self.attempt(pass, segment, item, base, ignored).await?;
            return Ok(exactly(item, &attempt));
        }
        if item.approved().is_some_and(|approved| self.clock.now() >= approved.until) {
            return Ok(Some(not_approved(item)));
        }
        let moved = match self.attempt(pass, segment, item, base, ignored).await? {
            Attempt::Moved(now) => {
                pass.stale_writes.fetch_add(1, Ordering::Relaxed);
                if item.approved().is_some() {
                    return Ok(Some(not_approved(item)));
                }
                now
            }
            other => {
                let ends = pass.is_last_chance(segment.phase);
                return Ok(conclude(item.clone(), item.outcome, &other, ends));
            }
        };
        // Re-read once and decide anew.
        let again = self.again(pass, item, user, moved).await?;
        let Some((again, base)) = again else { return Ok(Some(moved_away(item))) };
        if is_removal(&again) && !is_removal(item) {
            // Only the judgement at the end of a run removes; the next run stages it.
            return Ok(Some(moved_away(item)));
        }
        if again.takes_over() && !pass.may_take(&again, segment.phase) {
            return Ok(Some(moved_away(item)));
        }
        if !writes(&again) {
            let outcome = again.outcome;
            return Ok(Some(deviating(again, outcome)));
        }
        match self.attempt(pass, segment, &again, base, ignored).await? {
            Attempt::Moved(_) => Ok(Some(moved_away(item))),
            other => Ok(conclude(again, item.outcome, &other, pass.is_last_chance(segment.phase))
                .map(instead)),
        }
    }

    /// Decides an item anew, from the contact as it moved to; `None` when nobody can tell. Somebody
    /// who was to leave and is in the recycle bin, or had left the directory and is still not found,
    /// is decided as gone.
    async fn again(
        &self,
        pass: &Pass,
        item: &SegmentItem,
        user: Option<&DirectoryUser>,
        moved: Option<StoredContact>,
    ) -> Result<Option<(SegmentItem, Option<StoredContact>)>, Stop> {
        let Some(contact_id) = item.contact_id.clone() else { return Ok(None) };
        let read;
        let user = if user.is_some() {
            user
        } else {
            let ids = std::slice::from_ref(&item.object_id);
            read = self.read_by_id(pass, ids).await?.0;
            match read.first() {
                Some(DeltaEntry::Changed(user)) => Some(user),
                Some(entry @ DeltaEntry::Removed { reason, .. })
                    if is_leaving(item)
                        && (*reason == RemovedReason::SoftDeleted || is_gone(item)) =>
                {
                    let decide = if is_removal(item) { decide_due } else { decide_leaving };
                    let again = decide(pass, entry, present(moved.as_ref()));
                    return Ok(again.map(|again| (again, moved)));
                }
                Some(DeltaEntry::Removed { .. }) | None => None,
            }
        };
        let Some(user) = user else { return Ok(None) };
        // Who was to be taken over by e-mail has no claim to that contact once it moved.
        let derived = ContactId::derived(&pass.account.id, &pass.tenant, &item.object_id);
        let (contact_id, moved) = if item.takes_over() && contact_id != derived {
            let stored = self.stores.get(&pass.account.id, &derived).await?;
            (derived, stored)
        } else {
            (contact_id, moved)
        };
        self.decide_again(pass, user, &contact_id, moved).await.map(Some)
    }
}

/// Whether an item is about somebody who leaves.
fn is_leaving(item: &SegmentItem) -> bool {
    match item.outcome {
        Outcome::AwaitingReview
        | Outcome::StopUpdating
        | Outcome::Unlink
        | Outcome::Deactivate
        | Outcome::Delete => true,
        Outcome::Restore
        | Outcome::Left
        | Outcome::Create
        | Outcome::Update
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep => false,
    }
}

/// Whether an item says that the user left the directory.
pub(super) fn is_gone(item: &SegmentItem) -> bool {
    item.link.as_ref().is_some_and(|link| link.new == LinkState::Removed)
}

/// Whether an item does what the guard counts. Emptying a required field is no such thing: the
/// mapping fails that record instead.
pub(crate) fn is_removal(item: &SegmentItem) -> bool {
    matches!(item.outcome, Outcome::Unlink | Outcome::Deactivate | Outcome::Delete)
        || turns_inactive(item)
}

/// Whether an item that came out so has done what the guard counts.
pub(super) fn is_done_removal(item: &SegmentItem, outcome: Outcome) -> bool {
    // What people approved of leaves the window alone.
    if item.approved().is_some() {
        return false;
    }
    match outcome {
        Outcome::Unlink | Outcome::Deactivate | Outcome::Delete => true,
        Outcome::Update => turns_inactive(item),
        Outcome::Create
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::AwaitingReview
        | Outcome::Deferred
        | Outcome::StopUpdating
        | Outcome::Keep
        | Outcome::Restore
        | Outcome::Left => false,
    }
}

/// Whether an update makes the contact of somebody in scope inactive.
pub(super) fn turns_inactive(item: &SegmentItem) -> bool {
    item.outcome == Outcome::Update && item.status == Some(ContactStatus::Inactive)
}

/// Whether an item changes a contact.
pub(crate) fn writes(item: &SegmentItem) -> bool {
    match item.outcome {
        Outcome::Create
        | Outcome::Update
        | Outcome::StopUpdating
        | Outcome::Unlink
        | Outcome::Deactivate
        | Outcome::Delete
        | Outcome::Restore => true,
        // A removal that waits for a person is marked on the link at once.
        Outcome::AwaitingReview => item.link.is_some(),
        Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep
        | Outcome::Left => false,
    }
}

fn as_intended(item: &SegmentItem) -> Applied {
    Applied { item: item.clone(), outcome: item.outcome, deviation: None }
}

/// What an attempt made of an item; `None` when it must be asked first whether a person removed the
/// contact. `ends` says that nothing can wait for an address any more.
fn conclude(
    item: SegmentItem,
    intended: Outcome,
    attempt: &Attempt,
    ends: bool,
) -> Option<Applied> {
    Some(match attempt {
        Attempt::Removed => return None,
        Attempt::Ignored => deviating(
            SegmentItem {
                reason: Some(
                    "a person deleted the contact and put the user on the ignore list \
                     (scope.ignoredUsers)"
                        .to_owned(),
                ),
                email: item.email,
                ..blank_item(&item.object_id, None, Outcome::Skipped)
            },
            Outcome::Skipped,
        ),
        Attempt::Done => {
            let outcome = item.outcome;
            Applied { item, outcome, deviation: None }
        }
        Attempt::Taken => deviating(
            SegmentItem {
                reason: Some("another person in the directory has this e-mail".to_owned()),
                remedy: Some("give one of the two another e-mail in Entra".to_owned()),
                ..item
            },
            if ends { Outcome::Failed } else { Outcome::Deferred },
        ),
        // A newer observation of the same person was written meanwhile: nothing is left to do.
        Attempt::Superseded => {
            let outcome =
                if intended == Outcome::Create { Outcome::Create } else { Outcome::Unchanged };
            deviating(item, outcome)
        }
        // Nobody was created, whoever was to be.
        Attempt::RemovedSince if matches!(item.outcome, Outcome::Create | Outcome::Update) => {
            let reason = "a newer reading of the directory removed the contact meanwhile";
            deviating(
                SegmentItem {
                    reason: Some(reason.to_owned()),
                    email: item.email,
                    ..blank_item(&item.object_id, None, Outcome::Skipped)
                },
                Outcome::Skipped,
            )
        }
        Attempt::RemovedSince => deviating(item, Outcome::Unchanged),
        Attempt::Moved(_) => moved_away(&item),
    })
}

/// What an attempt made of an item of a plan: what was planned, or nothing. `None` as in
/// [`conclude`].
fn exactly(item: &SegmentItem, attempt: &Attempt) -> Option<Applied> {
    let because = match attempt {
        Attempt::Done => return Some(as_intended(item)),
        Attempt::Removed => return None,
        Attempt::Ignored => "a person deleted the contact since the plan was made",
        Attempt::Taken => "another contact has this e-mail since the plan was made",
        Attempt::Superseded | Attempt::RemovedSince | Attempt::Moved(_) => {
            "the contact changed since the plan was made"
        }
    };
    Some(deviating(left(item, because), Outcome::Left))
}

/// The failed record of a contact whose item cannot be read.
pub(super) fn unreadable_item(item: &SegmentItem) -> SegmentItem {
    let which = item.contact_id.as_ref().map_or("a contact", ContactId::as_str);
    SegmentItem {
        reason: Some(format!("{which} is stored in a form that cannot be read")),
        remedy: Some("ask support to repair or delete it; the next run writes it anew".to_owned()),
        ..item.clone()
    }
}

/// A removal that somebody approved of too long ago, or of a contact that is another by now.
fn not_approved(item: &SegmentItem) -> Applied {
    let item = SegmentItem {
        reason: Some("what was approved is not what would be done by now".to_owned()),
        remedy: Some("look at it in the list `removals`, and approve it anew".to_owned()),
        ..item.clone()
    };
    deviating(item, Outcome::Failed)
}

fn moved_away(item: &SegmentItem) -> Applied {
    let item = SegmentItem {
        reason: Some("the contact changed again and again while it was synced".to_owned()),
        remedy: Some("nothing to do: the next run tries again".to_owned()),
        ..item.clone()
    };
    deviating(item, Outcome::Failed)
}

/// What was decided anew and done: kept whole, since nothing else tells what was written.
fn instead(applied: Applied) -> Applied {
    let written = applied.deviation.is_none().then(|| Box::new(applied.item.clone()));
    let deviation = Deviation { item: written, ..Deviation::of(&applied.item, applied.outcome) };
    Applied { deviation: Some(deviation), ..applied }
}

fn deviating(item: SegmentItem, outcome: Outcome) -> Applied {
    let deviation = Deviation::of(&item, outcome);
    Applied { item, outcome, deviation: Some(deviation) }
}
