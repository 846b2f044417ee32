//! Everything since a moment, taken back in portions: the newest first, each up to where the one
//! before it began.

use contact_sync_domain::connection::ConnectionStatus;
use contact_sync_domain::id::{ObjectId, RunId};
use contact_sync_domain::run::{Run, RunKind, RunStatus, Trigger};
use contact_sync_domain::segment::Outcome;
use contact_sync_domain::undo::Undoes;
use jiff::SignedDuration;
use serde_json::json;

use super::scene::{Scene, account_id, connection_id, contact_id};
use super::undo_decisions::decided;
use super::undo_scene::{apply, held, items, put, synced};
use crate::port::{Clock, SyncStateStore};

/// Takes this back as a person would: looks, and has it done. How many are left.
async fn take_back(scene: &mut Scene, undoes: Undoes) -> (Run, usize) {
    scene.pass(SignedDuration::from_mins(1));
    let bits = u128::MAX - u128::try_from(scene.runs().len()).unwrap();
    let place = (account_id(), connection_id());
    let kind = (RunKind::Undo, Trigger::Manual);
    let now = scene.worker.clock.now();
    let queued = Run::queued(RunId::from_bits(bits), place, kind, 1, now);
    let run = Run { undoes: Some(Box::new(undoes)), ..queued };
    scene.worker.stores.enqueue(&run).await.unwrap();
    scene.drive_as(RunKind::Undo, None).await.unwrap();
    let planned = scene.run(&run.id);
    assert_eq!(planned.status, RunStatus::Planned, "{planned:?}");
    let told = items(scene, &planned).await;
    let left = told.iter().filter(|item| item.outcome == Outcome::Left).count();
    let done = apply(scene, &planned).await;
    assert!(done.status.is_terminal(), "{done:?}");
    scene.set_status(ConnectionStatus::Enabled);
    (done, left)
}

#[tokio::test]
async fn two_portions_give_back_what_one_undo_does() {
    let (mut scene, before, since, runs) = decided().await;
    let middle = scene.run(&runs[0]).wrote_from();
    let newest = Undoes { runs, since: Some(middle), ..Undoes::default() };
    let (first, left) = take_back(&mut scene, newest).await;
    assert_eq!(left, 0);
    assert_ne!(held(&scene), before, "what was decided before that moment stands");
    let portions = vec![first.id];
    let rest = Undoes { since: Some(since), until: Some(middle), portions, ..Undoes::default() };
    let (_, left) = take_back(&mut scene, rest).await;
    assert_eq!(left, 0, "nothing of the first portion is told of, or in the way");
    assert_eq!(held(&scene), before);
}

/// A run deleted a contact, and a later one made it anew with other values. Once the later one is
/// taken back nobody but that undo removed the contact: it stands again as it was at first.
#[tokio::test]
async fn a_contact_that_was_deleted_and_made_anew_comes_back_by_the_second_portion() {
    let mut scene = synced().await;
    let before = held(&scene);
    let since = scene.worker.clock.now() + SignedDuration::from_mins(1);
    scene.pass(SignedDuration::from_mins(2));
    scene.worker.directory.inner.entra().remove_user(&ObjectId::from_u128(6));
    let older = scene.full().await;
    assert!(scene.contact(&contact_id(6)).is_none());
    scene.pass(SignedDuration::from_mins(2));
    put(&scene, 6, &json!({"jobTitle": "Back"}));
    let newer = scene.full().await;
    assert!(scene.contact(&contact_id(6)).is_some());
    let middle = scene.run(&newer.id).wrote_from();
    let newest = Undoes { runs: vec![newer.id], since: Some(middle), ..Undoes::default() };
    let (first, left) = take_back(&mut scene, newest).await;
    assert_eq!((left, scene.contact(&contact_id(6))), (0, None));
    let rest = Undoes {
        runs: vec![older.id],
        since: Some(since),
        until: Some(middle),
        portions: vec![first.id],
        ..Undoes::default()
    };
    let (_, left) = take_back(&mut scene, rest).await;
    assert_eq!(left, 0, "the first portion is no later deed of somebody else");
    assert_eq!(held(&scene), before);
}
