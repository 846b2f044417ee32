//! What waits for people, and what they decided.

use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, ReviewId};
use contact_sync_domain::review::{
    Decision, Rejected, RejectedSet, ReviewAction, ReviewItem, ReviewList,
};

use super::{MemoryStore, page};
use crate::port::{DecisionPage, DecisionStore, ReviewPage, ReviewStore, StoreError};

impl ReviewStore for MemoryStore {
    async fn reviews_of(
        &self,
        connection: &ConnectionId,
        places: &[(ReviewList, ObjectId)],
    ) -> Result<Vec<ReviewItem>, StoreError> {
        let world = self.up()?;
        let of = |(list, user): &(ReviewList, ObjectId)| {
            world.reviews.get(&(connection.clone(), *list, user.clone())).cloned()
        };
        Ok(places.iter().filter_map(of).collect())
    }

    async fn reviews(
        &self,
        connection: &ConnectionId,
        list: ReviewList,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<ReviewPage>, StoreError> {
        let world = self.up()?;
        let Ok(after) = cursor.map(ObjectId::parse).transpose() else { return Ok(None) };
        let own = world
            .reviews
            .iter()
            .filter(|((of, in_list, _), _)| of == connection && *in_list == list)
            // Whoever was decided since is no longer there to be counted.
            .filter(|((_, _, user), _)| after.as_ref().is_none_or(|after| user > after));
        let mut items: Vec<ReviewItem> = own.map(|(_, item)| item.clone()).collect();
        let goes_on = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let last = items.last().filter(|_| goes_on).map(|item| item.user.object_id.to_string());
        Ok(Some(ReviewPage { items, cursor: last }))
    }

    async fn put_review(&self, item: &ReviewItem, over: Option<u64>) -> Result<bool, StoreError> {
        let mut world = self.up()?;
        let place = (item.connection_id.clone(), item.list, item.user.object_id.clone());
        let standing = world.reviews.get(&place);
        let may = standing.map(|standing| standing.version) == over || standing == Some(item);
        if may {
            world.reviews.insert(place, item.clone());
        }
        Ok(may)
    }

    async fn delete_review(&self, item: &ReviewItem) -> Result<(), StoreError> {
        let mut world = self.up()?;
        let place = (item.connection_id.clone(), item.list, item.user.object_id.clone());
        if world.reviews.get(&place).is_some_and(|standing| standing.version == item.version) {
            world.reviews.remove(&place);
        }
        Ok(())
    }
}

impl DecisionStore for MemoryStore {
    async fn record_decision(
        &self,
        connection: &ConnectionId,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        self.up()?.decisions.entry(connection.clone()).or_default().push(decision.clone());
        Ok(())
    }

    async fn decision(
        &self,
        connection: &ConnectionId,
        item: &ReviewId,
        version: u64,
        action: ReviewAction,
    ) -> Result<Option<Decision>, StoreError> {
        let world = self.up()?;
        let own = world.decisions.get(connection).into_iter().flatten().rev();
        let mut same = own
            .filter(|made| made.item == *item && made.version == version && made.action == action);
        Ok(same.next().cloned())
    }

    async fn decisions(
        &self,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Option<DecisionPage>, StoreError> {
        let world = self.up()?;
        let own = world.decisions.get(connection).into_iter().flatten().rev().cloned();
        let page = page(own.collect(), cursor, limit);
        Ok(page.map(|(decisions, cursor)| DecisionPage { decisions, cursor }))
    }

    async fn forget_refusals(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> Result<(), StoreError> {
        for decision in self.up()?.decisions.entry(connection.clone()).or_default() {
            decision.refused.retain(|refused| !refused.is_about(user, contact));
        }
        Ok(())
    }

    async fn forget_refusal(
        &self,
        connection: &ConnectionId,
        refused: &Rejected,
    ) -> Result<(), StoreError> {
        for decision in self.up()?.decisions.entry(connection.clone()).or_default() {
            decision.refused.retain(|one| one.key() != refused.key());
        }
        Ok(())
    }

    async fn refused(&self, connection: &ConnectionId) -> Result<RejectedSet, StoreError> {
        let world = self.up()?;
        let own = world.decisions.get(connection).into_iter().flatten();
        Ok(own.flat_map(|decision| &decision.refused).map(Rejected::key).collect())
    }
}
