//! Applying a plan that somebody approved: exactly what it says, or nothing.
//!
//! Everybody is read again by id under the page's own fence. Who is not as the plan was made for is
//! left as he is and reported; nothing is decided a second time.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::guard::{Asked, Counted, Removal};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::plan::Plan;
use contact_sync_domain::reconcile::{View, hex};
use contact_sync_domain::run::RunKind;
use contact_sync_domain::segment::{LinkChange, NextStep, Outcome, Phase, Segment, SegmentItem};
use contact_sync_domain::sync_state::Stage;

use super::apply::{is_removal, writes};
use super::batch::new_email_key;
use super::decide::present;
use super::judge::come_due;
use super::limits::{Shares, said_by};
use super::pass::{Held, Pass};
use super::people::{Person, gone_sentence};
use super::reading::people_hash;
use super::write::written;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, ClaimChange, Clock, ContactStore, ContactWrite, Directory, Randomness, SegmentStore,
    StoredContact,
};
use crate::segments::{load_segment, store_segment};

/// Why a contact is left that is not as it was when the plan was made.
pub(super) const CHANGED_SINCE: &str = "the contact changed since the plan was made";

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Applies the plan from this page on, each page as one of the run.
    pub(super) async fn apply_plan(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        from: u32,
    ) -> Result<(), Stop> {
        let plan = pass.stored.as_ref().and_then(|run| run.plan.clone());
        let Some(plan) = plan else {
            return Err(Stop::Failed("its plan is not kept any more".to_owned()));
        };
        let chosen = plan.approved.as_ref().and_then(|approved| approved.items.as_deref());
        let chosen: Option<HashSet<&ObjectId>> = chosen.map(|items| items.iter().collect());
        let removes = self.may_remove(held, pass, &plan, chosen.as_ref()).await?;
        for page in from..plan.pages {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let Some(planned) = self.planned_items(pass, page, chosen.as_ref()).await? else {
                Box::pin(self.apply_moves(held, pass, page, chosen.as_ref())).await?;
                continue;
            };
            if planned.is_empty() {
                continue;
            }
            let fence = held.fence();
            let mut stored = HashMap::new();
            let items = self.still_as_planned(pass, planned, removes, &mut stored).await?;
            let items = self.begin_grace(held, pass, items).await?;
            let segment = Segment {
                generation: pass.point.generation,
                link_hash: people_hash(items.iter().map(|item| &item.object_id)),
                // Where the plan goes on stands in the page: who finishes it after a death goes on
                // there.
                next: NextStep::Next((page + 1).to_string()),
                ..Segment::of(pass.point.page, Phase::Apply, fence, items)
            };
            if let Some((writes, moves)) = self.exchange(pass, &segment, &stored).await? {
                self.exchange_at_once(held, pass, segment, &writes, &moves).await?;
                continue;
            }
            self.store_and_settle(held, pass, segment, HashMap::new(), &HashMap::new()).await?;
        }
        if plan.summary.unignored > 0 {
            Box::pin(self.take_off_ignored(pass, &plan)).await?;
        }
        pass.point.stage = Stage::Finish;
        Ok(())
    }

    /// The writes of a page whose contacts take one another's addresses, which no order of single
    /// writes can do; `None` for any other page, and where one of them is left.
    pub(super) async fn exchange(
        &self,
        pass: &Pass,
        segment: &Segment,
        stored: &HashMap<ContactId, StoredContact>,
    ) -> Result<Option<(Vec<ContactWrite>, Vec<ClaimChange>)>, Stop> {
        let takes = segment.items.iter().filter_map(|item| {
            let changes = matches!(item.outcome, Outcome::Update | Outcome::Restore);
            let key = new_email_key(item).filter(|_| changes && item.version > 0)?;
            Some((item, key, item.contact_id.clone()?))
        });
        let takes: Vec<(&SegmentItem, String, ContactId)> = takes.collect();
        let keys: Vec<String> = takes.iter().map(|(_, key, _)| key.clone()).collect();
        if keys.len() < 2 || keys.len() != segment.items.len() {
            return Ok(None);
        }
        let owners = self.stores.claims(&pass.account.id, &keys).await?;
        let now = self.clock.now();
        let (mut writes, mut moves) = (Vec::new(), Vec::new());
        for ((item, email_key, to), owner) in takes.iter().zip(owners) {
            let from = owner.filter(|owner| takes.iter().any(|(_, _, one)| one == owner));
            let before = present(stored.get(to)).filter(|one| one.version == item.version);
            let (Some(from), Some(before)) = (from, before) else { return Ok(None) };
            moves.push(ClaimChange { email_key: email_key.clone(), from, to: to.clone() });
            writes.push(ContactWrite {
                contact: written(pass, segment, item, Some(before), before.version, now),
                expected_version: before.version,
                fence: Some(segment.fence),
            });
        }
        Ok(Some((writes, moves)))
    }

    pub(super) async fn exchange_at_once(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        segment: Segment,
        writes: &[ContactWrite],
        moves: &[ClaimChange],
    ) -> Result<(), Stop> {
        let (account, fence) = (pass.account.id.clone(), segment.fence);
        let (connection, run) = (&pass.connection.id, (&pass.point.run_id, pass.point.kept));
        let standing =
            store_segment(&self.stores, &self.blobs, &account, connection, run, segment).await?;
        if standing.fence == fence {
            // Where a condition did not hold, settling finds out who moved.
            self.stores.write_together(&account, writes, moves).await?;
        }
        self.settle(held, pass, &standing, HashMap::new(), &HashMap::new()).await
    }

    /// Exchanges the addresses of a page that was begun by a slice that did not live to do it.
    pub(super) async fn exchange_begun(&self, pass: &Pass, segment: &Segment) -> Result<(), Stop> {
        let contacts = segment.items.iter().filter_map(|item| item.contact_id.clone());
        let contacts: Vec<ContactId> = contacts.collect();
        let mut stored = HashMap::new();
        self.read_contacts(pass, &contacts, &mut stored).await?;
        if let Some((writes, moves)) = self.exchange(pass, segment, &stored).await? {
            self.stores.write_together(&pass.account.id, &writes, &moves).await?;
        }
        Ok(())
    }

    /// Whether the plan's removals may go: the guard allows all of them, or whoever approved the
    /// plan said their number. The window is stored before anything is removed.
    async fn may_remove(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        plan: &Plan,
        chosen: Option<&HashSet<&ObjectId>>,
    ) -> Result<bool, Stop> {
        if plan.summary.guard.count == 0 {
            return Ok(true);
        }
        let mut removals = Vec::new();
        for page in 0..plan.pages {
            let planned = self.planned_items(pass, page, chosen).await?.unwrap_or_default();
            removals.extend(planned.into_iter().filter(is_removal));
        }
        if removals.is_empty() {
            return Ok(true);
        }
        let count = if chosen.is_some() {
            u64::try_from(removals.len()).unwrap_or(u64::MAX)
        } else {
            plan.summary.guard.count
        };
        let said = plan.approved.as_ref().and_then(|approved| approved.removals);
        if pass.point.kind == RunKind::Undo {
            // What a run made is no mass of leavers: whoever takes it back says how much it is.
            return Ok(said == Some(count));
        }
        let removals: Vec<Removal<'_>> = removals.iter().map(Removal::of).collect();
        let (run, done) = (pass.point.run_id.as_str(), &Counted::default());
        let asked = Asked { run, done, removals: &removals };
        let (limits, shares) = (&pass.rules.policies().guard, Shares::of(held, pass));
        let verdict = limits.judge(&held.work.guard, asked, shares.base(), self.clock.now());
        if !verdict.exceeded.is_empty() {
            if said == Some(count) {
                return Ok(true);
            }
            // What a plan removes goes whole or not at all.
            let hours = limits.window_hours;
            let exceeded = self.named(pass, verdict.exceeded).await;
            let said: Vec<String> = exceeded.iter().map(|limit| said_by(limit, hours)).collect();
            pass.point.blocked = true;
            pass.point.note = Some(format!(
                "{count} removals of the plan were left: {} by now; preview again and confirm \
                 their number",
                said.join("; ")
            ));
            return Ok(false);
        }
        held.work.guard = verdict.window;
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await?;
        Ok(true)
    }

    /// What a page of the plan would do or ask, without those from whom the plan itself deviated,
    /// and of those who were chosen; `None` of one that tells of memberships.
    async fn planned_items(
        &self,
        pass: &Pass,
        page: u32,
        chosen: Option<&HashSet<&ObjectId>>,
    ) -> Result<Option<Vec<SegmentItem>>, Stop> {
        let (connection, run) = (&pass.connection.id, &pass.point.run_id);
        let segment = load_segment(&self.stores, &self.blobs, connection, run, page).await?;
        let Some(segment) = segment else { return Ok(Some(Vec::new())) };
        if segment.phase == Phase::Teams {
            return Ok(None);
        }
        let deviations = self.stores.deviations(connection, run, page).await?;
        let deviating: HashSet<ObjectId> =
            deviations.into_iter().map(|deviation| deviation.object_id).collect();
        let does = |item: &SegmentItem| {
            let user = &item.object_id;
            (intends(item) || item.outcome == Outcome::Left)
                && !deviating.contains(user)
                && chosen.is_none_or(|chosen| chosen.contains(user))
        };
        Ok(Some(segment.items.into_iter().filter(does).collect()))
    }

    /// The days of grace that the plan gives to people begin now, as if a run had found them gone.
    async fn begin_grace(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        items: Vec<SegmentItem>,
    ) -> Result<Vec<SegmentItem>, Stop> {
        let (leaving, mut items): (Vec<_>, Vec<_>) = items.into_iter().partition(is_announcing);
        let leaving = self.stage_removals(pass, leaving).await?;
        let ends = leaving.iter().filter_map(|item| item.link.as_ref()?.acts_at);
        ends.for_each(|at| come_due(held, at));
        items.extend(leaving);
        Ok(items)
    }

    /// The items of a page, each as planned or left where the directory tells something else by now.
    async fn still_as_planned(
        &self,
        pass: &mut Pass,
        planned: Vec<SegmentItem>,
        removes: bool,
        stored: &mut HashMap<ContactId, StoredContact>,
    ) -> Result<Vec<SegmentItem>, Stop> {
        let mut people: HashMap<ObjectId, Person> = HashMap::new();
        // What is taken back says nothing about the directory.
        let reads = pass.point.kind != RunKind::Undo;
        if reads {
            let users: Vec<ObjectId> = planned.iter().map(|item| item.object_id.clone()).collect();
            let entries = self.confirm(pass, &users).await?;
            let told = self.view_people(pass, entries, true).await?;
            people.extend(told.into_iter().map(|person| (person.id().clone(), person)));
        }
        let contacts: Vec<ContactId> =
            planned.iter().filter_map(|item| item.contact_id.clone()).collect();
        self.read_contacts(pass, &contacts, stored).await?;
        let moved = if reads {
            HashSet::new()
        } else {
            Box::pin(self.moved_since(pass, &planned, stored)).await?
        };
        let still = planned.into_iter().map(|item| {
            if is_removal(&item) && !removes {
                return left(&item, "the removal guard holds it back by now");
            }
            if item.contact_id.as_ref().is_some_and(|contact| moved.contains(contact)) {
                return left(&item, CHANGED_SINCE);
            }
            let contact = item.contact_id.as_ref().and_then(|id| stored.get(id));
            if !reads || is_as_planned(pass, &item, people.get(&item.object_id), contact) {
                item
            } else {
                left(&item, "the user changed in Entra since the plan was made")
            }
        });
        Ok(still.collect())
    }
}

/// Whether an item would change anything, or ask anybody.
pub(crate) fn intends(item: &SegmentItem) -> bool {
    writes(item) || item.question.is_some() || !item.memberships().is_empty()
}

/// Whether the directory still tells of a user what an item was decided from.
fn is_as_planned(
    pass: &Pass,
    item: &SegmentItem,
    person: Option<&Person>,
    contact: Option<&StoredContact>,
) -> bool {
    let is_leaving = match item.outcome {
        Outcome::StopUpdating | Outcome::Unlink | Outcome::Deactivate | Outcome::Delete => true,
        Outcome::AwaitingReview => item.link.is_some(),
        Outcome::Create
        | Outcome::Update
        | Outcome::Unchanged
        | Outcome::Skipped
        | Outcome::Failed
        | Outcome::Deferred
        | Outcome::Keep
        | Outcome::Restore
        | Outcome::Left => false,
    };
    let gone = match person {
        None => return false,
        Some(Person::Gone(_, cause)) => Some((*cause, gone_sentence(*cause).to_owned())),
        Some(Person::Here(_, View::Out { cause, because })) => Some((*cause, because.clone())),
        Some(Person::Here(_, View::In(wanted))) => {
            let told = hex(wanted.fingerprint);
            // What only asks is decided anew by whoever answers.
            return !is_leaving && item.told().map_or(!writes(item), |known| known == told);
        }
        Some(Person::Here(_, View::Failed { .. } | View::Unknown { .. })) => None,
    };
    let Some((cause, because)) = gone else { return !writes(item) };
    if !is_leaving {
        return !writes(item);
    }
    let (user, contact, tie) = (&item.object_id, present(contact), pass.tie());
    let again = if is_removal(item) {
        pass.rules.decide_due(user, contact, cause, &because, tie)
    } else {
        pass.rules.decide_gone(user, contact, cause, &because, tie)
    };
    (again.outcome, undated(&again)) == (item.outcome, undated(item))
}

/// What becomes of a link, whenever: days of grace begin when they are applied.
fn undated(item: &SegmentItem) -> Option<LinkChange> {
    item.link.clone().map(|link| LinkChange { acts_at: None, ..link })
}

/// Whether an item gives somebody days of grace.
fn is_announcing(item: &SegmentItem) -> bool {
    item.outcome == Outcome::StopUpdating
        && item.link.as_ref().is_some_and(|link| link.planned.is_some())
}

/// An item that is left as it is.
pub(super) fn left(item: &SegmentItem, because: &str) -> SegmentItem {
    SegmentItem {
        outcome: Outcome::Left,
        reason: Some(because.to_owned()),
        remedy: Some("preview again to see what would happen now".to_owned()),
        question: None,
        ..item.clone()
    }
}
