//! Opening a run: from its checkpoint to everything that a slice works with.

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::account::Account;
use contact_sync_domain::connection::Connection;
use contact_sync_domain::directory::UserSelection;
use contact_sync_domain::guard::Counted;
use contact_sync_domain::id::{AccountId, ObjectId, RunId};
use contact_sync_domain::proof::Proof;
use contact_sync_domain::reconcile::{Rules, Wants};
use contact_sync_domain::routing::Rivals;
use contact_sync_domain::run::{Counts, Run, RunKind, RunStatus, SliceStart, Trigger};
use contact_sync_domain::scope::Memberships;
use contact_sync_domain::segment::{Outcome, Phase};
use contact_sync_domain::settings::{BetweenRuns, Settings};
use contact_sync_domain::sync_state::{Checkpoint, Lane, Stage};
use jiff::Timestamp;

use super::drive::{Desk, Worker};
use super::full::select_hash;
use super::index::Index;
use super::members::MemberSets;
use super::page::progress;
use super::pass::{Held, Pass};
use super::read_back::Written;
use super::tally::Tally;
use super::watched::{follows_groups, groups_digest, watched_with_rivals};
use super::{Stop, SyncStores};
use crate::port::{
    AccountStore, Blobs, Clock, DecisionStore, Directory, Randomness, RunStore, SegmentStore,
    SettingsStore,
};
use crate::segments::load_segment;
use crate::split;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Reads what a run works with; `None` when its settings no longer hold and it was ended.
    #[expect(clippy::too_many_lines, reason = "all that a run works with, read in its order")]
    pub(super) async fn open_pass(
        &self,
        held: &mut Held,
        desk: &Desk,
        mut point: Checkpoint,
    ) -> Result<Option<Pass>, Stop> {
        let connection = &desk.connection;
        let Some(account) = self.stores.account(&connection.account_id).await? else {
            return Err(Stop::Lost);
        };
        if point.page == 0 {
            // From here on the run's pages and report lie together, whatever is chosen later.
            point.kept = account.retention;
        }
        let settings = self.settings_of(&point, desk, &account.id).await?;
        let ignored = desk.settings.settings.scope.ignored_users.iter().cloned().collect();
        let (rules, problem) = rules_of(&settings, &account, point.started_at)?;
        let rules = if held.work.asks {
            rules.after_refusals(self.stores.refused(&connection.id).await?)
        } else {
            rules
        };
        let looks_only = matches!(point.trigger, Trigger::Notification | Trigger::Sweep);
        let lists = settings.schedule.between_runs == BetweenRuns::List;
        let holds = point.kind == RunKind::Delta && looks_only && lists;
        let rules = if holds { rules.holding() } else { rules };
        let created_before = point.counts.created;
        let stored = self.stored_run(&point, connection).await?;
        if held.state.lane == Lane::Plan {
            self.stores.begin(&point.run_id);
        }
        let mut pass = Pass {
            created_before,
            slice: SliceStart { at: self.clock.now(), done: 0 },
            lane: held.state.lane,
            account,
            connection: connection.clone(),
            tenant: desk.tenant.clone(),
            // A listing does not select what only others decide by: whoever of our people they may
            // mean is read again by id. The delta token stays bound to our own settings.
            by_id: UserSelection::of(&settings)
                .also(desk.rivals.iter().flat_map(|other| other.scope.needed_attributes())),
            selection: UserSelection::of(&settings),
            watched: watched_with_rivals(&settings, &desk.rivals),
            sharers: desk.rivals.clone(),
            settings,
            rules,
            ignored,
            point,
            members: MemberSets::default(),
            memberships: Memberships::default(),
            rivals: Rivals::default(),
            index: None,
            tally: Tally::default(),
            let_go: held.work.let_go,
            written: Written::default(),
            wants: Wants::default(),
            knows_asked: false,
            proposed: HashMap::new(),
            lookup: None,
            waiting: None,
            removed: Counted::default(),
            staged: None,
            kept: None,
            tried_again: false,
            spared: HashSet::new(),
            ignored_by: HashMap::new(),
            forgotten: HashSet::new(),
            stored,
            awaiting: BTreeMap::new(),
            deferred: HashMap::new(),
            may_replay: false,
            gap_seconds: None,
            allowed_at: None,
            older: HashMap::new(),
            agreed: None,
            tied: HashMap::new(),
            peeked: None,
            has_fresh_groups: false,
        };
        let ended = pass.point.ending.is_some();
        // What is over, or takes back, goes by nothing that the settings say.
        let needs_rules = !ended && pass.point.kind != RunKind::Undo;
        if let Some(problem) = problem.filter(|_| needs_rules) {
            pass.point.recorded = true;
            self.finish(held, &mut pass, RunStatus::Failed, Some(problem)).await?;
            return Ok(None);
        }
        if pass.uses_groups() && pass.point.stage != Stage::Baseline && needs_rules {
            self.know_members(held, &mut pass).await?;
        } else {
            pass.know_rivals();
        }
        if pass.point.reads_everybody() {
            self.load_index(held, &mut pass).await?;
        }
        // A slice knows only whom it saw itself.
        self.recount(&mut pass).await?;
        pass.slice = SliceStart { at: self.clock.now(), done: progress(&pass.point).done };
        if pass.point.reads_everybody() && !ended {
            self.record_progress(&pass).await?;
        }
        Ok(Some(pass))
    }

    /// The settings that a run began with.
    async fn settings_of(
        &self,
        point: &Checkpoint,
        desk: &Desk,
        account: &AccountId,
    ) -> Result<Settings, Stop> {
        let version = point.settings_version;
        if version == desk.settings.version {
            return Ok(desk.settings.settings.clone());
        }
        let then = self.stores.settings_version(account, &desk.connection.id, version).await?;
        Ok(then.map_or_else(|| desk.settings.settings.clone(), |then| then.settings))
    }

    /// The run as it stands in the store, with what others wrote on it.
    async fn stored_run(
        &self,
        point: &Checkpoint,
        connection: &Connection,
    ) -> Result<Option<Run>, Stop> {
        if !point.recorded {
            return Ok(None);
        }
        Ok(self.stores.run(&connection.account_id, &connection.id, &point.run_id).await?)
    }

    pub(super) fn first_checkpoint(
        &self,
        held: &Held,
        desk: &Desk,
        run_id: RunId,
        stage: Stage,
    ) -> Checkpoint {
        Checkpoint::begin(
            (run_id, RunKind::Full, Trigger::Sweep),
            desk.settings.version,
            stage,
            (held.fence(), held.state.wanted),
            self.clock.now(),
        )
    }

    async fn know_members(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        match self.load_members(pass).await {
            // Before the first sync nobody read the groups. The next look looks at everything.
            Err(Stop::NeedsFull) if pass.point.applies => {
                self.read_watched_groups(held, pass).await?;
                held.work.users_delta = None;
                Ok(())
            }
            loaded => loaded,
        }
    }

    /// Reads what is known of all linked contacts.
    async fn load_index(&self, held: &Held, pass: &mut Pass) -> Result<(), Stop> {
        if held.work.asks {
            // Before the index: what people decide after it was read concerns these.
            pass.waiting = Some(self.read_waiting(pass).await?);
        }
        let index = Index::load(
            &self.stores,
            &pass.account.id,
            &pass.connection.id,
            &pass.tenant,
            held.work.linked,
        )
        .await?;
        pass.index = Some(index);
        Ok(())
    }

    /// Counts the run's stored pages again, as they were applied: counts and proof are what is
    /// stored, whatever the slices before got to remember.
    async fn recount(&self, pass: &mut Pass) -> Result<(), Stop> {
        if pass.point.page == 0 {
            return Ok(());
        }
        pass.point.counts = Counts::default();
        pass.point.proof = Proof { unread: pass.point.proof.unread, ..Proof::default() };
        let (connection, run) = (pass.connection.id.clone(), pass.point.run_id.clone());
        let first = if pass.point.applies { pass.point.first_page } else { 0 };
        for page in first..pass.point.page {
            let segment = load_segment(&self.stores, &self.blobs, &connection, &run, page).await?;
            let Some(segment) = segment else {
                pass.point.proof.missing += u32::from(page >= pass.point.first_page);
                continue;
            };
            let deviations = self.stores.deviations(&connection, &run, page).await?;
            let went: HashMap<&ObjectId, Outcome> =
                deviations.iter().rev().map(|one| (&one.object_id, one.outcome)).collect();
            if pass.lane == Lane::Plan {
                self.write_again(pass, &segment, &went).await?;
                if segment.phase == Phase::Teams && pass.point.kind == RunKind::Undo {
                    self.put_moves(pass, &segment).await?;
                } else if segment.phase == Phase::Teams {
                    self.note_moves(pass, &segment);
                }
            }
            let outcomes: Vec<Outcome> = segment
                .items
                .iter()
                .map(|item| went.get(&item.object_id).copied().unwrap_or(item.outcome))
                .collect();
            pass.note_left(segment.items.iter().zip(outcomes.iter().copied()));
            for (item, outcome) in segment.items.iter().zip(&outcomes) {
                // Who was to be taken over and deviated may have got a contact of his own.
                if !item.adopted || !went.contains_key(&item.object_id) {
                    pass.written.note(segment.fence, item, *outcome);
                }
            }
            pass.count_page(&segment, segment.items.iter().zip(outcomes));
        }
        Ok(())
    }
}

/// Where a look at what changed starts; `None` when only a full run can tell.
pub(super) fn delta_stage(held: &Held, desk: &Desk) -> Option<Stage> {
    let (settings, rivals) = (&desk.settings, &desk.rivals);
    let cursor = held.work.users_delta.as_ref()?;
    // Others mean other people by now, or do so no more: whose is who must be asked about everybody.
    if held.work.rivals.as_deref().is_some_and(|known| known != split::digest(rivals)) {
        return None;
    }
    // A token tracks the attributes it was made for: settings that read others need a new one, and
    // everybody's values of them.
    if cursor.select_hash != select_hash(&UserSelection::of(&settings.settings)) {
        return None;
    }
    let groups = watched_with_rivals(&settings.settings, rivals);
    if !groups.is_empty() {
        // Sets read for other groups, or read in another way, tell nothing.
        if held.work.groups_digest.as_deref() != Some(&groups_digest(&groups)) {
            return None;
        }
        let can_follow = held.work.groups_delta.is_some() || !follows_groups(&groups);
        return can_follow.then_some(Stage::Groups);
    }
    Some(Stage::Delta { link: cursor.link.clone() })
}

/// What the settings say, or the usual rules and what keeps the settings from holding.
fn rules_of(
    settings: &Settings,
    account: &Account,
    now: Timestamp,
) -> Result<(Rules, Option<String>), Stop> {
    let problems = match Rules::compile(settings, &account.custom_fields, now) {
        Ok(rules) => return Ok((rules, None)),
        Err(problems) => problems,
    };
    let problem = problems.into_iter().next().map(|problem| {
        format!("the settings no longer hold: {} {}", problem.pointer, problem.message)
    });
    let Ok(fallback) = Rules::compile(&Settings::default(), &[], now) else {
        return Err(Stop::Failed("the default settings do not hold".to_owned()));
    };
    Ok((fallback, problem))
}
