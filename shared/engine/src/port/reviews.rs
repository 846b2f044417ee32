//! What waits for people, and what they decided.

use std::future::Future;

use contact_sync_domain::id::{ConnectionId, ContactId, ObjectId, ReviewId};
use contact_sync_domain::retention::LONGEST;
use contact_sync_domain::review::{
    Decision, Rejected, RejectedSet, ReviewAction, ReviewItem, ReviewList,
};
use jiff::{SignedDuration, Timestamp};

use super::StoreError;

/// A page of a list of review items.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewPage {
    /// The items, by their users' ids.
    pub items: Vec<ReviewItem>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// The review items, by connection, list and user.
pub trait ReviewStore: Send + Sync {
    /// The items under these lists and users, read strongly, in any order. A user has one, or two
    /// for the moment in which his moves to another list.
    fn reviews_of(
        &self,
        connection: &ConnectionId,
        places: &[(ReviewList, ObjectId)],
    ) -> impl Future<Output = Result<Vec<ReviewItem>, StoreError>> + Send;

    /// A page of a list. A cursor that is not ours is `Ok(None)`.
    fn reviews(
        &self,
        connection: &ConnectionId,
        list: ReviewList,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<ReviewPage>, StoreError>> + Send;

    /// Stores an item over the one of this version in the same list, or where none stands. `false`
    /// when something else stands there.
    fn put_review(
        &self,
        item: &ReviewItem,
        over: Option<u64>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Deletes an item if it still has this version.
    fn delete_review(
        &self,
        item: &ReviewItem,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A page of decisions, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionPage {
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// Where the list goes on.
    pub cursor: Option<String>,
}

/// Until when a decision is told: as long as what people did beside it.
pub fn decided_until(decision: &Decision) -> Timestamp {
    let days = decision.kept_days.unwrap_or(LONGEST);
    let life = SignedDuration::from_hours(24 * i64::from(days));
    decision.at.saturating_add(life).unwrap_or(Timestamp::MAX)
}

/// What people decided: kept for the record as [`decided_until`] says; what it refuses for as long
/// as the connection, so that it is not asked again.
pub trait DecisionStore: Send + Sync {
    /// Records a decision; what it refuses counts from now on.
    fn record_decision(
        &self,
        connection: &ConnectionId,
        decision: &Decision,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The decision that was made so about an item in this version, for as long as
    /// it is told.
    fn decision(
        &self,
        connection: &ConnectionId,
        item: &ReviewId,
        version: u64,
        action: ReviewAction,
    ) -> impl Future<Output = Result<Option<Decision>, StoreError>> + Send;

    /// A page of a connection's decisions, newest first. A cursor that is not ours is `Ok(None)`.
    fn decisions(
        &self,
        connection: &ConnectionId,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Option<DecisionPage>, StoreError>> + Send;

    /// Takes back whatever was refused in a connection about a person, or about a contact of his: it
    /// is asked or done again.
    fn forget_refusals(
        &self,
        connection: &ConnectionId,
        user: &ObjectId,
        contact: &ContactId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes back one thing that was refused in a connection; of others nothing changes.
    fn forget_refusal(
        &self,
        connection: &ConnectionId,
        refused: &Rejected,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Everything that was refused in a connection.
    fn refused(
        &self,
        connection: &ConnectionId,
    ) -> impl Future<Output = Result<RejectedSet, StoreError>> + Send;
}
