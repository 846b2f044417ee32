//! An address is one contact's, whatever happens in which order.

use contact_sync_domain::id::ContactId;
use contact_sync_domain::run::RunStatus;

use super::scene::{Scene, account_id, contact_id, start, user};
use crate::port::CLAIM_STANDS;

#[tokio::test]
async fn everybody_in_scope_gets_a_contact_and_the_next_run_changes_nothing() {
    let mut scene = Scene::of((1..=12).map(user));
    let first = scene.full().await;
    assert_eq!((first.status, first.counts.created), (RunStatus::Succeeded, 12));
    let second = scene.full().await;
    assert_eq!((second.status, second.counts.unchanged), (RunStatus::Succeeded, 12));
    assert_eq!(scene.addresses().len(), 12);
}

#[tokio::test]
async fn an_address_that_somebody_claimed_a_moment_ago_is_left_to_him() {
    let mut scene = Scene::of([user(1), user(2)]);
    let place = (account_id(), "user1@contoso.example".to_owned());
    // Somebody claimed it and is about to write his contact.
    {
        let mut world = scene.worker.stores.world();
        world.claims.insert(place.clone(), ContactId::from_bits(9));
        world.claimed_at.insert(place, start());
    }
    let run = scene.full().await;
    assert_eq!(run.status, RunStatus::Partial);
    assert_eq!((run.counts.created, run.counts.failed), (1, 1));
    assert_eq!(scene.contact(&contact_id(1)), None);
    // He never did: his claim is nobody's by now.
    scene.pass(CLAIM_STANDS);
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 1));
    assert!(scene.contact(&contact_id(1)).is_some());
}
