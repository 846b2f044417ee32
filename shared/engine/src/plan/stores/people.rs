//! What people are asked and decided, and teams: read as they are, and left so by plans.

use contact_sync_domain::contact::Contact;
use contact_sync_domain::history::HistoryEntry;
use contact_sync_domain::id::{AccountId, ConnectionId, ContactId, ObjectId, ReviewId, TeamId};
use contact_sync_domain::review::{
    Decision, Rejected, RejectedSet, ReviewAction, ReviewItem, ReviewList,
};
use contact_sync_domain::team::{Membership, Team};
use jiff::Timestamp;

use super::LaneStores;
use crate::port::{
    ContactStore, ContactWrite, DecisionPage, DecisionStore, HistoryPage, HistoryStore,
    MembershipKey, MembershipPage, Renamed, ReviewPage, ReviewStore, StoreError, TeamStore,
    WriteOutcome,
};

impl<S: DecisionStore> DecisionStore for LaneStores<S> {
    async fn record_decision(
        &self,
        connection: &ConnectionId,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        self.store.record_decision(connection, decision).await
    }

    async fn decision(
        &self,
        connection: &ConnectionId,
        item: &ReviewId,
        version: u64,
        action: ReviewAction,
    ) -> Result<Option<Decision>, StoreError> {
        self.store.decision(connection, item, version, action).await
    }

    async fn decisions(
        &self,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<DecisionPage>, StoreError> {
        self.store.decisions(connection, cursor, limit).await
    }

    async fn forget_refusals(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        self.store.forget_refusals(connection, user, contact).await
    }

    /// A plan forgets nothing.
    async fn forget_refusal(
        &self,
        connection: &ConnectionId,
        refused: &Rejected,
    ) -> Result<(), StoreError> {
        if self.over.is_plan() {
            return Ok(());
        }
        self.store.forget_refusal(connection, refused).await
    }

    async fn refused(&self, connection: &ConnectionId) -> Result<RejectedSet, StoreError> {
        self.store.refused(connection).await
    }
}

impl<S: ReviewStore> ReviewStore for LaneStores<S> {
    async fn reviews_of(
        &self,
        connection: &ConnectionId,
        places: &[(ReviewList, ObjectId)],
    ) -> Result<Vec<ReviewItem>, StoreError> {
        self.store.reviews_of(connection, places).await
    }

    async fn reviews(
        &self,
        connection: &ConnectionId,
        list: ReviewList,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ReviewPage>, StoreError> {
        self.store.reviews(connection, list, cursor, limit).await
    }

    /// A plan asks nobody anything.
    async fn put_review(&self, item: &ReviewItem, over: Option<u64>) -> Result<bool, StoreError> {
        if self.over.is_plan() { Ok(true) } else { self.store.put_review(item, over).await }
    }

    async fn delete_review(&self, item: &ReviewItem) -> Result<(), StoreError> {
        if self.over.is_plan() { Ok(()) } else { self.store.delete_review(item).await }
    }
}

impl<S: TeamStore> TeamStore for LaneStores<S> {
    async fn create_team(&self, team: &Team) -> Result<bool, StoreError> {
        self.store.create_team(team).await
    }

    async fn team(&self, account: &AccountId, id: &TeamId) -> Result<Option<Team>, StoreError> {
        self.store.team(account, id).await
    }

    async fn teams(&self, account: &AccountId) -> Result<Vec<Team>, StoreError> {
        self.store.teams(account).await
    }

    async fn rename_team(&self, old: &Team, new: &Team) -> Result<Renamed, StoreError> {
        self.store.rename_team(old, new).await
    }

    async fn delete_team(&self, team: &Team) -> Result<(), StoreError> {
        self.store.delete_team(team).await
    }

    async fn membership(
        &self,
        account: &AccountId,
        contact: &ContactId,
        team: &TeamId,
    ) -> Result<Option<Membership>, StoreError> {
        let planned = self.over.look().and_then(|over| over.membership(contact, team).cloned());
        match planned {
            Some(planned) => Ok(Some(planned)),
            None => self.store.membership(account, contact, team).await,
        }
    }

    async fn memberships_of(
        &self,
        account: &AccountId,
        contact: &ContactId,
    ) -> Result<Vec<Membership>, StoreError> {
        self.store.memberships_of(account, contact).await
    }

    async fn memberships_of_all(
        &self,
        account: &AccountId,
        contacts: &[ContactId],
    ) -> Result<Vec<Vec<Membership>>, StoreError> {
        self.store.memberships_of_all(account, contacts).await
    }

    async fn team_memberships(
        &self,
        account: &AccountId,
        team: &TeamId,
        shard: u8,
        after: Option<&ContactId>,
        limit: u16,
    ) -> Result<MembershipPage, StoreError> {
        self.store.team_memberships(account, team, shard, after, limit).await
    }

    async fn memberships(
        &self,
        account: &AccountId,
        shard: u8,
        after: Option<&MembershipKey>,
    ) -> Result<MembershipPage, StoreError> {
        self.store.memberships(account, shard, after).await
    }

    /// A plan moves nobody between teams.
    async fn put_membership(&self, membership: &Membership) -> Result<bool, StoreError> {
        if let Some(mut over) = self.over.look() {
            over.put_membership(membership);
            return Ok(true);
        }
        self.store.put_membership(membership).await
    }
}

/// What people do is no part of a plan: in one it counts as written, and is told nobody.
impl<S: ContactStore + HistoryStore> HistoryStore for LaneStores<S> {
    async fn write_told(
        &self,
        write: &ContactWrite,
        entry: &HistoryEntry,
    ) -> Result<WriteOutcome, StoreError> {
        if self.over.is_plan() {
            return self.write(write).await;
        }
        self.store.write_told(write, entry).await
    }

    async fn remove_told(
        &self,
        contact: &Contact,
        expires_at: Timestamp,
        entry: &HistoryEntry,
    ) -> Result<WriteOutcome, StoreError> {
        if self.over.is_plan() {
            return self.remove(contact, None, expires_at, None).await;
        }
        self.store.remove_told(contact, expires_at, entry).await
    }

    async fn tell(&self, account: &AccountId, entry: &HistoryEntry) -> Result<(), StoreError> {
        if self.over.is_plan() { Ok(()) } else { self.store.tell(account, entry).await }
    }

    async fn history(
        &self,
        account: &AccountId,
        contact: &ContactId,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Option<HistoryPage>, StoreError> {
        self.store.history(account, contact, before, limit).await
    }
}
