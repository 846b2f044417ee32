//! What is left of removed contacts, and whom it stops.

use contact_sync_domain::id::ConnectionId;
use contact_sync_domain::run::RunStatus;
use jiff::SignedDuration;

use super::scene::{Scene, connection_id, contact_id, start, user};
use crate::port::StoredContact;

fn tombstone(connection: ConnectionId, source_version: u64) -> StoredContact {
    StoredContact::Tombstone {
        version: 4,
        source_version,
        connection_id: Some(connection),
        expires_at: start() + SignedDuration::from_hours(24 * 30),
    }
}

#[tokio::test]
async fn who_was_deleted_under_an_earlier_connection_comes_back_through_the_new_one() {
    let mut scene = Scene::of([user(1)]);
    let earlier = tombstone(ConnectionId::from_bits(99), 5_000);
    scene.worker.stores.world().contacts.insert(contact_id(1), earlier);
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 1));
    let contact = scene.contact(&contact_id(1)).expect("a contact");
    assert_eq!(contact.version, 5, "it goes on counting");
}

#[tokio::test]
async fn an_older_page_of_the_same_connection_does_not_bring_a_deleted_contact_back() {
    let mut scene = Scene::of([user(1)]);
    let newer = tombstone(connection_id(), 5_000);
    scene.worker.stores.world().contacts.insert(contact_id(1), newer);
    scene.full().await;
    assert_eq!(scene.contact(&contact_id(1)), None);
}
