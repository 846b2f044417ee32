//! People whose contact could not be written: kept, and tried again when their time has come.

use contact_sync_domain::escrow::{Failure, MOST};
use contact_sync_domain::id::ObjectId;
use contact_sync_domain::run::RunKind;
use contact_sync_domain::segment::{Outcome, Phase};
use contact_sync_domain::sync_state::{Checkpoint, Lane};
use jiff::Timestamp;

use super::apply::Applied;
use super::page::pending;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, PendingKind, PendingStore, Randomness};

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Keeps whoever failed on a page, and lets go of who came out otherwise. While nobody failed
    /// and nobody is kept, nothing is read.
    pub(super) async fn keep_failures(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        phase: Phase,
        applied: &[Applied],
    ) -> Result<(), Stop> {
        let nobody = held.work.escrowed == 0
            && pass.kept.is_none()
            && applied.iter().all(|one| one.outcome != Outcome::Failed);
        if nobody || pass.lane == Lane::Plan || phase == Phase::Teams {
            return Ok(());
        }
        let now = self.clock.now();
        self.load_kept(pass).await?;
        let run = pass.point.run_id.clone();
        let kept = pass.kept.get_or_insert_default();
        let (mut failed, mut gone) = (Vec::new(), Vec::new());
        for one in applied {
            let user = &one.item.object_id;
            match one.outcome {
                Outcome::Failed => {
                    let standing = kept.get(user);
                    let reason = one.item.reason.clone().unwrap_or_default();
                    if standing.is_some_and(|standing| standing.stands_for(&reason, now)) {
                        continue;
                    }
                    if standing.is_none() && kept.len() >= MOST {
                        continue;
                    }
                    let failure = Failure {
                        object_id: user.clone(),
                        contact_id: one.item.contact_id.clone(),
                        reason,
                        remedy: one.item.remedy.clone(),
                        attempts: 0,
                        first_at: now,
                        last_at: now,
                        next_at: None,
                        run_id: run.clone(),
                    };
                    let failure = failure.after(standing);
                    failed.push(pending(user, &failure)?);
                    kept.insert(user.clone(), failure);
                }
                // Nothing is decided yet, or nothing was done: what failed is still to be tried.
                Outcome::Deferred | Outcome::Left => {}
                Outcome::Create
                | Outcome::Update
                | Outcome::Unchanged
                | Outcome::Skipped
                | Outcome::AwaitingReview
                | Outcome::StopUpdating
                | Outcome::Unlink
                | Outcome::Deactivate
                | Outcome::Delete
                | Outcome::Keep
                | Outcome::Restore => {
                    gone.extend(kept.remove(user).map(|failure| failure.object_id.to_string()));
                }
            }
        }
        let connection = &pass.connection.id;
        if !failed.is_empty() {
            self.stores.put_pending(connection, PendingKind::Escrow, &failed).await?;
        }
        if !gone.is_empty() {
            self.stores.delete_pending(connection, PendingKind::Escrow, &gone).await?;
        }
        held.work.escrowed = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    /// Tries whoever is due once more, by reading him by his id; at the end of a full run also
    /// whomever its listing did not name.
    pub(super) async fn try_failures_again(
        &self,
        held: &mut Held,
        pass: &mut Pass,
    ) -> Result<(), Stop> {
        let is_for_all =
            pass.lane == Lane::Main && pass.point.kind != RunKind::User && !pass.point.applies;
        if pass.tried_again || !is_for_all || held.work.escrowed == 0 {
            return Ok(());
        }
        pass.tried_again = true;
        let now = self.clock.now();
        let all = pass.point.reads_everybody();
        self.load_kept(pass).await?;
        let kept = pass.kept.iter().flatten();
        let due: Vec<ObjectId> = kept
            .filter(|(user, failure)| (all || failure.is_due(now)) && !pass.tally.knows(user))
            .map(|(user, _)| user.clone())
            .collect();
        self.read_one_by_one(held, pass, &due).await
    }

    /// Notes when somebody is to be tried again, beside what else comes due later.
    pub(super) async fn note_next_try(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        now: Timestamp,
    ) -> Result<(), Stop> {
        if pass.lane == Lane::Plan {
            return Ok(());
        }
        let later = held.work.next_due.filter(|at| *at > now);
        held.work.next_due = later;
        if held.work.escrowed == 0 || (later.is_some() && pass.kept.is_none()) {
            return Ok(());
        }
        self.load_kept(pass).await?;
        let tries = pass.kept.iter().flatten().filter_map(|(_, failure)| failure.next_at);
        held.work.next_due = later.into_iter().chain(tries).min();
        Ok(())
    }

    async fn load_kept(&self, pass: &mut Pass) -> Result<(), Stop> {
        if pass.kept.is_some() {
            return Ok(());
        }
        let items = self.stores.pending(&pass.connection.id, PendingKind::Escrow).await?;
        // What cannot be read is written anew when the person fails again.
        let readable = items.into_iter().filter_map(|item| serde_json::from_value(item.body).ok());
        let pairs = readable.map(|failure: Failure| (failure.object_id.clone(), failure));
        pass.kept = Some(pairs.collect());
        Ok(())
    }
}

/// Why a run ended not well, with how many failed beyond those who are kept.
pub(super) fn with_unkept(
    reason: Option<String>,
    held: &Held,
    point: &Checkpoint,
) -> Option<String> {
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    let beyond = point.counts.failed.saturating_sub(most);
    if beyond == 0 || u64::from(held.work.escrowed) < most {
        return reason;
    }
    let told = format!(
        "{beyond} people more failed than are kept to be tried again; the next full run tries all"
    );
    Some(reason.map_or(told.clone(), |reason| format!("{reason}; {told}")))
}
