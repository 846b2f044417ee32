//! Staging removals: what a page would take away only waits, until the end of the run judges all of
//! it together.

use std::collections::HashMap;

use contact_sync_domain::approval::removal_of;
use contact_sync_domain::contact::LinkState;
use contact_sync_domain::id::{AccountId, ContactId, ObjectId};
use contact_sync_domain::reconcile::{GoneCause, Rules};
use contact_sync_domain::review::Question;
use contact_sync_domain::segment::{LinkChange, Outcome, Phase, Segment, SegmentItem};
use contact_sync_domain::settings::RemovalAction;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::apply::is_gone;
use super::decide::present;
use super::own_contacts::read_contacts;
use super::page::pending;
use super::pass::Pass;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, Clock, ContactStore, Directory, PendingItem, PendingKind, PendingStore, Randomness,
    StoreError, StoredContact,
};

/// A removal that waits for the judgement at the end of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StagedRemoval {
    pub(super) contact_id: ContactId,
    pub(super) action: RemovalAction,
    pub(super) reason: Option<String>,
    pub(super) link: Option<LinkChange>,
    /// Why the user left; absent for whoever is in scope and is to become inactive, and in what
    /// earlier releases staged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<GoneCause>,
    /// When a run first found it, for this cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Timestamp>,
}

impl StagedRemoval {
    /// When its days of grace end, as the settings count them now; `None` where it has none.
    pub(super) fn acts_at(&self, rules: &Rules) -> Option<Timestamp> {
        self.cause?;
        rules.grace_ends(self.since?)
    }

    /// Whether the user left the directory.
    pub(super) fn has_left(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.new == LinkState::Removed)
    }

    /// Whether the contact's link says already what is planned.
    fn is_announced(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.planned.is_some())
    }
}

/// The contact of somebody who waits, where its link is to say what is planned.
pub(super) fn announced(item: &PendingItem) -> Option<ContactId> {
    let staged = serde_json::from_value::<StagedRemoval>(item.body.clone()).ok()?;
    staged.is_announced().then_some(staged.contact_id)
}

/// Of removals that wait, those that a run finds again by itself: no contact's link says what is
/// planned.
pub(crate) async fn unannounced(
    store: &impl ContactStore,
    account: &AccountId,
    mut waiting: Vec<PendingItem>,
) -> Result<Vec<PendingItem>, StoreError> {
    let ids: Vec<ContactId> = waiting.iter().filter_map(announced).collect();
    if ids.is_empty() {
        return Ok(waiting);
    }
    let mut stored = HashMap::new();
    let unreadable = read_contacts(store, account, &ids, &mut stored).await?;
    let says = |id: &ContactId| {
        let link = present(stored.get(id)).and_then(|contact| contact.link.as_ref());
        link.is_some_and(|link| link.planned.is_some())
    };
    waiting.retain(|item| announced(item).is_none_or(|id| !says(&id) && !unreadable.contains(&id)));
    Ok(waiting)
}

/// What is known of a removal that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    cause: Option<GoneCause>,
    since: Option<Timestamp>,
    is_announced: bool,
}

impl From<&StagedRemoval> for Known {
    fn from(staged: &StagedRemoval) -> Self {
        Self { cause: staged.cause, since: staged.since, is_announced: staged.is_announced() }
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
    /// Destructive outcomes of a page only wait: they are judged together at the end of the run.
    /// So do updates that make a contact inactive, with whatever else they change.
    pub(super) async fn stage_removals(
        &self,
        pass: &mut Pass,
        items: Vec<SegmentItem>,
    ) -> Result<Vec<SegmentItem>, Stop> {
        let mut staged = Vec::new();
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let planned = item.link.as_ref().and_then(|link| link.planned);
            let (Some(action), Some(contact_id)) =
                (removal_of(&item).or(planned), item.contact_id.clone())
            else {
                kept.push(item);
                continue;
            };
            let removal = StagedRemoval {
                contact_id,
                action,
                reason: item.reason.clone(),
                link: item.link.clone(),
                cause: item.cause(),
                since: None,
            };
            staged.push((item.object_id.clone(), removal));
            let left_directory = is_gone(&item);
            if planned.is_some() {
                // From now on the contact is not updated, and its link tells what will follow.
                kept.push(item);
            } else if item.outcome == Outcome::Update {
                kept.push(waiting_update(item));
            } else {
                kept.push(SegmentItem {
                    outcome: if left_directory { Outcome::Keep } else { Outcome::Skipped },
                    link: None,
                    ..item
                });
            }
        }
        if !staged.is_empty() {
            // A run that lay dead for days found nobody when it began.
            let now = self.clock.now();
            let known = self.staged(pass).await?;
            let mut waiting = Vec::with_capacity(staged.len());
            for (user, mut removal) in staged {
                // Whoever is found gone again for the same cause goes on waiting.
                let before = known.get(&user).filter(|known| known.cause == removal.cause);
                removal.since = Some(before.and_then(|known| known.since).unwrap_or(now));
                waiting.push(pending(&user, &removal)?);
                known.insert(user, Known::from(&removal));
            }
            self.stores.put_pending(&pass.connection.id, PendingKind::Removal, &waiting).await?;
            self.date(pass, &mut kept).await?;
        }
        Ok(kept)
    }

    /// Stages removals anew of which only an approval was left, and which it does not cover any more;
    /// answers whose days of grace go on, and until when.
    pub(super) async fn stage_again(
        &self,
        pass: &Pass,
        items: impl Iterator<Item = &SegmentItem>,
        stored: &HashMap<ContactId, StoredContact>,
    ) -> Result<HashMap<ObjectId, Timestamp>, Stop> {
        let now = self.clock.now();
        let (mut waiting, mut early) = (Vec::new(), HashMap::new());
        for item in items {
            let (Some(action), Some(contact_id)) = (removal_of(item), item.contact_id.clone())
            else {
                continue;
            };
            let contact = present(stored.get(&contact_id));
            let link = contact.and_then(|contact| contact.link.as_ref());
            let acts_at = link.and_then(|link| link.acts_at);
            early.extend(acts_at.filter(|at| *at > now).map(|at| (item.object_id.clone(), at)));
            let planned = link.and_then(|link| link.planned);
            let removal = StagedRemoval {
                contact_id,
                action,
                reason: item.reason.clone(),
                link: item.link.clone().map(|change| LinkChange { acts_at, planned, ..change }),
                cause: item.cause(),
                since: Some(acts_at.map_or(now, |at| pass.rules.grace_began(at))),
            };
            waiting.push(pending(&item.object_id, &removal)?);
        }
        if !waiting.is_empty() {
            self.stores.put_pending(&pass.connection.id, PendingKind::Removal, &waiting).await?;
        }
        Ok(early)
    }

    /// The links of those whose days of grace begin say when they end.
    async fn date(&self, pass: &mut Pass, items: &mut [SegmentItem]) -> Result<(), Stop> {
        for item in items {
            let Some(link) = item.link.as_mut().filter(|link| link.planned.is_some()) else {
                continue;
            };
            let since = self.staged(pass).await?.get(&item.object_id).and_then(|one| one.since);
            link.acts_at = since.and_then(|since| pass.rules.grace_ends(since));
            let question = item.question.as_mut().and_then(|asked| asked.departure.as_mut());
            if let Some(departure) = question {
                departure.acts_at = link.acts_at;
            }
        }
        Ok(())
    }

    /// Whoever is in scope again is no removal any more.
    pub(super) async fn unstage_returned(
        &self,
        pass: &mut Pass,
        segment: &Segment,
        items: impl Iterator<Item = &SegmentItem>,
    ) -> Result<(), Stop> {
        if segment.phase == Phase::Judgement {
            return Ok(());
        }
        let staged = self.staged(pass).await?;
        let back: Vec<String> = items
            .filter(|item| match item.outcome {
                Outcome::Create | Outcome::Update | Outcome::Unchanged => true,
                // Where the link could not be written, it goes on saying what is planned.
                Outcome::Failed => {
                    staged.get(&item.object_id).is_some_and(|known| !known.is_announced)
                }
                Outcome::Skipped
                | Outcome::AwaitingReview
                | Outcome::Deferred
                | Outcome::StopUpdating
                | Outcome::Unlink
                | Outcome::Deactivate
                | Outcome::Delete
                | Outcome::Keep
                | Outcome::Restore
                | Outcome::Left => false,
            })
            .map(|item| item.object_id.clone())
            .collect::<Vec<_>>()
            .into_iter()
            .filter(|user| staged.remove(user).is_some())
            .map(|user| user.to_string())
            .collect();
        if !back.is_empty() {
            // Who approved did so of somebody who was gone.
            for kind in [PendingKind::Removal, PendingKind::Approved] {
                self.stores.delete_pending(&pass.connection.id, kind, &back).await?;
            }
        }
        Ok(())
    }

    async fn staged<'p>(
        &self,
        pass: &'p mut Pass,
    ) -> Result<&'p mut HashMap<ObjectId, Known>, Stop> {
        if pass.staged.is_none() {
            let items = self.stores.pending(&pass.connection.id, PendingKind::Removal).await?;
            let staged = items.iter().filter_map(|item| {
                let removal: StagedRemoval = serde_json::from_value(item.body.clone()).ok()?;
                Some((ObjectId::parse(&item.key).ok()?, Known::from(&removal)))
            });
            pass.staged = Some(staged.collect());
        }
        Ok(pass.staged.get_or_insert_default())
    }
}

/// What a page tells of somebody in scope whose contact is to become inactive, until the end of the
/// run decides: nothing is written, so that the next page or run finds all of it again.
fn waiting_update(item: SegmentItem) -> SegmentItem {
    let status = item.status;
    SegmentItem {
        question: item.question.map(|asked| Box::new(Question { status, ..*asked })),
        outcome: Outcome::AwaitingReview,
        reason: Some("this change waits for the removal guard".to_owned()),
        link: None,
        status: None,
        fingerprint: None,
        adopted: false,
        ..item
    }
}
