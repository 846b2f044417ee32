//! A run says by itself whether it dealt with everybody.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::proof::{contact_hash, id_hash};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use jiff::SignedDuration;
use serde_json::json;

use super::scene::{Scene, contact_id, user, user_with};
use crate::port::{Clock, DirectoryError, StoredContact};
use crate::sync::write::TOMBSTONE;

#[tokio::test]
async fn a_run_proves_whom_it_read() {
    let guest = |number| user_with(number, &json!({"userType": "Guest"}));
    let mut scene = Scene::of((1..=10).map(user).chain([guest(11), guest(12)]));
    let run = scene.full().await;
    let proof = run.proof.unwrap();
    assert_eq!((proof.people, proof.apart, proof.open, proof.missing), (12, 0, 0, 0));
    assert_eq!((proof.pages, proof.ids), (3, 12));
    let everybody = (1..=12).fold(0, |xor, number| xor ^ id_hash(&ObjectId::from_u128(number)));
    assert_eq!(proof.xor, format!("{everybody:032x}"));
    assert_eq!(proof.check(&run.counts), Ok(()));
    assert_eq!((run.counts.in_scope, run.counts.skipped), (10, 2));
}

#[tokio::test]
async fn a_run_whose_stored_pages_are_gone_does_not_pass_for_whole() {
    let mut scene = Scene::of((1..=12).map(user));
    scene.worker.directory.fail_page(2, DirectoryError::Throttled { retry_after: None });
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    scene.drive().await.unwrap();
    scene.worker.stores.world().segments.remove(&(id.clone(), 0)).expect("a stored page");
    scene.drive().await.unwrap();
    let run = scene.run(&id);
    assert_eq!(run.status, RunStatus::Partial);
    let reason = run.reason.unwrap();
    assert!(reason.contains("cannot prove"), "{reason}");
    assert_eq!(run.proof.unwrap().missing, 1);
}

/// A run of twelve new people that dies on its way, loses what `lose` takes, and is resumed.
async fn resumed_after(lose: impl FnOnce(&Scene)) -> Run {
    let mut scene = Scene::of((1..=12).map(user));
    scene.worker.directory.fail_page(2, DirectoryError::Throttled { retry_after: None });
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    scene.drive().await.unwrap();
    lose(&scene);
    scene.drive().await.unwrap();
    scene.run(&id)
}

#[tokio::test]
async fn what_a_run_wrote_is_read_back_and_what_is_not_there_makes_it_partial() {
    let whole = resumed_after(|_| {}).await;
    let proof = whole.proof.unwrap();
    assert_eq!(whole.status, RunStatus::Succeeded, "{:?}", whole.reason);
    assert_eq!((proof.written, proof.confirmed, proof.matched), (Some(12), Some(12), Some(0)));
    let contacts = (1..=12).fold(0, |xor, number| xor ^ contact_hash(&contact_id(number)));
    assert_eq!(proof.written_xor, Some(format!("{contacts:032x}")));

    let lost = resumed_after(|scene| {
        scene.worker.stores.world().contacts.remove(&contact_id(3)).expect("a written contact");
    });
    let lost = lost.await;
    assert_eq!(lost.status, RunStatus::Partial);
    assert_eq!(lost.proof.unwrap().confirmed, Some(11));
    let reason = lost.reason.unwrap();
    assert!(reason.contains("1 of the 12 contacts that it wrote were not there"), "{reason}");
}

#[tokio::test]
async fn a_write_that_was_lost_is_no_confirmed_one_and_what_people_did_since_is() {
    let mut scene = Scene::of((1..=6).map(user));
    scene.full().await;
    let before = scene.contact(&contact_id(2)).unwrap();
    scene.pass(SignedDuration::from_hours(1));
    for number in 1..=6 {
        let moved = user_with(number, &json!({"jobTitle": "Captain"}));
        scene.worker.directory.inner.entra().put_user(moved);
    }
    scene.worker.directory.fail_page(2, DirectoryError::Throttled { retry_after: None });
    let id = scene.queue(RunKind::Full, Trigger::Manual).await;
    scene.drive().await.unwrap();
    {
        let mut world = scene.worker.stores.world();
        // A table that was restored to a point before the write.
        world.contacts.insert(before.id.clone(), StoredContact::Present(Box::new(before)));
        // Somebody deleted this one meanwhile, and edited that one.
        let now = scene.worker.clock.now();
        let tombstone = StoredContact::Tombstone {
            version: 3,
            source_version: u64::MAX,
            connection_id: None,
            expires_at: now + TOMBSTONE,
            by: None,
            erased: false,
        };
        world.contacts.insert(contact_id(1), tombstone);
        let Some(StoredContact::Present(edited)) = world.contacts.get_mut(&contact_id(3)) else {
            panic!("a written contact")
        };
        edited.version += 1;
        edited.updated_at = now;
    }
    scene.drive().await.unwrap();
    let run = scene.run(&id);
    let proof = run.proof.unwrap();
    assert_eq!((proof.written, proof.confirmed, proof.matched), (Some(6), Some(5), Some(6)));
    assert_eq!(run.status, RunStatus::Partial);
}

#[tokio::test]
async fn of_many_contacts_the_index_tells_and_nobody_is_read_singly() {
    let mut scene = Scene::of((1..=700).map(user));
    scene.pages_of(999);
    let run = scene.full().await;
    let proof = run.proof.unwrap();
    assert_eq!((proof.written, proof.confirmed), (Some(700), Some(700)));
    let reads = scene.worker.stores.world().contact_reads;
    assert_eq!(reads, 0, "a first load reads no contact");
}

#[tokio::test]
async fn a_run_that_wrote_nothing_reads_nothing_back() {
    let mut scene = Scene::of((1..=20).map(user));
    scene.full().await;
    let before = scene.worker.stores.world().contact_reads;
    let run = scene.full().await;
    let proof = run.proof.unwrap();
    assert_eq!((proof.written, proof.confirmed, proof.matched), (Some(0), Some(0), Some(20)));
    assert_eq!(scene.worker.stores.world().contact_reads, before);
}
