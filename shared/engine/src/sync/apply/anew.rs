//! Contacts that moved between reading and writing them: their people are decided anew once, and that
//! is kept before it is written. Whoever finishes the page after a death writes the same, and tells it.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::directory::{DeltaEntry, DirectoryUser, RemovedReason};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::segment::{Deviation, Outcome, Segment, SegmentItem};
use futures::{StreamExt, TryStreamExt, stream};

use super::concluding::{
    conclude, deviating, instead, moved_away, not_approved, or_unreadable, written_instead,
};
use super::{Applied, Tried, WRITERS, is_gone, is_removal, writes};
use crate::port::{Blobs, Clock, ContactStore, Directory, Randomness, SegmentStore, StoredContact};
use crate::sync::decide::{decide_due, decide_leaving, present};
use crate::sync::pass::Pass;
use crate::sync::write::Attempt;
use crate::sync::{Stop, SyncStores, Worker};

/// What comes of deciding anew.
enum Anew {
    /// Nothing is written.
    Settled(Applied),
    /// This is, over what stood there when it was decided.
    Write(SegmentItem, Option<StoredContact>),
}

/// A page, and what became of its items so far.
pub(super) struct Moving<'m> {
    pub(super) segment: &'m Segment,
    pub(super) users: &'m HashMap<ObjectId, DirectoryUser>,
    /// In the order of the items.
    pub(super) tried: &'m mut [Tried],
    /// What is kept of the page's deviations.
    pub(super) noted: &'m mut Vec<Deviation>,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Settles whoever's contact moved. `ignored` are the users whom the settings ignore, where they
    /// were read already.
    pub(super) async fn settle_moved(
        &self,
        pass: &Pass,
        page: Moving<'_>,
        mut ignored: Option<HashSet<ObjectId>>,
    ) -> Result<(), Stop> {
        let Moving { segment, users, tried, noted } = page;
        let mut moved = Vec::new();
        for (place, (item, one)) in segment.items.iter().zip(tried.iter_mut()).enumerate() {
            if let Tried::Moved(now) = one {
                moved.push((place, item, now.take()));
            }
        }
        let anew: Vec<(usize, &SegmentItem, Anew)> = stream::iter(moved)
            .map(|(place, item, now)| async move {
                let user = users.get(&item.object_id);
                let anew = Box::pin(self.anew(pass, segment, item, user, now)).await;
                let anew = match or_unreadable(item, anew)? {
                    Ok(anew) => anew,
                    Err(failed) => Anew::Settled(failed),
                };
                Ok::<_, Stop>((place, item, anew))
            })
            .buffered(WRITERS)
            .try_collect()
            .await?;
        let mut open = Vec::new();
        for (place, item, anew) in anew {
            let Some(one) = tried.get_mut(place) else { continue };
            match anew {
                Anew::Settled(applied) => *one = Tried::Settled(applied),
                Anew::Write(again, base) => {
                    *one = Tried::Settled(written_instead(again.clone()));
                    open.push((place, item, again, base));
                }
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        // What is written from here on stands here before.
        let ahead: Vec<Deviation> = tried.iter().filter_map(Tried::deviation).cloned().collect();
        if ahead != *noted {
            let run = (&pass.point.run_id, pass.point.kept);
            self.stores.put_deviations(&pass.connection.id, run, segment.page, &ahead).await?;
            *noted = ahead;
        }
        let ends = pass.is_last_chance(segment.phase);
        // The second time those whose contact was removed, once it is known whom the settings ignore.
        for _ in 0..2 {
            let known = ignored.as_ref();
            let written: Vec<(usize, Option<Applied>)> = stream::iter(&open)
                .map(|(place, item, again, base)| async move {
                    let attempt = self.attempt(pass, segment, again, base.clone(), known);
                    let applied = match or_unreadable(item, Box::pin(attempt).await)? {
                        Err(failed) => Some(failed),
                        Ok(Attempt::Moved(_)) => Some(moved_away(item)),
                        Ok(other) => {
                            conclude(again.clone(), item.outcome, &other, ends).map(instead)
                        }
                    };
                    Ok::<_, Stop>((*place, applied))
                })
                .buffered(WRITERS)
                .try_collect()
                .await?;
            let mut unasked = HashSet::new();
            for (place, applied) in written {
                match (tried.get_mut(place), applied) {
                    (Some(one), Some(applied)) => *one = Tried::Settled(applied),
                    (_, None) => {
                        unasked.insert(place);
                    }
                    (None, Some(_)) => {}
                }
            }
            if unasked.is_empty() {
                return Ok(());
            }
            open.retain(|(place, ..)| unasked.contains(place));
            ignored = Some(self.ignored_now(pass).await?);
        }
        for (place, item, ..) in open {
            if let Some(one) = tried.get_mut(place) {
                *one = Tried::Settled(moved_away(item));
            }
        }
        Ok(())
    }

    /// What is decided of an item now that its contact moved.
    async fn anew(
        &self,
        pass: &Pass,
        segment: &Segment,
        item: &SegmentItem,
        user: Option<&DirectoryUser>,
        moved: Option<StoredContact>,
    ) -> Result<Anew, Stop> {
        if item.approved().is_some() {
            return Ok(Anew::Settled(not_approved(item)));
        }
        let Some((again, base)) = self.again(pass, item, user, moved).await? else {
            return Ok(Anew::Settled(moved_away(item)));
        };
        // Only the judgement at the end of a run removes; the next run stages it.
        let removes = is_removal(&again) && !is_removal(item);
        if removes || (again.takes_over() && !pass.may_take(&again, segment.phase)) {
            return Ok(Anew::Settled(moved_away(item)));
        }
        if !writes(&again) {
            let outcome = again.outcome;
            return Ok(Anew::Settled(deviating(again, outcome)));
        }
        Ok(Anew::Write(again, base))
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
