//! What waits for people in one test.

use std::collections::BTreeMap;

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::review::{ReviewItem, ReviewList, ReviewUser};
use contact_sync_engine::memory::World;
use jiff::Timestamp;

use super::harness::{account_id, connection_id};

/// A question about this user, with nothing to choose from yet.
pub(super) fn question(since: Timestamp, list: ReviewList, number: u128) -> ReviewItem {
    ReviewItem {
        account_id: account_id(),
        connection_id: connection_id(),
        list,
        version: 1,
        user: ReviewUser {
            object_id: ObjectId::from_u128(number),
            display_name: Some(format!("Person {number}")),
            user_principal_name: None,
        },
        contact_id: None,
        candidates: Vec::new(),
        versions: BTreeMap::new(),
        changes: Vec::new(),
        status: None,
        matched: None,
        suggested: None,
        departure: None,
        reason: None,
        remedy: None,
        run: "run_1".to_owned(),
        since,
    }
}

/// Puts a question to people.
pub(super) fn put(world: &mut World, item: &ReviewItem) {
    let place = (connection_id(), item.list, item.user.object_id.clone());
    world.reviews.insert(place, item.clone());
}
