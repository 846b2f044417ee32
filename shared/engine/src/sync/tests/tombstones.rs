//! What is left of removed contacts, and whom it stops.

use contact_sync_domain::connection::Connection;
use contact_sync_domain::email::email_key;
use contact_sync_domain::event::RequestTrigger;
use contact_sync_domain::id::{AccountId, ConnectionId, ObjectId};
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use jiff::SignedDuration;
use serde_json::json;

use super::replay::{CALLS, settle};
use super::scene::{Scene, account_id, connection_id, contact_id, start, user, user_with};
use crate::memory::World;
use crate::port::{ConnectionStore, ContactStore, SettingsVersion, StoredContact};

fn tombstone(connection: ConnectionId, source_version: u64) -> StoredContact {
    StoredContact::Tombstone {
        version: 4,
        source_version,
        connection_id: Some(connection),
        expires_at: start() + SignedDuration::from_hours(24 * 30),
        by: None,
        erased: false,
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
    let run = scene.full().await;
    assert_eq!(scene.contact(&contact_id(1)), None);
    assert_eq!((run.counts.created, run.counts.skipped), (0, 1), "nobody was created");
}

#[tokio::test]
async fn a_connection_that_is_moved_away_and_back_makes_its_contacts_again() {
    let mut scene = Scene::of((1..=3).map(user));
    for _ in 0..3 {
        scene.full().await;
    }
    let stores = &scene.worker.stores;
    for number in 1..=3 {
        let contact = scene.contact(&contact_id(number)).expect("a contact");
        let until = start() + SignedDuration::from_hours(24 * 30);
        stores.remove(&contact, None, until, None).await.unwrap();
        let key = email_key(contact.email().unwrap());
        ContactStore::release(stores, &account_id(), &key, &contact.id).await.unwrap();
    }
    let here = stores.world().connections[&connection_id()].clone();
    let there = Connection { account_id: AccountId::from_bits(2), ..here.clone() };
    assert!(stores.move_connection(&here, &there).await.unwrap());
    assert!(stores.move_connection(&there, &here).await.unwrap());
    let run = scene.full().await;
    assert_eq!((run.status, run.counts.created), (RunStatus::Succeeded, 3));
    for number in 1..=3 {
        assert!(scene.contact(&contact_id(number)).is_some(), "user {number} has none");
    }
}

/// What deleting a contact does: its user is ignored from now on, then it is removed.
fn delete_contact_3(world: &mut World) {
    let versions = world.settings.entry(connection_id()).or_default();
    let mut settings = versions.last().map(|last| last.settings.clone()).unwrap_or_default();
    settings.scope.ignored_users.push(ObjectId::from_u128(3));
    let version = u64::try_from(versions.len()).unwrap() + 1;
    versions.push(SettingsVersion { version, settings, ..SettingsVersion::never_saved() });
    let id = contact_id(3);
    let Some(StoredContact::Present(contact)) = world.contacts.get(&id) else { return };
    let buried = StoredContact::Tombstone {
        version: contact.version + 1,
        source_version: contact.sync.as_ref().map_or(0, |mark| mark.source_version),
        connection_id: Some(connection_id()),
        expires_at: start() + SignedDuration::from_hours(24 * 30),
        by: None,
        erased: false,
    };
    world.contacts.insert(id, buried);
    world.claims.retain(|_, owner| *owner != contact_id(3));
}

fn promote(scene: &Scene) {
    let mut entra = scene.worker.directory.inner.entra();
    for number in [3, 5, 8] {
        entra.put_user(user_with(number, &json!({"jobTitle": "Captain"})));
    }
}

#[tokio::test]
async fn a_contact_that_a_person_deletes_while_a_run_goes_on_stays_deleted() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=8).map(user));
        scene.full().await;
        promote(&scene);
        let id = scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.worker.stores.world().meanwhile = Some((calls, delete_contact_3));
        scene.drive().await.unwrap();
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(calls > 20, "{calls} calls");
            return;
        }
        assert_eq!(scene.contact(&contact_id(3)), None, "deleted after {calls} calls");
        let run = scene.run(&id);
        assert_eq!((run.status, run.counts.seen), (RunStatus::Succeeded, 8), "{calls}");
        assert_eq!(run.counts.created, 0, "deleted after {calls} calls");
    }
}

#[tokio::test]
async fn a_contact_that_a_person_deletes_while_a_look_goes_on_stays_deleted() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=8).map(user));
        scene.full().await;
        promote(&scene);
        scene.worker.stores.world().meanwhile = Some((calls, delete_contact_3));
        scene.drive_as(RunKind::Delta, Some(RequestTrigger::Manual)).await.unwrap();
        if scene.worker.stores.world().meanwhile.is_some() {
            assert!(calls > 10, "{calls} calls");
            return;
        }
        assert_eq!(scene.contact(&contact_id(3)), None, "deleted after {calls} calls");
    }
}

#[tokio::test]
async fn a_contact_that_a_person_deletes_between_two_slices_stays_deleted() {
    for calls in 0..CALLS {
        let mut scene = Scene::of((1..=8).map(user));
        scene.full().await;
        promote(&scene);
        scene.queue(RunKind::Full, Trigger::Manual).await;
        scene.die_after(calls);
        if scene.drive().await.is_ok() {
            return;
        }
        scene.revive();
        delete_contact_3(&mut scene.worker.stores.world());
        settle(&mut scene, RunKind::Full).await;
        assert_eq!(scene.contact(&contact_id(3)), None, "deleted after {calls} calls");
    }
}
