//! A run says by itself whether it dealt with everybody.

use contact_sync_domain::id::ObjectId;
use contact_sync_domain::proof::id_hash;
use contact_sync_domain::run::{RunKind, RunStatus, Trigger};
use serde_json::json;

use super::scene::{Scene, user, user_with};
use crate::port::DirectoryError;

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
