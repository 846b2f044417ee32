//! Applying what a segment intends, one conditional write a contact.

mod anew;
mod concluding;
mod effects;

use std::collections::{HashMap, HashSet};

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::segment::{Deviation, Outcome, Phase, Segment, SegmentItem};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

pub(super) use self::concluding::unreadable_item;
pub(super) use self::effects::{is_done_removal, is_gone, turns_inactive};
pub(crate) use self::effects::{is_removal, writes};

use self::anew::Moving;
use self::concluding::{
    as_intended, conclude, exactly, instead, moved_away, not_approved, or_unreadable,
};
use super::pass::Pass;
use super::write::Attempt;
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, ContactStore, Directory, Randomness, StoredContact};

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

/// What a first attempt made of an item.
#[expect(clippy::large_enum_variant, reason = "nearly all are settled")]
enum Tried {
    /// It is settled.
    Settled(Applied),
    /// It would make a removed contact again, and nobody asked yet whom the settings ignore now.
    Unasked,
    /// The contact moved.
    Moved(Option<StoredContact>),
}

impl Tried {
    fn settled(self, item: &SegmentItem) -> Applied {
        match self {
            Self::Settled(applied) => applied,
            Self::Unasked | Self::Moved(_) => moved_away(item),
        }
    }

    fn deviation(&self) -> Option<&Deviation> {
        match self {
            Self::Settled(applied) => applied.deviation.as_ref(),
            Self::Unasked | Self::Moved(_) => None,
        }
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
    /// without them. `noted` is what is kept of the page's deviations: what a slice before wrote, or
    /// was about to, in the place of what the segment intends, is what is gone on with.
    pub(super) async fn apply_segment(
        &self,
        pass: &Pass,
        segment: &Segment,
        mut stored: HashMap<ContactId, StoredContact>,
        users: &HashMap<ObjectId, DirectoryUser>,
        (barred_until, noted): (Option<Timestamp>, &mut Vec<Deviation>),
    ) -> Result<Vec<Applied>, Stop> {
        let instead = noted.iter().filter_map(|one| Some((&one.object_id, one.item.as_deref()?)));
        let instead: HashMap<ObjectId, SegmentItem> =
            instead.map(|(user, item)| (user.clone(), item.clone())).collect();
        let instead = &instead;
        let unread = segment.items.iter().filter_map(|item| {
            let (item, is_anew) = meant(instead, item);
            let is_read = writes(item) && (item.version > 0 || is_anew);
            item.contact_id.clone().filter(|_| is_read)
        });
        let unread: Vec<ContactId> = unread.collect();
        self.read_contacts(pass, &unread, &mut stored).await?;
        let stored = &stored;
        let mut tried: Vec<Tried> = stream::iter(&segment.items)
            .map(|item| async move {
                if writes(item) {
                    Box::pin(self.try_item(
                        pass,
                        segment,
                        (item, meant(instead, item)),
                        stored,
                        None,
                    ))
                    .await
                } else {
                    self.bar(pass, segment.fence, item, barred_until).await?;
                    Ok(Tried::Settled(as_intended(item)))
                }
            })
            .buffered(WRITERS)
            .try_collect()
            .await?;
        let mut ignored = None;
        if tried.iter().any(|one| matches!(one, Tried::Unasked)) {
            // Who removes a contact has put its user on the ignore list before: read now, after
            // the removed ones were met, the list tells which of them stay removed.
            let known = self.ignored_now(pass).await?;
            for (item, one) in segment.items.iter().zip(&mut tried) {
                if matches!(one, Tried::Unasked) {
                    let meant = (item, meant(instead, item));
                    *one =
                        Box::pin(self.try_item(pass, segment, meant, stored, Some(&known))).await?;
                }
            }
            ignored = Some(known);
        }
        let stale = tried.iter().filter(|one| matches!(one, Tried::Moved(_))).count();
        if stale > 0 {
            tracing::info!(
                connection.id = %pass.connection.id,
                sync.run_id = %pass.point.run_id,
                sync.stale_writes = stale,
                "contacts moved between reading and writing them"
            );
            let page = Moving { segment, users, tried: &mut tried, noted };
            Box::pin(self.settle_moved(pass, page, ignored)).await?;
        }
        Ok(segment.items.iter().zip(tried).map(|(item, one)| one.settled(item)).collect())
    }

    /// Attempts one item, or what was decided in its place before.
    async fn try_item(
        &self,
        pass: &Pass,
        segment: &Segment,
        (item, (meant, is_anew)): (&SegmentItem, (&SegmentItem, bool)),
        stored: &HashMap<ContactId, StoredContact>,
        ignored: Option<&HashSet<ObjectId>>,
    ) -> Result<Tried, Stop> {
        let is_exact = matches!(segment.phase, Phase::Apply | Phase::Undo);
        let approved = item.approved().filter(|_| !is_exact);
        if approved.is_some_and(|approved| self.clock.now() >= approved.until) {
            return Ok(Tried::Settled(not_approved(item)));
        }
        let base = meant.contact_id.as_ref().and_then(|id| stored.get(id)).cloned();
        let attempt = self.attempt(pass, segment, meant, base, ignored).await;
        let attempt = match or_unreadable(item, attempt)? {
            Ok(attempt) => attempt,
            Err(failed) => return Ok(Tried::Settled(failed)),
        };
        let applied = match attempt {
            other if is_exact => exactly(item, &other),
            // What was decided anew may be about another contact than the item.
            Attempt::Moved(now) if meant.contact_id == item.contact_id => {
                return Ok(Tried::Moved(now));
            }
            Attempt::Moved(_) => {
                let now = match &item.contact_id {
                    Some(id) => self.stores.get(&pass.account.id, id).await,
                    None => Ok(None),
                };
                return Ok(match or_unreadable(item, now.map_err(Stop::from))? {
                    Ok(now) => Tried::Moved(now),
                    Err(failed) => Tried::Settled(failed),
                });
            }
            other => {
                let ends = pass.is_last_chance(segment.phase);
                let applied = conclude(meant.clone(), item.outcome, &other, ends);
                if is_anew { applied.map(instead) } else { applied }
            }
        };
        Ok(applied.map_or(Tried::Unasked, Tried::Settled))
    }
}

/// What is written for an item, and whether that was decided in its place.
fn meant<'i>(
    instead: &'i HashMap<ObjectId, SegmentItem>,
    item: &'i SegmentItem,
) -> (&'i SegmentItem, bool) {
    instead.get(&item.object_id).map_or((item, false), |other| (other, true))
}
