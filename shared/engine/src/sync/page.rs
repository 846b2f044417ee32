//! One page: decide, store the segment, write the contacts, checkpoint.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::directory::{DeltaEntry, DirectoryUser};
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::run::{Progress, Run, RunKind, RunStatus, Step, TOKEN_GONE};
use contact_sync_domain::segment::{Deviation, NextStep, Outcome, Phase, Segment};
use contact_sync_domain::sync_state::Checkpoint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::apply::Applied;
use super::pass::{Held, Pass};
use super::reading::{Reading, advance, leads_on};
use super::teams::following;
use super::{MAX_PAGES, Stop, SyncStores, Worker, short_digest};
use crate::port::{
    Blobs, Clock, Directory, PendingItem, PendingKind, PendingStore, Randomness, RunStore,
    SegmentStore, StoreError, StoredContact,
};
use crate::segments::store_segment;

/// Where a page came from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) phase: Phase,
    /// The link that was called; empty for reads by id.
    pub(super) link: String,
    pub(super) next: NextStep,
    /// The fence at which the page was requested.
    pub(super) fence: u64,
}

/// How many pages that others began one page may come upon.
const MAX_BEGUN: usize = 8;

/// A change whose e-mail another contact still has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Collision {
    pub(super) email: Option<String>,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Decides and applies a page, and checkpoints behind it.
    pub(super) async fn page(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        source: Source,
        entries: Vec<DeltaEntry>,
    ) -> Result<(), Stop> {
        if pass.point.page >= MAX_PAGES {
            return Err(Stop::Failed(
                "the directory's pages never end; nothing was removed".into(),
            ));
        }
        // Only the pages of a round may leave somebody unclear to the next one.
        let in_round = matches!(source.phase, Phase::Delta | Phase::Drain);
        let last = !in_round || !matches!(source.next, NextStep::Next(_));
        if entries.is_empty() && (pass.point.unclear.is_empty() || !last) {
            advance(held, pass, source.phase, &source.next, self.clock.now());
            return Ok(());
        }
        self.record_start(held, pass).await?;
        let mut named: HashSet<ObjectId> = pass.point.unclear.iter().cloned().collect();
        named.extend(entries.iter().map(|entry| entry.id().clone()));
        let decided = Box::pin(self.decide_page(pass, entries, last)).await?;
        let items = self.stage_removals(pass, decided.items).await?;
        items.iter().map(|item| &item.object_id).chain(&pass.point.unclear).for_each(|user| {
            named.remove(user);
        });
        pass.point.proof.unread += u64::try_from(named.len()).unwrap_or(u64::MAX);
        let segment = Segment {
            generation: pass.point.generation,
            // Links prove which page was read, but are not shown.
            link_hash: short_digest(&source.link),
            next: source.next,
            unclear: pass.point.unclear.clone(),
            ..Segment::of(pass.point.page, source.phase, source.fence, items)
        };
        Box::pin(self.store_and_settle(held, pass, segment, decided.stored, &decided.users)).await
    }

    /// Stores a segment and applies the one that stands: a page that was begun before is finished
    /// as it was begun.
    pub(super) async fn store_and_settle(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        segment: Segment,
        stored: HashMap<ContactId, StoredContact>,
        users: &HashMap<ObjectId, DirectoryUser>,
    ) -> Result<(), Stop> {
        let mut segment = segment;
        let mut stored = stored;
        pass.hide_erased(&mut segment.items);
        self.tell_movers(pass, &mut segment.items, &stored, users).await?;
        // Each page that another slice began is finished first; more than a few cannot be.
        for _ in 0..MAX_BEGUN {
            let reading = Reading::of(&segment);
            let fence = segment.fence;
            let standing = store_segment(
                &self.stores,
                &self.blobs,
                &pass.account.id,
                &pass.connection.id,
                (&pass.point.run_id, pass.point.kept),
                segment.clone(),
            )
            .await?;
            if standing.fence == fence && Reading::of(&standing) == reading {
                return self.settle(held, pass, &standing, stored, users).await;
            }
            // Another's segment of the same page was decided from another reading.
            self.settle_begun(held, pass, &standing).await?;
            if Reading::of(&standing) == reading {
                return Ok(());
            }
            // What this slice read is none of that page's: it gets a page of its own.
            stored = HashMap::new();
            segment.page = pass.point.page;
        }
        Err(Stop::Failed("pages of the run were begun again and again; nothing was removed".into()))
    }

    /// Finishes a page that was begun before, perhaps from another reading than what comes next.
    pub(super) async fn settle_begun(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        segment: &Segment,
    ) -> Result<(), Stop> {
        let (connection, run) = (&pass.connection.id, &pass.point.run_id);
        // What deviated the last time may be right by now.
        let noted = self.stores.deviations(connection, run, segment.page).await?;
        self.settle_over(held, pass, (segment, noted), HashMap::new(), &HashMap::new()).await
    }

    /// Applies a stored segment, counts, and checkpoints.
    pub(super) async fn settle(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        segment: &Segment,
        stored: HashMap<ContactId, StoredContact>,
        users: &HashMap<ObjectId, DirectoryUser>,
    ) -> Result<(), Stop> {
        self.settle_over(held, pass, (segment, Vec::new()), stored, users).await
    }

    /// The same, where `noted` is kept of how the page deviated before.
    async fn settle_over(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        (segment, mut noted): (&Segment, Vec<Deviation>),
        stored: HashMap<ContactId, StoredContact>,
        users: &HashMap<ObjectId, DirectoryUser>,
    ) -> Result<(), Stop> {
        let known = (held.barred_until, &mut noted);
        let applied = self.apply_segment(pass, segment, stored, users, known).await?;
        let deviations: Vec<_> = applied.iter().filter_map(|one| one.deviation.clone()).collect();
        if deviations != noted {
            let run = (&pass.point.run_id, pass.point.kept);
            self.stores.put_deviations(&pass.connection.id, run, segment.page, &deviations).await?;
        }
        self.count_and_checkpoint(held, pass, segment, &applied, users).await
    }

    /// Keeps what waits, counts, goes on to the next page, and checkpoints.
    async fn count_and_checkpoint(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        segment: &Segment,
        applied: &[Applied],
        users: &HashMap<ObjectId, DirectoryUser>,
    ) -> Result<(), Stop> {
        let collisions: Vec<PendingItem> = applied
            .iter()
            .filter(|applied| applied.outcome == Outcome::Deferred)
            // Who was put off is found in the segment; a look may have moved on when its run fails,
            // and then nothing else tells of him.
            .filter(|applied| segment.phase == Phase::Delta || !applied.item.is_put_off())
            .map(|applied| {
                pending(&applied.item.object_id, &Collision { email: applied.item.email.clone() })
            })
            .collect::<Result<_, _>>()?;
        if !collisions.is_empty() {
            self.stores
                .put_pending(&pass.connection.id, PendingKind::Collision, &collisions)
                .await?;
        }
        self.unstage_returned(pass, segment, applied.iter().map(|applied| &applied.item)).await?;
        Box::pin(self.keep_failures(held, pass, segment.phase, applied)).await?;
        Box::pin(self.ask_people(held, pass, applied)).await?;
        pass.let_go |= applied.iter().any(|one| pass.lets_go(&one.item, one.outcome));
        held.work.let_go = pass.let_go;
        pass.note_left(applied.iter().map(|one| (&one.item, one.outcome)));
        for one in applied {
            pass.written.note(segment.fence, &one.item, one.outcome);
        }
        pass.count_page(segment, applied.iter().map(|one| (&one.item, one.outcome)));
        for applied in applied {
            pass.remember_deferred(&applied.item, applied.outcome, users);
        }
        let leads_on = leads_on(&pass.point, segment);
        pass.point.page = segment.page + 1;
        pass.point.stalls = 0;
        if leads_on {
            if matches!(segment.phase, Phase::Delta | Phase::Drain) {
                pass.point.unclear.clone_from(&segment.unclear);
            }
            advance(held, pass, segment.phase, &segment.next, self.clock.now());
        }
        let follows = Self::must_follow(pass, applied);
        pass.point.follows = follows.then_some(segment.page);
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await?;
        if follows {
            let contacts = following(applied.iter().map(|one| (&one.item, one.outcome)));
            Box::pin(self.follow_page(held, pass, &contacts)).await?;
        }
        self.record_progress(pass).await
    }

    /// A delta run is recorded when it first finds something: an idle look leaves no trace.
    pub(super) async fn record_start(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        if pass.point.recorded {
            return Ok(());
        }
        pass.point.recorded = true;
        held.work.look_hops = 0;
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await?;
        self.stores.put_run(&run_of(pass, RunStatus::Running)).await?;
        Ok(())
    }

    /// Shows how far the run is.
    pub(super) async fn record_progress(&self, pass: &Pass) -> Result<(), Stop> {
        let is_long = pass.point.reads_everybody() || pass.point.kind == RunKind::User;
        if is_long || pass.point.applies || pass.point.kind == RunKind::Undo {
            let mut run = run_of(pass, RunStatus::Running);
            // To the second: the item is written with each page.
            let now = self.clock.now();
            run.progress.at = Timestamp::from_second(now.as_second()).ok();
            // Before a slice has a pace of its own, the one before tells.
            let before = pass.stored.as_ref().and_then(|stored| stored.progress.pace);
            run.progress.pace = pass.slice.pace(run.progress.done, now).or(before);
            self.stores.put_run(&run).await?;
        }
        Ok(())
    }
}

/// The run as people see it now.
pub(super) fn run_of(pass: &Pass, status: RunStatus) -> Run {
    let point = &pass.point;
    let stored = pass.stored.clone().unwrap_or_else(|| {
        Run::queued(
            point.run_id.clone(),
            (pass.account.id.clone(), pass.connection.id.clone()),
            (point.kind, point.trigger),
            point.settings_version,
            point.queued_at,
        )
    });
    Run {
        kind: point.kind,
        trigger: point.trigger,
        status,
        reason: point.note.clone().or_else(|| point.anew.then(|| TOKEN_GONE.to_owned())),
        counts: point.counts,
        progress: progress(point),
        settings_version: point.settings_version,
        graph: point.graph,
        pages: point.page,
        queued_at: point.queued_at,
        started_at: Some(point.started_at),
        ended_at: None,
        report_ready: false,
        gap_seconds: pass.gap_seconds,
        reading: point.reading,
        kept: point.kept,
        proof: (point.proof.pages > 0).then(|| point.proof.clone()),
        // What others wrote down on it stays.
        ..stored
    }
}

/// How far a run is. Who came since Graph counted is more than it counted.
pub(super) fn progress(point: &Checkpoint) -> Progress {
    let done = point.counts.seen + point.proof.open;
    let total = point.total.map(|total| total.max(done));
    Progress { done, total, step: Some(Step::from(&point.stage)), at: None, pace: None }
}

/// A waiting item under the user's id.
pub(super) fn pending(user: &ObjectId, body: &impl Serialize) -> Result<PendingItem, StoreError> {
    let body = serde_json::to_value(body).map_err(|source| StoreError::Corrupt {
        item: "a waiting item".to_owned(),
        source: Box::new(source),
    })?;
    Ok(PendingItem { key: user.to_string(), expires_at: None, body })
}
