//! Drift audits: where a membership is not as it should be, which side moved.

use contact_sync_domain::drift::Moved;
use contact_sync_domain::id::{ConnectionId, TeamId};
use contact_sync_domain::segment::{Outcome, SegmentItem};
use contact_sync_domain::team::Observed;

use super::Move;
use super::rows::Rows;
use crate::port::{Blobs, Clock, Directory, Randomness, SettingsStore};
use crate::sync::members::MemberSets;
use crate::sync::pass::Pass;
use crate::sync::{Stop, SyncStores, Worker};

/// From what memberships were followed last: the mapping of the last full run, and who was in the
/// groups when they were last looked at.
#[derive(Debug)]
pub(in crate::sync) struct Agreed {
    rows: Rows,
    members: MemberSets,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Says of each membership that an audit found wrong which side moved.
    pub(super) async fn tell_sides(
        &self,
        pass: &mut Pass,
        moves: &[Move],
        items: &mut [SegmentItem],
    ) -> Result<(), Stop> {
        if !pass.audits() || items.is_empty() {
            return Ok(());
        }
        if pass.agreed.is_none() {
            pass.agreed = Some(self.agreed(pass).await?);
        }
        let Some(agreed) = &pass.agreed else { return Ok(()) };
        for item in items {
            let Some(trace) = &mut item.trace else { continue };
            for change in &mut trace.memberships {
                let is_of = |one: &&Move| {
                    one.before.team_id == change.team_id
                        && Some(&one.before.contact_id) == item.contact_id.as_ref()
                };
                let side = |one: &Move| pass.side_of(&pass.connection.id, agreed, one);
                change.moved = moves.iter().find(is_of).map(side);
            }
        }
        Ok(())
    }

    /// Reads from what memberships were followed last.
    async fn agreed(&self, pass: &Pass) -> Result<Agreed, Stop> {
        let (account, connection) = (&pass.account.id, &pass.connection.id);
        let synced = self.stores.syncing().sync_state(account, connection).await?;
        let version = synced.and_then(|state| state.work.last_full_settings);
        let then = match version {
            Some(version) => self.stores.settings_version(account, connection, version).await?,
            None => None,
        };
        let settings = then.map_or_else(|| pass.settings.clone(), |then| then.settings);
        let synced = self.blobs.syncing();
        let members = MemberSets::load_known(&synced, account, connection, &pass.watched).await?;
        Ok(Agreed { rows: Rows::of(&settings, |_: &TeamId| true), members })
    }
}

impl Pass {
    /// Remembers of an audit whose contact would come, go or be tied otherwise: their memberships
    /// follow, and the side that moved is the same.
    pub(in crate::sync) fn note_ties(&mut self, item: &SegmentItem, outcome: Outcome) {
        let is_tied_otherwise = super::comes_or_goes(item, outcome) || item.link.is_some();
        if !self.audits() || !is_tied_otherwise {
            return;
        }
        let moved = item.trace.as_ref().and_then(|trace| trace.moved);
        if let (Some(contact), Some(moved)) = (&item.contact_id, moved) {
            self.tied.insert(contact.clone(), moved);
        }
    }

    fn side_of(&self, connection: &ConnectionId, agreed: &Agreed, one: &Move) -> Moved {
        let before = &one.before;
        if let Some(moved) = self.tied.get(&before.contact_id) {
            return *moved;
        }
        let user = one.user.as_ref();
        let stays = |rows: &Rows, members: &MemberSets| {
            let seen = rows.seen(&before.team_id, user, members);
            let observed = Observed { connection, user, standing: one.standing, rows: &seen };
            before.clone().settled(&observed) == *before
        };
        if !stays(&agreed.rows, &agreed.members) {
            // It was right once by all that is known, and nobody but the product may change it.
            Moved::Contact
        } else if stays(&agreed.rows, &self.members) {
            Moved::Settings
        } else {
            Moved::Entra
        }
    }
}
