//! How a plan begins, beside what syncs, and how it ends: shown, with nothing done of it.

use std::collections::HashMap;

use contact_sync_domain::connection::Connection;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::plan::{Basis, GuardView, NewTeam, PLAN_LIFE, Plan};
use contact_sync_domain::run::{Run, RunKind, RunStatus};
use contact_sync_domain::segment::{Outcome, Segment, SegmentItem};
use contact_sync_domain::settings::Settings;
use contact_sync_domain::sync_state::{Planned, Stage, Work};
use jiff::{SignedDuration, Timestamp};

use super::apply::writes;
use super::decide::present;
use super::drive::Desk;
use super::ending::conclusion;
use super::limits::Shares;
use super::page::run_of;
use super::pass::{Held, Pass};
use super::reaction::stopped;
use super::staging::announced;
use super::write::{by, written};
use super::{Stop, SyncStores, Worker};
use crate::plan::Teller;
use crate::port::{
    Blobs, Clock, Directory, PendingKind, PendingStore, Randomness, RunStore, SegmentStore,
    StoreError, StoredContact,
};
use crate::segments::load_segment;

/// Why a plan ends that nobody applied.
const UNAPPROVED: &str = "nobody approved the plan before it expired; nothing of it was done";

/// How long after its expiry a plan is ended: whoever approved it in time by another clock has
/// queued it by then.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// When the next plan is to be ended.
fn next_expiry(planned: &[Planned]) -> Option<Timestamp> {
    planned.iter().map(|planned| planned.expires_at + SLACK).min()
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// A plan decides from what the runs know that sync, and leaves nothing of an earlier plan
    /// waiting.
    pub(super) async fn prepare_plan(&self, held: &mut Held, desk: &Desk) -> Result<(), Stop> {
        let (account, connection) = (&desk.connection.account_id, &desk.connection.id);
        let main = self.stores.syncing().sync_state(account, connection).await?;
        let main = main.map(|state| state.work).unwrap_or_default();
        held.work = Work {
            done: held.state.wanted,
            guard: main.guard,
            linked: main.linked,
            members: main.members,
            asks: main.asks,
            let_go: main.let_go,
            holds_teams: main.holds_teams,
            planned: std::mem::take(&mut held.work.planned),
            next_due: held.work.next_due,
            ..Work::default()
        };
        for kind in [PendingKind::Removal, PendingKind::Collision] {
            let left = self.stores.pending(connection, kind).await?;
            let keys: Vec<String> = left.into_iter().map(|item| item.key).collect();
            if !keys.is_empty() {
                self.stores.delete_pending(connection, kind, &keys).await?;
            }
        }
        // Nothing else finds those again whose links say already what is planned.
        let mut told = self.stores.syncing().pending(connection, PendingKind::Removal).await?;
        told.retain(|item| announced(item).is_some());
        if !told.is_empty() {
            self.stores.put_pending(connection, PendingKind::Removal, &told).await?;
        }
        Ok(())
    }

    /// Sums the plan up and shows it; whoever dies here sums the same pages up again.
    pub(super) async fn show_plan(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        // Shown before, and perhaps approved since.
        let shown = pass.stored.as_ref().and_then(|run| run.plan.as_deref());
        let mut expires_at = shown.map(|plan| plan.expires_at);
        if expires_at.is_none() {
            let plan = self.sum_up(held, pass).await?;
            // Only who still holds the lease may show it.
            pass.point.stage = Stage::Finish;
            held.work.checkpoint = Some(pass.point.clone());
            held.checkpoint(&self.stores).await?;
            let mut run = run_of(pass, RunStatus::Planned);
            run.reason = conclusion(&pass.point).1;
            expires_at = Some(plan.expires_at);
            run.plan = Some(Box::new(plan));
            self.stores.put_run(&run).await?;
            tracing::info!(
                account.id = %run.account_id,
                connection.id = %run.connection_id,
                sync.run_id = %run.id,
                sync.pages = run.pages,
                "run {} is planned",
                run.id
            );
        }
        let run_id = pass.point.run_id.clone();
        held.work.planned.retain(|planned| planned.run_id != run_id);
        held.work.planned.extend(expires_at.map(|expires_at| Planned { run_id, expires_at }));
        held.work.next_due = next_expiry(&held.work.planned);
        held.work.checkpoint = None;
        held.work.done = held.state.wanted;
        held.checkpoint(&self.stores).await
    }

    /// Ends the plans that nobody approved in time, or all of them where nothing is planned any more.
    pub(super) async fn end_plans(
        &self,
        held: &mut Held,
        connection: &Connection,
        all: bool,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let planned = std::mem::take(&mut held.work.planned);
        let is_over = |planned: &Planned| all || planned.expires_at + SLACK <= now;
        let (over, waiting): (Vec<Planned>, Vec<Planned>) = planned.into_iter().partition(is_over);
        held.work.planned = waiting;
        held.work.next_due = next_expiry(&held.work.planned);
        for planned in over {
            let (account, id) = (&connection.account_id, &connection.id);
            let run = self.stores.run(account, id, &planned.run_id).await?;
            // It may have been applied or cancelled.
            let Some(run) = run.filter(|run| run.status == RunStatus::Planned) else { continue };
            let reason = if all { stopped(connection.status) } else { UNAPPROVED.to_owned() };
            let (status, reason) = (RunStatus::Cancelled, Some(reason));
            self.stores.put_run(&Run { status, reason, ended_at: Some(now), ..run }).await?;
        }
        Ok(())
    }

    /// Why a plan that somebody approved is not begun any more: it holds for the settings that it was
    /// made under, and for a day. What is taken back goes by no settings, and by the contacts alone. `wanted` is the settings'
    /// version that it counts on.
    pub(super) fn outlived(
        &self,
        kind: RunKind,
        plan: &Plan,
        desk: &Desk,
        wanted: u64,
    ) -> Option<String> {
        let approved = plan.approved.as_ref().filter(|_| kind != RunKind::Undo)?;
        let current = desk.settings.version;
        if current != wanted {
            return Some(format!(
                "the settings were replaced while the approved plan waited, and are in version \
                 {current} by now; nothing of it was done; preview again"
            ));
        }
        (self.clock.now().duration_since(approved.at) >= PLAN_LIFE).then(|| {
            "the approved plan waited for more than a day; nothing of it was done; preview again"
                .to_owned()
        })
    }

    /// Writes a stored page of the plan again over what is stored, as an earlier slice did in its own
    /// memory. Who moved since then is left as he is: nothing of the plan will come about for him.
    pub(super) async fn write_again(
        &self,
        pass: &Pass,
        segment: &Segment,
        deviating: &HashMap<&ObjectId, Outcome>,
    ) -> Result<(), Stop> {
        let items = segment
            .items
            .iter()
            .filter(|item| writes(item) && !deviating.contains_key(&item.object_id));
        let items: Vec<(&SegmentItem, &ContactId)> =
            items.filter_map(|item| Some((item, item.contact_id.as_ref()?))).collect();
        let ids: Vec<ContactId> = items.iter().map(|(_, id)| ContactId::clone(id)).collect();
        let mut stored = HashMap::new();
        self.read_contacts(pass, &ids, &mut stored).await?;
        for (item, id) in items {
            let before = present(stored.get(id));
            if before.map_or(0, |contact| contact.version) != item.version {
                continue;
            }
            if item.outcome == Outcome::Delete {
                if let Some(contact) = before {
                    self.stores.write_again(Some(contact), None, Some(&by(pass, segment)));
                }
                continue;
            }
            let version = match stored.get(id) {
                Some(StoredContact::Present(contact)) => contact.version,
                Some(StoredContact::Tombstone { version, .. }) => *version,
                None => 0,
            };
            let contact = written(pass, segment, item, before, version, self.clock.now());
            self.keep_adoption(pass, item, id).await?;
            self.end_adoption(pass, item).await?;
            self.stores.write_again(before, Some(contact), None);
        }
        Ok(())
    }

    /// Whom the plan makes a contact for that never was one.
    fn to_be_welcomed<'a>(&self, items: impl Iterator<Item = &'a SegmentItem>) -> u64 {
        let made = items.filter(|item| item.outcome == Outcome::Create);
        let made = made.filter_map(|item| item.contact_id.as_ref());
        made.fold(0, |count, id| count + u64::from(self.stores.is_to_be_welcomed(id)))
    }

    /// How many of those whom an undo deletes were to be welcomed when they were made.
    async fn were_welcomed<'a>(
        &self,
        pass: &Pass,
        items: impl Iterator<Item = &'a SegmentItem>,
    ) -> Result<u64, Stop> {
        let deleted = items.filter(|item| item.outcome == Outcome::Delete);
        let ids: Vec<ContactId> = deleted.filter_map(|item| item.contact_id.clone()).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let standing = self.stores.syncing().get_many(&pass.account.id, &ids).await?;
        let marks = standing.into_iter().filter_map(|one| match one {
            Some(StoredContact::Present(contact)) => contact.sync,
            Some(StoredContact::Tombstone { .. }) | None => None,
        });
        Ok(marks.fold(0, |count, mark| count + u64::from(mark.welcome)))
    }

    async fn sum_up(&self, held: &mut Held, pass: &Pass) -> Result<Plan, Stop> {
        let draft = self.stores.is_draft(&pass.connection.id);
        let basis = Basis { settings_version: pass.point.settings_version, draft };
        let mut teller = Teller::of(&basis);
        let (mut welcomes, mut welcomed, mut unignored) = (0, 0, 0);
        for page in 0..pass.point.page {
            held.check_time(&self.clock)?;
            let (connection, run) = (&pass.connection.id, &pass.point.run_id);
            let segment = load_segment(&self.stores, &self.blobs, connection, run, page).await?;
            let Some(segment) = segment else { continue };
            let deviations = self.stores.deviations(connection, run, page).await?;
            let went: HashMap<_, _> =
                deviations.iter().rev().map(|one| (&one.object_id, one)).collect();
            for item in &segment.items {
                teller.tell(item, went.get(&item.object_id).copied()).map_err(unwritten)?;
            }
            let goes = |item: &&SegmentItem| !went.contains_key(&item.object_id);
            welcomes += self.to_be_welcomed(segment.items.iter().filter(goes));
            if pass.point.kind == RunKind::Undo {
                unignored += comes_off(segment.items.iter().filter(goes));
                welcomed += self.were_welcomed(pass, segment.items.iter().filter(goes)).await?;
            }
        }
        let shares = Shares::of(held, pass);
        let now = self.clock.now();
        let removals = teller.removals().clone();
        let (hash, mut summary) = teller.end();
        let guard = &pass.rules.policies().guard;
        let (window, base) = (&held.work.guard, shares.base());
        let room = guard.room(window, base, now);
        let undoes = pass.point.kind == RunKind::Undo;
        // What a run made is no mass of leavers.
        let limits = if undoes { Vec::new() } else { guard.narrower(window, &removals, base, now) };
        let limits = self.named(pass, limits).await;
        let count = summary.guard.count;
        let (allowed, left) = (room.allowed, room.left);
        // Taking back uses up nothing of the guard's window, and always says what it removes.
        let holds = count > if undoes { 0 } else { left } || limits.iter().any(|one| one.holds);
        summary.guard = GuardView { count, allowed, left, holds, limits };
        (summary.welcomes, summary.welcomed) = (welcomes, welcomed);
        summary.unignored = unignored;
        summary.new_teams = new_teams(&pass.settings);
        Ok(Plan {
            hash,
            pages: pass.point.page,
            basis,
            summary,
            made_at: now,
            expires_at: now.checked_add(PLAN_LIFE).unwrap_or(Timestamp::MAX),
            approved: None,
        })
    }
}

/// How many people come off the ignore list.
fn comes_off<'a>(items: impl Iterator<Item = &'a SegmentItem>) -> u64 {
    let marks = items.filter_map(|item| item.trace.as_ref()?.ignored_in);
    marks.fold(0, |count, _| count + 1)
}

/// The teams that a draft has made once it is saved.
fn new_teams(settings: &Settings) -> Vec<NewTeam> {
    let drafted = settings.teams.iter().filter(|row| row.create_team);
    let named = drafted
        .filter_map(|row| Some(NewTeam { id: row.team_id()?, name: row.team_name.clone()? }));
    let mut teams: Vec<NewTeam> = named.collect();
    teams.sort_by(|one, other| one.id.cmp(&other.id));
    teams.dedup_by(|one, other| one.id == other.id);
    teams
}

fn unwritten(source: serde_json::Error) -> StoreError {
    StoreError::Corrupt { item: "a plan".to_owned(), source: Box::new(source) }
}
