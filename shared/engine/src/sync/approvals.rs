//! Removals that the guard holds back, and what people approved of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::approval::{Approval, HeldSet, removal_of};
use contact_sync_domain::guard::{Limited, Room};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::plan::{Basis, GuardView, PLAN_LIFE, Plan, Summary};
use contact_sync_domain::reconcile::GoneCause;
use contact_sync_domain::review::{
    Departure, Effect, Question, ReviewAction, ReviewItem, ReviewList, ReviewUser, Seen,
};
use contact_sync_domain::run::{Run, RunStatus};
use contact_sync_domain::segment::{ApprovedRemoval, Outcome, SegmentItem};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::decide::present;
use super::limits::Shares;
use super::page::run_of;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, Clock, Directory, PendingItem, PendingKind, PendingStore, Randomness, ReviewStore,
    RunStore, StoredContact,
};

/// How many review items are written at the same time.
const WRITERS: usize = 16;

/// How many review items are read at once.
const AT_ONCE: usize = 1_000;

/// What people approved of, by user.
pub(super) type Approvals = HashMap<ObjectId, Approval>;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// What people approved of, and as it is stored.
    pub(super) async fn approvals(
        &self,
        pass: &Pass,
    ) -> Result<(Approvals, Vec<PendingItem>), Stop> {
        let stored = self.stores.pending(&pass.connection.id, PendingKind::Approved).await?;
        let read = stored.iter().filter_map(|item| {
            let approval = serde_json::from_value(item.body.clone()).ok()?;
            Some((ObjectId::parse(&item.key).ok()?, approval))
        });
        Ok((read.collect(), stored))
    }

    /// What was approved is done, or is not what was approved any more: it counts no longer, but
    /// for those who are still `open`. What somebody approved anew since it was read counts on.
    pub(super) async fn forget_approvals(
        &self,
        pass: &Pass,
        mut read: Vec<PendingItem>,
        open: &HashSet<String>,
    ) -> Result<(), Stop> {
        read.retain(|item| !open.contains(&item.key));
        if !read.is_empty() {
            self.stores.forget_pending(&pass.connection.id, PendingKind::Approved, &read).await?;
        }
        Ok(())
    }

    /// Puts removals that the guard holds back on the list of removals, each once; so those that go
    /// on waiting for their date although somebody approved of them otherwise.
    pub(super) async fn ask_about(
        &self,
        held: &mut Held,
        pass: &Pass,
        (removals, early): (&[SegmentItem], &HashMap<ObjectId, Timestamp>),
        stored: &HashMap<ContactId, StoredContact>,
        approvals: &Approvals,
    ) -> Result<(), Stop> {
        if removals.is_empty() {
            return Ok(());
        }
        held.work.asks = true;
        let (now, run) = (self.clock.now(), pass.point.run_id.to_string());
        let seen = Seen {
            account: &pass.account.id,
            connection: &pass.connection.id,
            run: &run,
            fence: held.fence(),
            now,
        };
        for removals in removals.chunks(AT_ONCE) {
            let places: Vec<_> = removals
                .iter()
                .map(|item| (ReviewList::Removals, item.object_id.clone()))
                .collect();
            let standing = self.stores.reviews_of(&pass.connection.id, &places).await?;
            let standing: HashMap<&ObjectId, &ReviewItem> =
                standing.iter().map(|item| (&item.user.object_id, item)).collect();
            let effects = removals.iter().filter_map(|item| {
                let is_void = approvals.contains_key(&item.object_id);
                let contact = present(stored.get(item.contact_id.as_ref()?))?;
                let user = ReviewUser::of_contact(&item.object_id, contact);
                let acts_at = early.get(&item.object_id).copied();
                let asks = question(item, user, acts_at, is_void);
                let stands = standing.get(&item.object_id).copied();
                let effect = Effect::of(&asks, Outcome::AwaitingReview, stands, seen);
                Some((effect, stands.cloned()))
            });
            stream::iter(effects.collect::<Vec<_>>())
                .map(|(effect, stands)| async move { self.follow(effect, stands.as_slice()).await })
                .buffer_unordered(WRITERS)
                .try_collect::<()>()
                .await?;
        }
        Ok(())
    }

    /// Nothing is planned any more for these users: nobody is asked about what was.
    pub(super) async fn forget_planned(&self, pass: &Pass, users: &[ObjectId]) -> Result<(), Stop> {
        for users in users.chunks(AT_ONCE) {
            let places: Vec<_> =
                users.iter().map(|user| (ReviewList::Removals, user.clone())).collect();
            for item in self.stores.reviews_of(&pass.connection.id, &places).await? {
                if item.departure.as_ref().is_some_and(|left| left.action.is_some()) {
                    self.stores.delete_review(&item).await?;
                }
            }
        }
        Ok(())
    }

    /// Shows on the run what it held back, so that all of it can be approved at once.
    pub(super) async fn show_held(
        &self,
        held: &Held,
        pass: &mut Pass,
        removals: &[SegmentItem],
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let shares = Shares::of(held, pass);
        let Room { allowed, left, .. } =
            pass.rules.policies().guard.room(&held.work.guard, shares.base(), now);
        let narrower = held.work.held_by.iter().filter(|limit| limit.of != Limited::Connection);
        let limits = narrower.cloned().collect();
        let mut causes: BTreeMap<GoneCause, u64> = BTreeMap::new();
        for item in removals {
            *causes.entry(item.cause().unwrap_or(GoneCause::Disabled)).or_default() += 1;
        }
        let count = u64::try_from(removals.len()).unwrap_or(u64::MAX);
        let plan = Plan {
            hash: HeldSet::decided(removals.iter()).hash(),
            pages: 0,
            basis: Basis { settings_version: pass.point.settings_version, draft: false },
            summary: Summary {
                removals: causes,
                guard: GuardView { count, allowed, left, holds: true, limits },
                ..Summary::default()
            },
            made_at: now,
            expires_at: now.checked_add(PLAN_LIFE).unwrap_or(Timestamp::MAX),
            approved: None,
        };
        let run = Run { plan: Some(Box::new(plan)), ..run_of(pass, RunStatus::Running) };
        self.stores.put_run(&run).await?;
        pass.stored = Some(run);
        Ok(())
    }
}

/// What is asked about a removal that is held back, or waits for its date.
fn question(
    item: &SegmentItem,
    user: ReviewUser,
    acts_at: Option<Timestamp>,
    is_void: bool,
) -> SegmentItem {
    let departure = Departure {
        action: removal_of(item),
        acts_at,
        held: acts_at.is_none(),
        version: Some(item.version),
        ..Departure::of(item.cause().unwrap_or(GoneCause::Disabled))
    };
    let question = Question {
        list: ReviewList::Removals,
        user,
        candidates: Vec::new(),
        versions: BTreeMap::new(),
        suggested: Some(ReviewAction::Accept),
        departure: Some(Box::new(departure)),
        status: None,
    };
    let remedy = if is_void {
        "it was approved, but the contact or what is planned for it changed since: approve it anew, \
         or keep the contact"
    } else {
        "the removal guard holds it back: approve it, or keep the contact"
    };
    SegmentItem {
        outcome: Outcome::AwaitingReview,
        question: Some(Box::new(question)),
        remedy: Some(remedy.to_owned()),
        link: None,
        ..item.clone()
    }
}

/// Removals that are approved of, and the others.
pub(super) fn by_approval(
    removals: Vec<SegmentItem>,
    approvals: &Approvals,
    now: Timestamp,
) -> (Vec<SegmentItem>, Vec<SegmentItem>) {
    let (mut approved, mut asked) = (Vec::new(), Vec::new());
    for mut item in removals {
        match approvals.get(&item.object_id).filter(|approval| approval.covers(&item, now)) {
            Some(approval) => {
                let (by, until) = (approval.by.clone(), approval.expires_at);
                item.trace.get_or_insert_default().approved = Some(ApprovedRemoval { by, until });
                approved.push(item);
            }
            None => asked.push(item),
        }
    }
    (approved, asked)
}
