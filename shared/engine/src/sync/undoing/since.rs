//! What people did with a contact since, which its values do not tell: whom they put into a team, and
//! which contacts they made one of.

use std::collections::{BTreeMap, HashMap, HashSet};

use contact_sync_domain::id::{ContactId, TeamId};
use contact_sync_domain::segment::{MembershipChange, Outcome, SegmentItem};
use contact_sync_domain::team::Origin;
use contact_sync_domain::undo::Refusal;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::DEEDS;
use super::decisions::is_cut;
use super::teams::READERS;
use crate::port::{Blobs, Clock, Directory, HistoryStore, Randomness, StoredContact, TeamStore};
use crate::sync::apply::writes;
use crate::sync::decide::present;
use crate::sync::pass::Pass;
use crate::sync::{Stop, SyncStores, Worker};
use crate::undo::merges;

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Whether a contact that would be deleted is in a team because a person put it there, or merged
    /// another into it that was: somebody works with it, whoever made it.
    async fn is_held_by_hand(
        &self,
        pass: &Pass,
        undo: &SegmentItem,
        contact: &ContactId,
    ) -> Result<bool, Stop> {
        if undo.outcome != Outcome::Delete {
            return Ok(false);
        }
        let memberships = self.stores.memberships_of(&pass.account.id, contact).await?;
        let mut standing = memberships.iter().filter(|one| one.stands());
        Ok(standing.any(|one| one.origins.contains(&Origin::Manual)))
    }

    /// What people did that keeps a contact as it is, although nothing shows it in its values.
    /// `wrote` is the version that was written at the earliest, and when.
    pub(super) async fn objection(
        &self,
        pass: &Pass,
        undo: &SegmentItem,
        contact: &ContactId,
        (wrote, since): (u64, Timestamp),
    ) -> Result<Option<Refusal>, Stop> {
        if self.is_held_by_hand(pass, undo, contact).await? {
            return Ok(Some(Refusal::Team));
        }
        // Whom it is made one with would go with the contact, or be cut off from the user.
        let goes = undo.outcome == Outcome::Delete || is_cut(undo);
        let is_merged =
            goes && undo.version > wrote && self.was_merged(pass, contact, since).await?;
        Ok(is_merged.then_some(Refusal::Merged))
    }

    /// Whether a contact is gone because a person made it part of another one, which nothing that is
    /// taken back tells of.
    pub(super) async fn is_merged_away(
        &self,
        pass: &Pass,
        contact: &ContactId,
        standing: Option<&StoredContact>,
        since: Timestamp,
    ) -> Result<bool, Stop> {
        match standing {
            Some(StoredContact::Tombstone { by: None, erased: false, .. }) => {
                self.was_merged(pass, contact, since).await
            }
            Some(StoredContact::Tombstone { .. } | StoredContact::Present(_)) | None => Ok(false),
        }
    }

    async fn was_merged(
        &self,
        pass: &Pass,
        contact: &ContactId,
        since: Timestamp,
    ) -> Result<bool, Stop> {
        let deeds = self.stores.history(&pass.account.id, contact, None, DEEDS).await?;
        let deeds = deeds.map(|page| page.entries).unwrap_or_default();
        Ok(deeds.iter().any(|deed| deed.at >= since && merges(&deed.what)))
    }

    /// Of the contacts of a page that is about to be applied, those that moved between teams since the
    /// plan, or were left before. A contact's version does not tell of its teams; whose version tells
    /// of another change is not asked about.
    pub(in crate::sync) async fn moved_since(
        &self,
        pass: &Pass,
        planned: &[SegmentItem],
        stored: &HashMap<ContactId, StoredContact>,
    ) -> Result<HashSet<ContactId>, Stop> {
        let meant = planned.iter().filter(|item| writes(item));
        let meant: Vec<(&SegmentItem, &ContactId)> =
            meant.filter_map(|item| Some((item, item.contact_id.as_ref()?))).collect();
        let moved: Vec<Option<ContactId>> = stream::iter(meant)
            .map(|(item, contact)| async move {
                let standing = present(stored.get(contact)).map_or(0, |contact| contact.version);
                let is_moved = pass.spared.contains(contact)
                    || (standing == item.version && self.has_moved(pass, item, contact).await?);
                Ok::<_, Stop>(is_moved.then(|| contact.clone()))
            })
            .buffered(READERS)
            .try_collect()
            .await?;
        Ok(moved.into_iter().flatten().collect())
    }

    async fn has_moved(
        &self,
        pass: &Pass,
        item: &SegmentItem,
        contact: &ContactId,
    ) -> Result<bool, Stop> {
        for (team, version) in item.trace.iter().flat_map(|trace| &trace.teams) {
            let known = self.stores.membership(&pass.account.id, contact, team).await?;
            if known.map_or(0, |known| known.version) != *version {
                return Ok(true);
            }
        }
        self.is_held_by_hand(pass, item, contact).await
    }
}

/// What an item counts on as it is applied: in which version each of these memberships stands.
pub(super) fn counting_on(mut undo: SegmentItem, memberships: &[MembershipChange]) -> SegmentItem {
    if !memberships.is_empty() {
        let versions = memberships.iter().map(|one| (one.team_id.clone(), one.version));
        let versions: BTreeMap<TeamId, u64> = versions.collect();
        undo.trace.get_or_insert_default().teams = versions;
    }
    undo
}
