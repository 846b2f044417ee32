//! How a run ends: what is recorded of it, and what its look at the directory settled.

use contact_sync_domain::run::{Run, RunKind, RunStatus, TOKEN_GONE, Trigger};
use contact_sync_domain::settings::BetweenRuns;
use contact_sync_domain::sync_state::{Checkpoint, Ending, Stage, Work};
use jiff::Timestamp;

use super::index::Index;
use super::page::run_of;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, ConnectionStore, Directory, Randomness, RunStore};

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Records how the run ended, and what its look at the directory settled.
    pub(super) async fn finish(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        status: RunStatus,
        reason: Option<String>,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let is_cancelled = held.is_cancelled();
        let whole =
            matches!(status, RunStatus::Succeeded | RunStatus::Partial | RunStatus::Blocked);
        if pass.point.recorded {
            pass.point.note.clone_from(&reason);
            pass.point.ending = Some(Ending { status, reason });
            if whole && pass.gap_seconds.is_none() && pass.point.trigger == Trigger::Sweep {
                let last = held.work.last_checked_at;
                let gap = last.map(|last| now.duration_since(last).as_secs().unsigned_abs());
                pass.gap_seconds = gap;
            }
            // Only who still holds the lease may say how the run ended.
            pass.point.stage = Stage::Finish;
            held.work.checkpoint = Some(pass.point.clone());
            held.checkpoint(&self.stores).await?;
            let mut run = run_of(pass, status);
            run.ended_at = Some(now);
            self.stores.put_run(&run).await?;
            log_summary(&run, drift(held, pass, &run));
        }
        if pass.point.applies || pass.point.kind == RunKind::User {
            // It looked at nothing but its own people: what else changed is still to be found.
        } else if whole {
            held.serve(pass.point.wanted_seen, now);
            held.work.last_checked_at = Some(now);
            note_hearing(&mut held.work, &pass.point);
            if pass.point.reads_everybody() {
                held.work.last_full_at = Some(now);
                held.work.last_full_settings = Some(pass.point.settings_version);
                held.work.rivals = pass.point.rivals.clone().or(held.work.rivals.take());
                held.work.linked = pass.index.as_ref().map_or(0, Index::linked)
                    + pass.point.counts.created.saturating_sub(pass.created_before);
                held.work.members = pass.members_at_end();
                self.note_sync(pass, now).await?;
            }
        } else if !is_cancelled {
            // What was hinted at meanwhile is found by the next run; asking again at once would
            // fail the same way. Who cancels a run does not mean what Graph told meanwhile.
            held.work.done = held.state.wanted;
        }
        if whole {
            self.note_next_try(held, pass, now).await?;
        }
        held.work.checkpoint = None;
        held.work.look_hops = 0;
        if pass.point.recorded {
            held.checkpoint(&self.stores).await?;
        }
        Ok(())
    }

    /// Shows on the connection when its last full run ended.
    async fn note_sync(&self, pass: &Pass, now: Timestamp) -> Result<(), Stop> {
        for _ in 0..5 {
            let stored = self.stores.connection(&pass.account.id, &pass.connection.id).await?;
            let Some(mut connection) = stored else { return Ok(()) };
            connection.last_sync_at = Some(now);
            connection.version += 1;
            connection.updated_at = now;
            if self.stores.update_connection(&connection).await? {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// How a run that reached its end ended, and why not well.
pub(super) fn conclusion(point: &Checkpoint) -> (RunStatus, Option<String>) {
    let gap = point.proof.check(&point.counts).err();
    let gap = gap.map(|gap| format!("the run cannot prove that it dealt with everybody: {gap}"));
    if point.blocked {
        let notes = point.note.iter().chain(&point.teams_note).cloned();
        let reasons: Vec<String> = notes.chain(gap).collect();
        return (RunStatus::Blocked, Some(reasons.join("; ")));
    }
    let reasons: Vec<String> = gap.into_iter().chain(point.teams_note.clone()).collect();
    let well = reasons.is_empty() && point.counts.failed == 0;
    // Told of a run that went well, too: nothing else says why it read everybody.
    let anew = point.anew.then(|| TOKEN_GONE.to_owned());
    let reasons: Vec<String> = anew.into_iter().chain(reasons).collect();
    let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
    (if well { RunStatus::Succeeded } else { RunStatus::Partial }, reason)
}

/// Counts the looks in a row that found what no notification told of.
fn note_hearing(work: &mut Work, point: &Checkpoint) {
    if point.trigger == Trigger::Notification {
        work.unheard = 0;
    } else if point.trigger == Trigger::Sweep && point.recorded {
        work.unheard = work.unheard.saturating_add(1);
    }
}

/// How many contacts a scheduled full run had to touch although every change should have come by
/// notification or look before it. Not told of runs under new settings, nor where changes are to
/// wait for the run.
fn drift(held: &Held, pass: &Pass, run: &Run) -> Option<u64> {
    let follows = run.kind == RunKind::Full
        && run.trigger == Trigger::Schedule
        && pass.settings.schedule.between_runs == BetweenRuns::Apply
        && held.work.last_full_settings == Some(pass.point.settings_version);
    follows.then_some(run.counts.created + run.counts.updated + run.counts.removed)
}

/// The line that the metric filter, the alarm and a support agent read.
fn log_summary(run: &Run, drift: Option<u64>) {
    tracing::info!(
        account.id = %run.account_id,
        connection.id = %run.connection_id,
        sync.run_id = %run.id,
        sync.kind = ?run.kind,
        sync.status = ?run.status,
        sync.seen = run.counts.seen,
        sync.created = run.counts.created,
        sync.updated = run.counts.updated,
        sync.unchanged = run.counts.unchanged,
        sync.skipped = run.counts.skipped,
        sync.failed = run.counts.failed,
        sync.removed = run.counts.removed,
        sync.awaiting_review = run.counts.awaiting_review,
        sync.drift = drift,
        graph.requests = run.graph.requests,
        graph.resource_units = run.graph.resource_units,
        "run {} ended",
        run.id
    );
}
