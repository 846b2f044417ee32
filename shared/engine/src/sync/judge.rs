//! Judging staged removals: all of them at once, or none beyond the guard.

use std::collections::HashMap;

use contact_sync_domain::guard::Verdict;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::segment::{NextStep, Outcome, Phase, Segment, SegmentItem};
use contact_sync_domain::settings::RemovalAction;
use contact_sync_domain::sync_state::Stage;

use super::decide::present;
use super::page::StagedRemoval;
use super::pass::{Held, Pass};
use super::{Stop, SyncStores, Worker};
use crate::port::{Blobs, Clock, Directory, PendingKind, Randomness, StoredContact};

/// How many removals one segment holds.
const PER_SEGMENT: usize = 200;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Judges what is staged. The window's counter is stored before anything is removed, so that a
    /// crash in between cannot make room for more.
    pub(super) async fn judge(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        pass.point.stage = Stage::Finish;
        let waiting = self.stores.pending(&pass.connection.id, PendingKind::Removal).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        held.check_time(&self.clock)?;
        let linked = pass.index.as_ref().map_or(held.work.linked, super::index::Index::linked);
        let count = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        let verdict = pass.rules.policies().guard.judge(
            &held.work.guard,
            pass.point.run_id.as_str(),
            count,
            linked,
            self.clock.now(),
        );
        let window = match verdict {
            Verdict::Allowed(window) => window,
            Verdict::Blocked { left, allowed } => {
                pass.point.blocked = true;
                pass.point.note = Some(format!(
                    "{count} removals wait: the guard allows {allowed} in {} hours and {left} are \
                     left; check the directory and the scope, then raise the guard or restore the \
                     people",
                    pass.rules.policies().guard.window_hours
                ));
                return Ok(());
            }
        };
        held.work.guard = window;
        pass.point.stage = Stage::Judge;
        held.work.checkpoint = Some(pass.point.clone());
        held.checkpoint(&self.stores).await?;
        for chunk in waiting.chunks(PER_SEGMENT) {
            let staged: Vec<(ObjectId, StagedRemoval)> = chunk
                .iter()
                .filter_map(|item| {
                    let user = ObjectId::parse(&item.key).ok()?;
                    Some((user, serde_json::from_value(item.body.clone()).ok()?))
                })
                .collect();
            self.carry_out(held, pass, &staged).await?;
        }
        let keys: Vec<String> = waiting.into_iter().map(|item| item.key).collect();
        self.stores.delete_pending(&pass.connection.id, PendingKind::Removal, &keys).await?;
        pass.point.stage = Stage::Finish;
        Ok(())
    }

    async fn carry_out(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        staged: &[(ObjectId, StagedRemoval)],
    ) -> Result<(), Stop> {
        let ids: Vec<ContactId> =
            staged.iter().map(|(_, removal)| removal.contact_id.clone()).collect();
        let mut stored: HashMap<ContactId, StoredContact> = HashMap::new();
        self.read_contacts(pass, &ids, &mut stored).await?;
        let items: Vec<SegmentItem> = staged
            .iter()
            .filter_map(|(user, removal)| {
                let contact = present(stored.get(&removal.contact_id))?;
                contact
                    .is_linked_to(&pass.connection.id, user)
                    .then(|| removal_item(user, removal, contact.version))
            })
            .collect();
        if items.is_empty() {
            return Ok(());
        }
        let segment = Segment {
            page: pass.point.page,
            generation: pass.point.generation,
            phase: Phase::Judgement,
            fence: held.fence(),
            link_hash: String::new(),
            next: NextStep::End,
            items,
            unclear: Vec::new(),
        };
        self.store_and_settle(held, pass, segment, stored, &HashMap::new()).await
    }
}

fn removal_item(user: &ObjectId, removal: &StagedRemoval, version: u64) -> SegmentItem {
    let outcome = match removal.action {
        RemovalAction::Unlink => Outcome::Unlink,
        RemovalAction::Deactivate => Outcome::Deactivate,
        RemovalAction::Delete => Outcome::Delete,
        RemovalAction::Keep | RemovalAction::StopUpdating | RemovalAction::Review => Outcome::Keep,
    };
    SegmentItem {
        version,
        reason: removal.reason.clone(),
        link: removal.link.clone(),
        ..blank_item(user, Some(removal.contact_id.clone()), outcome)
    }
}
