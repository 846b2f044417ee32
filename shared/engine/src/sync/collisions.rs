//! E-mails that two people of one connection want: chains in order, cycles in one transaction, the
//! rest fails for each record with its reason.

use std::collections::{HashMap, HashSet};

use contact_sync_domain::directory::DirectoryUser;
use contact_sync_domain::id::{ContactId, ObjectId};
use contact_sync_domain::reconcile::blank_item;
use contact_sync_domain::segment::{Outcome, Phase, Segment, SegmentItem};
use contact_sync_domain::sync_state::Stage;
use futures::{StreamExt, TryStreamExt, stream};

use super::batch::new_email_key;
use super::pass::{Held, Pass};
use super::reading::people_hash;
use super::{Stop, SyncStores, Worker};
use crate::port::{
    Blobs, Clock, ContactStore, Directory, PendingKind, PendingStore, Randomness, StoredContact,
};

/// How many people are decided and written as one segment.
const PER_SEGMENT: usize = 200;

/// How many people are read again by one request (Graph: getByIds takes 1,000 ids).
const READ: usize = 1_000;

/// How many people are decided at the same time: each may ask who has an address.
const DECIDERS: usize = 16;

/// Why somebody fails whose address is taken, where nothing more is known.
const TAKEN: &str = "another person in the directory has this e-mail";

/// What helps then.
const GIVE_ANOTHER: &str = "give one of the two another e-mail in Entra";

/// Why somebody fails who waited, and whom the directory does not find at the end of the run.
const LOST: &str = "the directory did not find this person again when it was his turn";

/// What helps then.
const LOOKED_FOR: &str = "nothing to do: the next full run looks again";

/// One person whose address another contact has.
pub(super) struct Party {
    pub(super) user: DirectoryUser,
    pub(super) contact_id: ContactId,
    pub(super) stored: Option<StoredContact>,
}

impl<S, D, B, C, R> Worker<S, D, B, C, R>
where
    S: SyncStores,
    D: Directory,
    B: Blobs,
    C: Clock,
    R: Randomness,
{
    /// Resolves what waited for the end of the run.
    pub(super) async fn collisions(&self, held: &mut Held, pass: &mut Pass) -> Result<(), Stop> {
        let waiting = self.stores.pending(&pass.connection.id, PendingKind::Collision).await?;
        let users: Vec<ObjectId> =
            waiting.iter().filter_map(|item| ObjectId::parse(&item.key).ok()).collect();
        if !users.is_empty() {
            self.mark_asked(held, pass).await?;
            self.load_lookup(pass).await?;
            let mut open = self.those_waiting(held, pass, users).await?;
            // Each round that frees an address may let the next in; each gets somebody further.
            loop {
                held.check_time(&self.clock)?;
                let before = open.len();
                open = self.try_all(held, pass, open).await?;
                if open.is_empty() {
                    break;
                }
                if open.len() == before && !self.swap_cycles(held, pass, &mut open).await? {
                    break;
                }
            }
            self.fail_rest(held, pass, &open).await?;
            let keys: Vec<String> = waiting.into_iter().map(|item| item.key).collect();
            self.stores.delete_pending(&pass.connection.id, PendingKind::Collision, &keys).await?;
        }
        pass.point.stage = Stage::References;
        Ok(())
    }

    /// The people who wait, as this slice read them; whom an earlier slice read is read again. Who is
    /// not found then is decided here: as failed, for nothing tells whether he is gone.
    async fn those_waiting(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        users: Vec<ObjectId>,
    ) -> Result<Vec<DirectoryUser>, Stop> {
        let mut open = Vec::with_capacity(users.len());
        let mut unknown = Vec::new();
        for id in users {
            match pass.deferred.remove(&id) {
                Some(user) => open.push(user),
                None => unknown.push(id),
            }
        }
        for ids in unknown.chunks(READ) {
            held.check_time(&self.clock)?;
            let read = self.read_users(pass, ids).await?;
            pass.point.graph.add(read.cost);
            let found: HashSet<&ObjectId> = read.found.iter().map(|user| &user.id).collect();
            let lost: Vec<ObjectId> =
                ids.iter().filter(|id| !found.contains(id)).cloned().collect();
            open.extend(read.found);
            self.fail_lost(held, pass, &lost).await?;
        }
        Ok(open)
    }

    async fn fail_lost(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        lost: &[ObjectId],
    ) -> Result<(), Stop> {
        if lost.is_empty() {
            return Ok(());
        }
        let failed = |user: &ObjectId| SegmentItem {
            reason: Some(LOST.to_owned()),
            remedy: Some(LOOKED_FOR.to_owned()),
            ..blank_item(user, None, Outcome::Failed)
        };
        let segment = judgement(held, pass, lost.iter().map(failed).collect());
        self.store_and_settle(held, pass, segment, HashMap::new(), &HashMap::new()).await?;
        self.wait_no_more(pass, lost.iter()).await
    }

    /// Decides everybody anew, some at a time; whoever still collides is left over.
    async fn try_all(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        users: Vec<DirectoryUser>,
    ) -> Result<Vec<DirectoryUser>, Stop> {
        let mut left = Vec::new();
        for users in users.chunks(PER_SEGMENT) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            left.extend(self.try_some(held, pass, users.to_vec()).await?);
        }
        Ok(left)
    }

    async fn try_some(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        users: Vec<DirectoryUser>,
    ) -> Result<Vec<DirectoryUser>, Stop> {
        let mut left = Vec::new();
        let mut items = Vec::new();
        let mut stored = HashMap::new();
        let mut given = HashSet::new();
        let mut by_id = HashMap::new();
        for (user, item, base) in self.decide_parties(pass, users).await? {
            let key = new_email_key(&item);
            let clash = key.is_some_and(|key| !given.insert(key));
            if item.outcome == Outcome::Deferred || clash {
                left.push(user);
                continue;
            }
            if let (Some(id), Some(base)) = (&item.contact_id, base) {
                stored.insert(id.clone(), base);
            }
            pass.wants.note(&item, item.outcome, pass.point.page);
            by_id.insert(user.id.clone(), user);
            items.push(item);
        }
        let settled = items.into_iter().map(|item| match by_id.get(&item.object_id) {
            Some(user) if item.claims() && pass.is_contested(&item) => {
                pass.rules.ask_whose(pass.rules.put_off(item, user))
            }
            _ => item,
        });
        let items = settled.collect();
        let items = self.stage_removals(pass, items).await?;
        if !items.is_empty() {
            let segment = judgement(held, pass, items);
            self.store_and_settle(held, pass, segment, stored, &by_id).await?;
            self.wait_no_more(pass, by_id.keys()).await?;
        }
        Ok(left)
    }

    /// Decides people anew, from their contacts as they are now.
    async fn decide_parties(
        &self,
        pass: &Pass,
        users: Vec<DirectoryUser>,
    ) -> Result<Vec<(DirectoryUser, SegmentItem, Option<StoredContact>)>, Stop> {
        let parties = self.parties(pass, users).await?;
        stream::iter(parties)
            .map(|Party { user, contact_id, stored }| async move {
                let (item, base) = self.decide_again(pass, &user, &contact_id, stored).await?;
                Ok((user, item, base))
            })
            .buffered(DECIDERS)
            .try_collect()
            .await
    }

    /// Their waiting is over: a slice that continues need not decide them again.
    pub(super) async fn wait_no_more(
        &self,
        pass: &Pass,
        users: impl Iterator<Item = &ObjectId>,
    ) -> Result<(), Stop> {
        let keys: Vec<String> = users.map(ToString::to_string).collect();
        self.stores.delete_pending(&pass.connection.id, PendingKind::Collision, &keys).await?;
        Ok(())
    }

    async fn fail_rest(
        &self,
        held: &mut Held,
        pass: &mut Pass,
        open: &[DirectoryUser],
    ) -> Result<(), Stop> {
        for users in open.chunks(PER_SEGMENT) {
            held.check_time(&self.clock)?;
            self.check_allowed(pass).await?;
            let mut items = Vec::with_capacity(users.len());
            for (user, item, _) in self.decide_parties(pass, users.to_vec()).await? {
                items.push(self.without_address(pass, &user, item).await?);
            }
            let segment = judgement(held, pass, items);
            self.store_and_settle(held, pass, segment, HashMap::new(), &HashMap::new()).await?;
            self.wait_no_more(pass, users.iter().map(|user| &user.id)).await?;
        }
        Ok(())
    }

    /// What becomes of somebody whose address stays another's.
    async fn without_address(
        &self,
        pass: &Pass,
        user: &DirectoryUser,
        item: SegmentItem,
    ) -> Result<SegmentItem, Stop> {
        if pass.is_contested(&item) {
            // Whose the contact is comes before what its address shall be.
            let taking = self.decide_if_free(pass, user).await?;
            if taking.claims() {
                return Ok(pass.rules.ask_whose(pass.rules.put_off(taking, user)));
            }
        }
        Ok(SegmentItem {
            outcome: Outcome::Failed,
            adopted: false,
            awaits: None,
            fields: Vec::new(),
            pending: Vec::new(),
            link: None,
            reason: item.reason.or_else(|| Some(TAKEN.to_owned())),
            remedy: item.remedy.or_else(|| Some(GIVE_ANOTHER.to_owned())),
            ..item
        })
    }

    pub(super) async fn parties(
        &self,
        pass: &Pass,
        users: Vec<DirectoryUser>,
    ) -> Result<Vec<Party>, Stop> {
        let ids: Vec<ObjectId> = users.iter().map(|user| user.id.clone()).collect();
        let adopted = self.stores.adopted(&pass.account.id, &pass.tenant, &ids).await?;
        let contacts: Vec<ContactId> = ids
            .iter()
            .zip(adopted)
            .map(|(user, adopted)| {
                adopted.unwrap_or_else(|| ContactId::derived(&pass.account.id, &pass.tenant, user))
            })
            .collect();
        let mut stored = HashMap::new();
        self.read_contacts(pass, &contacts, &mut stored).await?;
        Ok(users
            .into_iter()
            .zip(contacts)
            .map(|(user, contact_id)| {
                let stored = stored.remove(&contact_id);
                Party { user, contact_id, stored }
            })
            .collect())
    }
}

/// A segment of what the end of the run decided.
pub(super) fn judgement(held: &Held, pass: &Pass, items: Vec<SegmentItem>) -> Segment {
    Segment {
        generation: pass.point.generation,
        link_hash: people_hash(items.iter().map(|item| &item.object_id)),
        ..Segment::of(pass.point.page, Phase::Judgement, held.fence(), items)
    }
}
